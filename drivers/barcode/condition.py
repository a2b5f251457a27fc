"""How the line is: disturbed bytes become a state of the device, at most once in a while. Pure."""

from __future__ import annotations

import math

from drivers.barcode.framing import Garbage
from drivers.observations import Status

SHOWN = 4
"""Bytes of garbage that are told: enough to know a wrong baud rate or suffix by."""


class Condition:
    """Counts what was no scan, and says so. `wall` is Unix seconds, `now` a steady clock."""

    def __init__(self, interval: float) -> None:
        self.count = 0
        """Pieces of garbage since the connection was made."""
        self._interval = interval
        self._said = -math.inf
        self._last = -math.inf
        self._cause = ""
        self._waits = False
        self._degraded = False

    @property
    def deadline(self) -> float:
        """Steady time at which there may be something to say."""
        if self._waits:
            return self._said + self._interval
        return max(self._said, self._last) + self._interval if self._degraded else math.inf

    def disturbed(self, garbage: Garbage, wall: float, now: float) -> Status | None:
        """Garbage came. A whole scan may be in it, and what was read is nobody's to see in a state."""
        self.complain(f"{garbage.size} bytes {garbage.why}; last bytes {garbage.data[-SHOWN:].hex(' ')}", now)
        return self.tick(wall, now)

    def complain(self, cause: str, now: float) -> None:
        """Something is wrong with what came."""
        self.count += 1
        self._last = now
        self._cause = cause
        self._waits = True

    def tick(self, wall: float, now: float) -> Status | None:
        """What is to be said by `now`."""
        if now < self._said + self._interval:
            return None
        if self._waits:
            self._said, self._waits, self._degraded = now, False, True
            return Status(None, "degraded", f"{self.count} x no scan so far: {self._cause}", wall)
        if self._degraded and now >= self._last + self._interval:
            self._said, self._degraded = now, False
            return Status(None, "online", "", wall)
        return None
