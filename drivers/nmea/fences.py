"""Whether a vehicle is in its geofences, so that noise at a border is no traffic. Pure.

It enters where a position lies inside, and leaves where one lies outside by more than the hysteresis; so many
positions in a row must say so. Each fence is judged by itself: neighbours may touch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from drivers.nmea.geometry import Area, Point
from drivers.observations import Antenna


class Change(msgspec.Struct, frozen=True):
    """The vehicle is in that fence, or is not, since `since`."""

    fence: Antenna
    inside: bool
    since: float


class _Fence:
    __slots__ = ("area", "doubts", "first", "inside", "name", "seen")

    def __init__(self, name: Antenna, area: Area) -> None:
        self.name = name
        self.area = area
        self.inside: bool | None = None
        self.seen = False
        self.doubts = 0
        self.first = 0.0


class Fences:
    """The fences of one vehicle: metres of `hysteresis`, positions in a row to `confirm`."""

    def __init__(self, corners: Mapping[Antenna, Sequence[Point]], hysteresis: float, confirm: int) -> None:
        self._fences = [_Fence(name, Area(drawn)) for name, drawn in corners.items()]
        self._hysteresis = hysteresis
        self._confirm = confirm

    @property
    def names(self) -> tuple[Antenna, ...]:
        """Its fences."""
        return tuple(fence.name for fence in self._fences)

    @property
    def known(self) -> dict[Antenna, bool]:
        """What was decided: of each such fence whether the vehicle is inside."""
        return {fence.name: fence.inside for fence in self._fences if fence.inside is not None}

    def doubt(self) -> None:
        """Positions are missing: those before and after are not in a row."""
        for fence in self._fences:
            fence.doubts = 0
            fence.seen = False

    def take(self, position: Point, time: float) -> list[Change]:
        """A position; what is decided by it."""
        return [change for fence in self._fences if (change := self._judge(fence, position, time))]

    def present(self) -> list[Antenna]:
        """The fences in which it was decided to be, and the last position says so too."""
        return [fence.name for fence in self._fences if fence.inside and fence.seen]

    def _judge(self, fence: _Fence, position: Point, time: float) -> Change | None:
        seen = fence.area.contains(position)
        if not seen and fence.inside:
            seen = fence.area.border(position) <= self._hysteresis
        before, fence.seen = fence.seen, seen
        if seen == fence.inside:
            fence.doubts = 0
            return None
        if fence.doubts == 0 or seen != before:
            fence.doubts, fence.first = 0, time
        fence.doubts += 1
        if fence.doubts < self._confirm:
            return None
        fence.inside, fence.doubts = seen, 0
        return Change(fence.name, seen, fence.first)
