"""More reports than anybody asked for: a reader gone mad, or a very full portal."""

from __future__ import annotations

import math

from simulators.air import Heard
from simulators.llrp_reader.device import Device
from simulators.llrp_reader.reports import Reports, Selector
from simulators.tags import sgtin_96

_TICK, _TAGS_A_REPORT, _TAGS = 0.01, 50, 2000
_FIELDS = Selector(antenna=True, rssi=True, first=True, last=True, count=True)


class Flood:
    """Reports of tags that no antenna hears, at a rate, while switched on."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._rate = 0.0
        self._owed = 0.0
        self._next = 0
        self.due = math.inf

    def set(self, rate: float, now: float) -> None:
        """`rate` tag reports a second from now on; 0 ends it."""
        self._rate, self._owed = rate, 0.0
        self.due = now + _TICK if rate > 0 else math.inf

    def advance(self, now: float) -> list[tuple[bytes, int]]:
        """The reports due at `now`."""
        if self.due > now:
            return []
        self._owed += self._rate * min(now - self.due + _TICK, 1.0)
        self.due = now + _TICK
        count, self._owed = int(self._owed), self._owed % 1
        reports = Reports(_FIELDS, 0, _TAGS_A_REPORT, utc=self._device.utc, most=_TAGS_A_REPORT)
        heard = [Heard(sgtin_96(999999, (self._next + each) % _TAGS), -60.0) for each in range(count)]
        self._next = (self._next + count) % _TAGS
        return reports.add(heard, (1, 1, 1, 1), self._device.stamp(now), 1) + reports.flush()
