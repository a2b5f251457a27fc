"""How long things take, as counts in fixed classes: the cost of one is a search in a dozen numbers. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

PUBLISH = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds from PUBLISH to PUBACK; `ack_timeout` ends the last."""

DELIVERY = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0, 86400.0)
"""Seconds from a decision to its PUBACK: 30 s is the target, 900 s the alarm (docs/central.md)."""


class Histogram:
    """Counts of values up to each of `bounds`, and above them; negative values count as 0."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float, count: int = 1) -> None:
        """`count` times this value."""
        value = max(value, 0.0)
        self.counts[bisect_left(self.bounds, value)] += count
        self.sum += value * count

    def cumulative(self) -> list[tuple[float, int]]:
        """(upper bound, how many up to it), as Prometheus has them; the last bound is infinite."""
        total, found = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            total += count
            found.append((bound, total))
        return found
