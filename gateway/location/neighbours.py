"""Doors side by side hear each other's loads: who is heard better at a neighbour has not passed here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from gateway.location.evidence import Evidence

SILENT: Final = -80.0
"""dBm: a side that heard nothing, as far as doors are compared."""

ONE: Final = 12.0
"""dB by which tags of one load may differ in how much better a door hears them, however few they are."""

TWO: Final = 4.0
"""Deviations inside of two groups by which these differ if they are two loads; halves of one load differ by 2.7."""

AROUND: Final = 1.0
"""Seconds around a run in which a neighbour heard the same."""


def strength(peaks: tuple[float, float]) -> float:
    """How well a door heard a tag, on both sides together (dBm)."""
    return sum(max(peak, SILENT) for peak in peaks) / 2.0


def passing_here(company: Sequence[Evidence], elsewhere: Callable[[Evidence], float]) -> list[Evidence]:
    """Those of a company that no neighbour explains better; `elsewhere` is how well the best of them heard a tag."""
    better = [strength(one.peaks) - max(elsewhere(one), SILENT) for one in company]
    if not _two(better):
        return list(company) if sum(better) >= 0.0 else []
    return [one for one, by in zip(company, better, strict=True) if by >= 0.0]


def _two(better: Sequence[float]) -> bool:
    """Whether two loads went through two doors at once: one is heard better here, the other there."""
    groups = [[by for by in better if by >= 0.0], [by for by in better if by < 0.0]]
    if not all(groups):
        return False
    means = [sum(group) / len(group) for group in groups]
    inside = sum((by - mean) ** 2 for group, mean in zip(groups, means, strict=True) for by in group)
    within = max(math.sqrt(inside / len(better)), ONE / TWO)
    return means[0] - means[1] > TWO * within
