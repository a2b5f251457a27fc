"""When a measurement is worth telling: by deadband, by its least and its greatest interval. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from drivers.ble.frames import Point, Value

DEADBANDS: Final[Mapping[str, float]] = {
    "temperature": 0.2,
    "dewpoint": 0.2,
    "humidity": 1.0,
    "moisture": 1.0,
    "pressure": 0.5,
    "battery": 1.0,
    "voltage": 0.02,
    "light": 5.0,
    "illuminance": 10.0,
    "acceleration": 0.5,
    "rotation": 1.0,
    "distance": 0.02,
}
"""In each measurement's own unit; others are told at every change."""


class Telling(msgspec.Struct, frozen=True):
    """How often, in seconds, and from which change on."""

    least: float = 10.0
    most: float = 600.0
    deadbands: Mapping[str, float] = msgspec.field(default_factory=dict)

    def deadband(self, name: str) -> float:
        """Of `acceleration_x` that of `acceleration`, where it has none of its own."""
        while name:
            for known in (self.deadbands, DEADBANDS):
                if name in known:
                    return known[name]
            name = name.rpartition("_")[0]
        return 0.0


class Told:
    """What was told of one tag. `due` is when something may be to tell, at the earliest."""

    __slots__ = ("_points", "_told", "due")

    def __init__(self) -> None:
        self.due = float("inf")
        self._points: dict[str, Point] = {}
        self._told: dict[str, tuple[Value, float]] = {}

    def learn(self, points: Iterable[Point], limit: int = 32) -> None:
        """Newer values; more names than `limit` are no tag's."""
        for point in points:
            if point.name in self._points or len(self._points) < limit:
                self._points[point.name] = point
                self.due = float("-inf")

    def again(self) -> None:
        """Nothing counts as told: the tag goes by another name."""
        self._told.clear()
        self.due = float("-inf")

    def take(self, now: float, telling: Telling) -> list[Point]:
        """What is to tell now; it counts as told."""
        out: list[Point] = []
        self.due = float("inf")
        for name, point in self._points.items():
            told = self._told.get(name)
            due = now if told is None else told[1] + _patience(point, told[0], telling)
            if due <= now:
                out.append(point)
                self._told[name] = (point.value, now)
                due = now + telling.most
            self.due = min(self.due, due)
        return out


def _patience(point: Point, told: Value, telling: Telling) -> float:
    value = point.value
    if isinstance(value, float) and isinstance(told, float):
        change = abs(value - told)
        band = telling.deadband(point.name)
        return telling.least if change and change >= band else telling.most
    return telling.most if value == told else 0.0
