"""Unix seconds → what messages write: RFC 3339 UTC with milliseconds, and the zone's offset at that time. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

_LAST = 253402300799.999
"""9999-12-31T23:59:59.999Z, the last time RFC 3339 can write."""

_MILLISECONDS = tuple(f".{millisecond:03d}Z" for millisecond in range(1000))

_QUARTER = 900
"""Seconds. Since 1972 all zones change their offset at quarters of an hour."""


@lru_cache(maxsize=256)
def rfc3339(time: float) -> str:
    """`2026-11-21T17:42:03.950Z`. What lies outside 1970 to 9999 is written as the nearest inside: it never raises."""
    # An event says most of its times twice, and events decided together share one: those are at hand.
    milliseconds = int((time if 0.0 <= time <= _LAST else _clamp(time)) * 1000.0 + 0.5)
    seconds = milliseconds // 1000
    return _second(seconds) + _MILLISECONDS[milliseconds - seconds * 1000]


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def offset(zone: ZoneInfo, time: float) -> str:
    """The zone's offset at that time as EPCIS writes it: `+01:00`, for UTC `+00:00`."""
    return _offset(zone, int(time if 0.0 <= time <= _LAST else _clamp(time)) // _QUARTER)


def _clamp(time: float) -> float:
    # In this order NaN becomes 0.
    return min(max(0.0, time), _LAST)


@lru_cache(maxsize=1024)
def _offset(zone: ZoneInfo, quarter: int) -> str:
    # A day less at the end: local time must not pass the year 9999.
    moment = datetime.fromtimestamp(min(quarter * _QUARTER, _LAST - 86400), zone)
    delta = moment.utcoffset()
    minutes = round(delta.total_seconds() / 60) if delta is not None else 0
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
