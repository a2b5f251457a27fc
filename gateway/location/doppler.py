"""When a tag passed an antenna, by its Doppler shift: it comes nearer before, goes away after, and is closest between.

Where readers report it this says more than levels do, for it does not fade.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from gateway.location.crossing import Run
from gateway.model import Side

ENOUGH: Final = 5
"""Reads of a side from which a line is drawn through them."""

LEAST: Final = 1.0
"""Hz: no reader is more exact than that."""

DEPENDENT: Final = 2.0
"""Reads that say as much as an independent one."""


FASTEST: Final = 10_000.0
"""Hz: nothing in a hall moves so fast."""


def true_shift(said: float | None) -> float:
    """What a reader said of a read's shift; NaN where that is nothing, or cannot be."""
    return said if said is not None and abs(said) < FASTEST else math.nan


def apart(run: Run, sides: Mapping[int, Side | None]) -> tuple[float, float] | None:
    """By how much inside was passed after outside (s), and the variance of that; None if shifts do not say."""
    passed = [_closest(run, sides, outside=outside) for outside in (False, True)]
    if passed[0] is None or passed[1] is None:
        return None
    return passed[0][0] - passed[1][0], passed[0][1] + passed[1][1]


def _closest(run: Run, sides: Mapping[int, Side | None], *, outside: bool) -> tuple[float, float] | None:
    """When the shift went through zero, downwards, and the variance of that: a line through all reads of a side."""
    reads = [
        (one.time, one.doppler)
        for one in run
        if not math.isnan(one.doppler) and (sides.get(one.letter) == "outside") == outside
    ]
    count = len(reads)
    if count < ENOUGH:
        return None
    time, shift = sum(read[0] for read in reads) / count, sum(read[1] for read in reads) / count
    squares = sum((read[0] - time) ** 2 for read in reads)
    slope = sum((read[0] - time) * (read[1] - shift) for read in reads) / squares if squares > 0.0 else 0.0
    if slope >= 0.0:
        return None
    rest = sum((read[1] - shift - slope * (read[0] - time)) ** 2 for read in reads) / (count - 2)
    noise = DEPENDENT * max(rest, LEAST * LEAST) / (slope * slope)
    off = shift / slope
    return time - off, noise * (1.0 / count + off * off / squares)
