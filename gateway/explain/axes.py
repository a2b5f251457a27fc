"""Where time and level are on paper. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta, tzinfo
from typing import NamedTuple

from gateway.explain import svg
from gateway.explain.clock import at

_TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)

GRID = "#e4e4e4"
FAINT = "#666666"


class Time(NamedTuple):
    """Seconds from `begin` to `end`, over `width` from `left` on."""

    begin: float
    end: float
    left: float
    width: float

    def x(self, time: float) -> float:
        """Of a time, which is moved inside."""
        inside = min(max(time, self.begin), self.end)
        return self.left + (inside - self.begin) / max(self.end - self.begin, 1e-6) * self.width

    def ticks(self, zone: tzinfo) -> Iterator[tuple[float, str]]:
        """(time, what is written there), some ten of them."""
        length = max(self.end - self.begin, 1e-6)
        step = next((one for one in _TICKS if length / one <= 10), length / 10)
        shift = (at(self.begin, zone).utcoffset() or timedelta()).total_seconds()
        form = "%H:%M:%S" if step < 60 else "%H:%M" if step < 86400 else "%m-%d"
        for number in range(math.ceil((self.begin + shift) / step), math.floor((self.end + shift) / step) + 1):
            time = number * step - shift
            moment = at(round(time, 1), zone)
            yield time, f"{moment:{form}}" + (f".{moment.microsecond // 100_000}" if step < 1 else "")


class Level(NamedTuple):
    """dB from `low` to `high`, over `height` from `top` on, the highest above."""

    low: float
    high: float
    top: float
    height: float

    @classmethod
    def around(cls, levels: list[float], top: float, height: float) -> Level:
        """Such that all of them are inside."""
        low, high = (min(levels), max(levels)) if levels else (-80.0, -40.0)
        return cls(5 * math.floor((low - 1) / 5), 5 * math.ceil((high + 1) / 5), top, height)

    def y(self, level: float) -> float:
        """Of a level, which is moved inside."""
        return self.top + (self.high - min(max(level, self.low), self.high)) / (self.high - self.low) * self.height

    def grid(self, time: Time, unit: str) -> list[str]:
        """Lines of equal level, with their numbers."""
        step = 5 if self.high - self.low <= 25 else 10
        first = math.ceil(self.low / step) * step
        drawn = []
        for level in range(first, int(self.high) + 1, step):
            y = self.y(level)
            drawn.append(svg.line(time.left, y, time.left + time.width, y, GRID))
            said = f"{level} {unit}" if level + step > self.high else str(level)
            drawn.append(svg.text(time.left - 6, y + 4, said, size=11, colour=FAINT, anchor="end"))
        return drawn
