"""How each device is: its state, why, since when, when it last read, and the same per antenna."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from drivers.contract import Antenna, Status

NEWS = 30
"""Changes told at once: each is a stored event, and a device out of its mind must not fill the disk with them."""

NEWS_EVERY = 2.0
"""Seconds after which one more may be told. What was not told is in the repeat of every minute."""

LONGEST = 500
"""Characters of a cause."""

DeviceState = Literal["connecting", "online", "degraded", "offline", "stopped"]


class AntennaHealth(msgspec.Struct, frozen=True):
    """One antenna of a device."""

    antenna: Antenna
    state: DeviceState
    cause: str = ""


class DeviceHealth(msgspec.Struct, frozen=True, rename="camel"):
    """One device, as the `health` channel and `status` show it; times are Unix seconds."""

    device: str
    state: DeviceState = "connecting"
    cause: str = ""
    since: float = 0.0
    last_read: float | None = None
    antennas: tuple[AntennaHealth, ...] = ()
    reads: int = 0
    failures: int = 0
    signals: int = 0
    values: int = 0
    """Measured."""
    broken: bool = False
    """Its driver ended by a bug and waits to be opened again: until then, `degraded` reads nothing."""

    @property
    def observes(self) -> bool:
        """Whether what it could read would be read."""
        return self.state == "online" or (self.state == "degraded" and not self.broken)


class DeviceBoard:
    """The present health of one device. `changed` is called with it at every change of state, not at every read."""

    def __init__(self, device: str, clock: Callable[[], float], changed: Callable[[DeviceHealth], None]) -> None:
        self._clock = clock
        self._changed = changed
        self._now = DeviceHealth(device, since=clock())
        self._credit, self._credited = float(NEWS), clock()
        self._last_read: float | None = None
        self._reads = self._signals = self._values = 0

    @property
    def now(self) -> DeviceHealth:
        """As it is at this moment."""
        return msgspec.structs.replace(
            self._now, last_read=self._last_read, reads=self._reads, signals=self._signals, values=self._values
        )

    def read(self, count: int, time: float) -> None:
        """`count` reads arrived at `time`."""
        self._reads += count
        self._last_read = time

    def told(self, signals: int, values: int) -> None:
        """So many changes of inputs and measured values arrived."""
        self._signals += signals
        self._values += values

    def say(self, state: DeviceState, cause: str, *, failed: bool = False) -> None:
        """The device as a whole is now so; an unchanged state and cause are not news. `failed`: its driver ended."""
        cause = one_line(cause)
        counted = {"failures": self._now.failures + failed, "broken": failed and state == "degraded"}
        if (state, cause) == (self._now.state, self._now.cause):
            self._now = msgspec.structs.replace(self._now, **counted)
            return
        since = self._now.since if state == self._now.state else self._clock()
        antennas = self._now.antennas if state in ("online", "degraded") else ()
        self._now = msgspec.structs.replace(
            self._now, state=state, cause=cause, since=since, antennas=antennas, **counted
        )
        self._tell()

    def observe(self, status: Status) -> None:
        """Take in what the driver says of the device or of one antenna."""
        if status.antenna is None:
            self.say(status.state, status.cause)
            return
        known = {one.antenna: one for one in self._now.antennas}
        new = AntennaHealth(status.antenna, status.state, one_line(status.cause))
        if known.get(status.antenna) == new:
            return
        known[status.antenna] = new
        ordered = tuple(known[antenna] for antenna in sorted(known, key="{:>24}".format))
        self._now = msgspec.structs.replace(self._now, antennas=ordered)
        self._tell()

    def _tell(self) -> None:
        time = self._clock()
        earned = max(0.0, time - self._credited) / NEWS_EVERY
        self._credit, self._credited = min(NEWS, self._credit + earned), time
        if self._credit >= 1.0:
            self._credit -= 1.0
            self._changed(self.now)


def one_line(text: str) -> str:
    """What a driver says, fit for a log line and a terminal: no control characters, not without end."""
    if text.isprintable() and len(text) <= LONGEST:
        return text
    shown = "".join(sign if sign.isprintable() else " " for sign in text[:LONGEST])
    return shown if len(text) <= LONGEST else f"{shown}\u2026"
