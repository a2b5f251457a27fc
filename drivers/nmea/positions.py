"""Which fixes become telemetry: those a distance apart, and now and then one that has not moved. Pure."""

from __future__ import annotations

from drivers.nmea.fix import Fix
from drivers.nmea.geometry import distance
from drivers.observations import Measurement

KMH = 3.6
"""km/h of a metre per second."""

STANDING = 0.5
"""Metres per second below which a course is noise."""

_UNITS = {
    "latitude": "DD",
    "longitude": "DD",
    "speed": "KMH",
    "course": "DD",
    "altitude": "MTR",
    "hdop": "C62",
    "satellites": "C62",
}
"""UN/ECE Rec 20: degree of angle, kilometre per hour, metre, one."""


class Positions:
    """Reports a fix that lies `distance` metres from the last one reported, but not within `least` seconds of it; after
    `most` seconds any. Of a fix that is lost it says so, once."""

    def __init__(self, distance: float, least: float, most: float) -> None:
        self._distance = distance
        self._least = least
        self._most = most
        self._last: Fix | None = None
        self._lost = False

    def take(self, fix: Fix) -> list[Measurement]:
        """The measurements of a fix, if it is to be reported."""
        last = self._last
        if last is not None and not self._lost and not self._due(last, fix):
            return []
        self._last, self._lost = fix, False
        return [
            Measurement(point, value, _UNITS[point], "good", fix.time)
            for point, value in _values(fix).items()
            if value is not None
        ]

    def _due(self, last: Fix, fix: Fix) -> bool:
        waited = fix.time - last.time
        if not 0.0 <= waited < self._most:
            return True
        apart = distance((last.latitude, last.longitude), (fix.latitude, fix.longitude))
        return waited >= self._least and apart >= self._distance

    def lose(self, reason: str, time: float) -> list[Measurement]:
        """There is no position any more."""
        if self._lost:
            return []
        self._lost = True
        return [Measurement(point, None, "DD", "bad", time, reason) for point in ("latitude", "longitude")]


def _values(fix: Fix) -> dict[str, float | None]:
    moving = fix.speed is None or fix.speed >= STANDING
    return {
        "latitude": round(fix.latitude, 7),
        "longitude": round(fix.longitude, 7),
        "speed": None if fix.speed is None else round(fix.speed * KMH, 2),
        "course": fix.course if moving else None,
        "altitude": fix.altitude,
        "hdop": fix.hdop,
        "satellites": fix.satellites,
    }
