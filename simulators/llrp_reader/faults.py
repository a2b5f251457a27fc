"""Faults on demand: what a reader, its cable and the network do to a gateway in real life."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time

import msgspec

from drivers.llrp.codec.values import Message
from drivers.llrp.codec.wire import encode
from simulators.llrp_reader.core import ReaderCore


class Wire(msgspec.Struct):
    """What the faults need of the shell: its link to the client, and the switch that turns the reader off and on."""

    clock: Callable[[], float]
    write: Callable[[bytes], None]
    drop: Callable[[], None]
    outage: Callable[[float], None]
    restart: Callable[[float], None]
    kick: Callable[[], None]
    """Something changed: send what is ready, look at the clock again."""


class Faults:
    """One method a fault; `clear` ends all that last."""

    def __init__(self, core: Callable[[], ReaderCore], wire: Wire) -> None:
        self._core, self._wire = core, wire
        self.silent = False
        self.frozen = False
        self.pieces = 0

    def silence(self) -> None:
        """Not a byte more; what is said meanwhile is lost. The reader still listens."""
        self.silent = True

    def half_open(self) -> None:
        """The link is dead and neither side was told: nothing is read, nothing written; new clients get no answer."""
        self.frozen = True
        self._wire.kick()

    def garbage(self, data: bytes | str = b"\xff" * 64) -> None:
        """These bytes (hex if text), amid the frames."""
        self._wire.write(bytes.fromhex(data) if isinstance(data, str) else data)

    def truncate(self) -> None:
        """Half a keepalive, then the end of the connection."""
        self._wire.write(encode(Message("KEEPALIVE", self._core().link.number()))[:7])
        self._wire.drop()

    def split(self, n: int = 1) -> None:
        """Everything in pieces of `n` bytes."""
        self.pieces = n

    def unknown_message(self) -> None:
        """A message of a type that no standard has, of this reader's own length."""
        unknown = Message("UNKNOWN", self._core().link.number(), 1, {"type": 999, "data": b"\x00\x01\x02"})
        self._wire.write(encode(unknown))

    def disconnect(self, after: float = 0.0) -> None:
        """The cable is pulled, and back after so many seconds; the reader knows, goes on, and holds if it can."""
        self._wire.outage(after)

    def restart(self, after: float = 0.0) -> None:
        """Power off, and on after so many seconds: every specification forgotten, the uptime new."""
        self._wire.restart(after)

    def clock(self, to: str | float = "2000-01-01") -> None:
        """The reader's own clock says this (ISO 8601 date or time, or Unix seconds) and goes on from there."""
        self._core().device.set_clock(_seconds(to), self._wire.clock())

    def uptime_only(self) -> None:
        """No UTC clock any more: every stamp is the uptime."""
        self._core().use_uptime(self._wire.clock())
        self._wire.kick()

    def flood(self, rate: float = 20_000) -> None:
        """So many reports a second more, of tags that are not there."""
        self._core().flood.set(rate, self._wire.clock())
        self._wire.kick()

    def antenna(self, n: int, up: bool = False) -> None:  # noqa: FBT001, FBT002 - said as in the control: "up": false
        """Antenna `n` is pulled, or plugged again."""
        self._core().set_antenna(n, self._wire.clock(), up=up)
        self._wire.kick()

    def gpo(self, n: int) -> None:
        """Output `n` cannot be switched: whoever wants to is refused."""
        self._core().device.stuck.add(n)

    def keepalive_off(self) -> None:
        """No keepalives, everything else as usual."""
        self._core().keepalives = False

    def clear(self) -> None:
        """All is well again: clock, antennas, keepalives, the link."""
        core, now = self._core(), self._wire.clock()
        self.silent = self.frozen = False
        self.pieces = 0
        core.keepalives = True
        core.device.stuck.clear()
        core.device.offset, core.device.utc = 0.0, core.device.options.utc
        core.flood.set(0, now)
        for antenna in sorted(core.device.unplugged):
            core.set_antenna(antenna, now, up=True)
        self._wire.kick()


def _seconds(to: str | float) -> float:
    if not isinstance(to, str):
        return float(to)
    moment = datetime.combine(date.fromisoformat(to), time()) if len(to) == 10 else datetime.fromisoformat(to)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
