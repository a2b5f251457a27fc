"""The box itself: its clock, antennas, inputs, and what it hears. Survives connections; a restart makes a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.llrp.codec.values import Element
from simulators.air import Air, Heard
from simulators.llrp_reader.elements import element
from simulators.llrp_reader.families import KINDS
from simulators.llrp_reader.options import GPOS, ReaderOptions


class Device:
    """A reader's hardware. `now` is always the host's clock in seconds; the reader's own may differ (`set_clock`)."""

    def __init__(self, options: ReaderOptions, air: Air, now: float) -> None:
        self.options, self.air, self.kind = options, air, KINDS[options.family]
        self.booted = now
        self.offset = 0.0
        self.utc = options.utc
        self.antennas = range(1, options.antennas + 1)
        self.unplugged: set[int] = set()
        self.inputs = dict.fromkeys(range(1, options.gpis + 1), False)
        self.outputs = dict.fromkeys(range(1, GPOS + 1), False)
        self.stuck: set[int] = set()
        self.switched: Callable[[int, bool], None] = lambda _port, _state: None

    @property
    def holding(self) -> bool:
        """Whether it can hold events and reports for a client that comes back."""
        wish = self.options.holding
        return self.kind.holding if wish is None else wish

    def stamp(self, now: float) -> int:
        """Microseconds: UTC of the reader's own clock, or its uptime where it has no such clock."""
        return int((now + self.offset if self.utc else now - self.booted) * 1_000_000)

    def stamped(self, now: float) -> Element:
        """The same as UTCTimestamp or Uptime (section 13.1.6.1)."""
        return element("UTCTimestamp" if self.utc else "Uptime", Microseconds=self.stamp(now))

    def drive(self, port: int, *, state: bool) -> None:
        """An output is switched; `switched` hears of it where that changes something."""
        if self.outputs[port] is not state:
            self.outputs[port] = state
            self.switched(port, state)

    def set_clock(self, utc: float, now: float) -> None:
        """Sets the reader's own clock to `utc` Unix seconds; it goes on from there."""
        self.offset = utc - now

    def hear(self, antenna: int, now: float) -> Sequence[Heard]:
        """What an antenna hears in a round that starts at `now`; nothing where no antenna is plugged."""
        return () if antenna in self.unplugged else self.air.hear(self.options.name, antenna, now)
