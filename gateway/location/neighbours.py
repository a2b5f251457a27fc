"""Doors side by side hear each other's loads: who is heard better at a neighbour has not passed here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from gateway.location.evidence import Evidence

SILENT: Final = -80.0
"""dBm: a side that heard nothing, as far as doors are compared."""

ONE: Final = 6.0
"""dB (standard deviation) by which tags of one load differ in how much better a door hears them: it is one load."""

AROUND: Final = 1.0
"""Seconds around a run in which a neighbour heard the same."""


def strength(peaks: tuple[float, float]) -> float:
    """How well a door heard a tag, on both sides together (dBm)."""
    return sum(max(peak, SILENT) for peak in peaks) / 2.0


def passing_here(company: Sequence[Evidence], elsewhere: Callable[[Evidence], float]) -> list[Evidence]:
    """Those of a company that no neighbour explains better; `elsewhere` is how well the best of them heard a tag."""
    better = [strength(one.peaks) - max(elsewhere(one), SILENT) for one in company]
    mean = sum(better) / len(better)
    if math.sqrt(sum((one - mean) ** 2 for one in better) / len(better)) <= ONE:
        return list(company) if mean >= 0.0 else []
    return [one for one, by in zip(company, better, strict=True) if by >= 0.0]
