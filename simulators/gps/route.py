"""A route: where a vehicle is that drives from waypoint to waypoint. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from drivers.nmea.geometry import METRES, Point, distance


class Pose(NamedTuple):
    """Where it is (degrees, WGS 84), how fast (m/s), and where to (degrees from north; kept while it stands)."""

    latitude: float
    longitude: float
    speed: float
    course: float


class _Leg(NamedTuple):
    begin: Point
    end: Point
    starts: float
    lasts: float
    speed: float
    course: float


class Route:
    """Straight legs at `speed` m/s, `wait` seconds at each waypoint. It goes round unless it is to end (`loop`)."""

    def __init__(self, waypoints: Sequence[Point], *, speed: float, wait: float = 0.0, loop: bool = True) -> None:
        if not waypoints or speed <= 0.0:
            raise ValueError("a route has a waypoint at least, and a speed")
        self._loop = loop and len(waypoints) > 1
        stops = [*waypoints, waypoints[0]] if self._loop else list(waypoints)
        self._legs: list[_Leg] = []
        time, course = 0.0, 0.0
        for begin, end in pairwise(stops):
            length, course = distance(begin, end), _course(begin, end)
            self._legs.append(_Leg(begin, end, time, length / speed, speed, course))
            time += length / speed
            self._legs.append(_Leg(end, end, time, wait, 0.0, course))
            time += wait
        self._last = _Leg(stops[-1], stops[-1], time, math.inf, 0.0, course)
        self.lasts = time

    def at(self, seconds: float) -> Pose:
        """Where it is so many seconds after its start."""
        time = seconds % self.lasts if self._loop and self.lasts else seconds
        leg = next((leg for leg in self._legs if leg.starts <= time < leg.starts + leg.lasts), self._last)
        share = (time - leg.starts) / leg.lasts if leg.speed else 0.0
        latitude = leg.begin[0] + share * (leg.end[0] - leg.begin[0])
        longitude = leg.begin[1] + share * (leg.end[1] - leg.begin[1])
        return Pose(latitude, longitude, leg.speed, leg.course)


def _course(begin: Point, end: Point) -> float:
    east = (end[1] - begin[1]) * METRES * math.cos(math.radians(begin[0]))
    return math.degrees(math.atan2(east, (end[0] - begin[0]) * METRES)) % 360.0
