"""Places on the ground: distances in metres, and areas drawn by their corners. Pure.

Within a yard the earth is flat: degrees become metres on a plane that touches it there (0.3 % off at the most). A
meridian is no border: an area may lie across the 180th.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

Point = tuple[float, float]
"""Latitude and longitude, degrees, WGS 84."""

Spot = tuple[float, float]
"""Metres to the east and to the north on a plane."""

METRES = math.radians(6_371_008.8)
"""Metres that a degree of latitude is long: IUGG's mean radius."""

_TOUCHING = 0.05
"""Metres by which neighbours may overlap: corners are written with so many digits."""


def _apart(east: float, west: float) -> float:
    """Degrees of longitude from `west` to `east`, the shorter way."""
    return (east - west + 180.0) % 360.0 - 180.0


def distance(one: Point, other: Point) -> float:
    """Metres between two points that are near each other."""
    wide = math.cos(math.radians((one[0] + other[0]) / 2.0))
    return METRES * math.hypot(one[0] - other[0], _apart(one[1], other[1]) * wide)


def offset(point: Point, east: float, north: float) -> Point:
    """The point so many metres away."""
    longitude = point[1] + east / (METRES * math.cos(math.radians(point[0])))
    return point[0] + north / METRES, (longitude + 180.0) % 360.0 - 180.0


class Area:
    """What is inside of three corners or more; the last one is joined to the first."""

    def __init__(self, corners: Sequence[Point], origin: Point | None = None) -> None:
        self.corners = tuple(corners)
        self._origin = origin or self.corners[0]
        self._wide = METRES * math.cos(math.radians(self._origin[0]))
        self.spots: list[Spot] = [self.spot(corner) for corner in corners]

    def spot(self, point: Point) -> Spot:
        """The point on this area's plane."""
        return _apart(point[1], self._origin[1]) * self._wide, (point[0] - self._origin[0]) * METRES

    def edges(self) -> list[tuple[Spot, Spot]]:
        """Its borders, each from a corner to the next."""
        return list(zip(self.spots, [*self.spots[1:], self.spots[0]], strict=True))

    def contains(self, point: Point) -> bool:
        """Whether the point is inside: a ray to the east crosses an odd number of edges."""
        return self._holds(self.spot(point))

    def _holds(self, spot: Spot) -> bool:
        inside = False
        x, y = spot
        for (ax, ay), (bx, by) in self.edges():
            if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
                inside = not inside
        return inside

    def border(self, point: Point) -> float:
        """Metres to the nearest edge."""
        spot = self.spot(point)
        return min(_to_edge(spot, *edge) for edge in self.edges())

    @property
    def size(self) -> float:
        """Square metres."""
        return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in self.edges())) / 2.0

    def knot(self) -> tuple[int, int] | None:
        """Two edges that cross each other (numbers of the corners they begin at, from 1), if any do."""
        edges = self.edges()
        for first, one in enumerate(edges):
            for second in range(first + 2, len(edges)):
                neighbours = first == 0 and second == len(edges) - 1
                if not neighbours and _crossing(one, edges[second]):
                    return first + 1, second + 1
        return None

    def overlaps(self, other: Area) -> bool:
        """Whether both have ground in common. A common border is none."""
        there = Area(other.corners, self._origin)
        if any(_crossing(one, two) for one in self.edges() for two in there.edges()):
            return True
        heights = sorted({y for _, y in (*self.spots, *there.spots)})
        slabs = [(low + high) / 2.0 for low, high in pairwise(heights) if high - low > _TOUCHING]
        return any(_meet(self._widths(y), there._widths(y)) for y in slabs)

    def _widths(self, y: float) -> list[tuple[float, float]]:
        """From where to where it lies at that height: no corner's."""
        crossed = sorted(
            ax + (y - ay) / (by - ay) * (bx - ax) for (ax, ay), (bx, by) in self.edges() if (ay > y) != (by > y)
        )
        return list(zip(crossed[::2], crossed[1::2], strict=True))


def _meet(some: Sequence[tuple[float, float]], others: Sequence[tuple[float, float]]) -> bool:
    return any(min(one[1], two[1]) - max(one[0], two[0]) > _TOUCHING for one in some for two in others)


def _to_edge(spot: Spot, begin: Spot, end: Spot) -> float:
    dx, dy = end[0] - begin[0], end[1] - begin[1]
    length = dx * dx + dy * dy
    along = ((spot[0] - begin[0]) * dx + (spot[1] - begin[1]) * dy) / length if length else 0.0
    along = min(1.0, max(0.0, along))
    return math.hypot(spot[0] - begin[0] - along * dx, spot[1] - begin[1] - along * dy)


def _turn(a: Spot, b: Spot, c: Spot) -> int:
    """1: c lies left of the way from a to b, -1: right, 0: on it."""
    twice = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    slack = _TOUCHING * math.hypot(b[0] - a[0], b[1] - a[1])
    return 0 if abs(twice) <= slack else (1 if twice > 0 else -1)


def _crossing(one: tuple[Spot, Spot], other: tuple[Spot, Spot]) -> bool:
    """Whether two edges cross inside of both."""
    (a, b), (c, d) = one, other
    return _turn(a, b, c) * _turn(a, b, d) < 0 and _turn(c, d, a) * _turn(c, d, b) < 0
