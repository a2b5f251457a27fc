"""Times and antennas as a person reads them. Pure."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, tzinfo
from datetime import time as clock_time

from drivers.observations import Antenna
from gateway.describe import printable

_FIRST, _LAST = 86_400.0, 253_402_128_000.0
"""What a calendar can write in any zone: 1970-01-02 to 9999-12-30."""


def at(time: float, zone: tzinfo) -> datetime:
    """That time on the site's clock; what no calendar has is the nearest that one has."""
    return datetime.fromtimestamp(min(max(_FIRST, time), _LAST), zone)


def clock(time: float, zone: tzinfo) -> str:
    """`17:42:03.9`, on the site's clock."""
    moment = at(round(time, 1), zone)
    return f"{moment:%H:%M:%S}.{moment.microsecond // 100_000}"


def day(time: float, zone: tzinfo) -> str:
    """`2026-11-21 17:42:03 CET`."""
    return f"{at(round(time), zone):%Y-%m-%d %H:%M:%S %Z}"


def lasting(seconds: float) -> str:
    """`0.8 s`, `31 s`, `4 min 10 s`, `3 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s".replace(" 0 s", "")
    return f"{whole // 3600} h {whole % 3600 // 60} min".replace(" 0 min", "")


def label(device: str, antenna: Antenna | None) -> str:
    """`dock-reader:1`; a device without antennas is itself."""
    return printable(device if antenna is None else f"{device}:{antenna}")


class Moment:
    """A time as a person writes it: RFC 3339, or `17:42` or `17:42:03.5` on the site's clock. ValueError if neither."""

    def __init__(self, text: str) -> None:
        try:
            self._whole = datetime.fromisoformat(text)
            self._time = None
        except ValueError:
            self._time = clock_time.fromisoformat(text)
        if self._time is None and self._whole.tzinfo is None:
            raise ValueError(f"{text!r} has no offset: write Z or +01:00 at its end")

    def near(self, other: float, zone: tzinfo) -> float:
        """Unix seconds; of a bare clock time, that on the day of `other` or, where that is before it, the next."""
        if self._time is None:
            return self._whole.timestamp()
        beside = at(other, zone)
        found = datetime.combine(beside.date(), self._time, zone)
        if (beside - found) > timedelta(hours=12):
            found += timedelta(days=1)
        return found.timestamp()

    def precedes(self, other: Moment) -> bool:
        """Both are whole times, and this one is the earlier."""
        return self._time is None and other._time is None and self._whole < other._whole

    @property
    def bare(self) -> bool:
        """A clock time, of any day."""
        return self._time is not None


def span(window: tuple[Moment | None, Moment | None], beside: float, zone: tzinfo) -> tuple[float, float]:
    """Both ends in Unix seconds, infinite where none is given. A bare end before the begin is that of the next day."""
    begin, end = window
    since = -math.inf if begin is None else begin.near(beside, zone)
    until = math.inf if end is None else end.near(beside, zone)
    if end is not None and end.bare and until < since:
        until = end.near(since + 43_200, zone)
    return since, until
