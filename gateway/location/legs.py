"""Where a load that was heard all the time went through a door and came back: its way falls into legs.

In between it was so far off that the side it came from, and which it will pass again, all but lost it. Who turns in the
door is never far from either side.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from gateway.location.company import clear
from gateway.location.evidence import Evidence, pool, weigh
from gateway.location.floor import NO_LEVEL
from gateway.location.zone import NOMINAL
from gateway.model import Side

BIN: Final = 0.25
"""Seconds of a load's profile that are looked at as one."""

BINS: Final = 400

SMOOTH: Final = 2
"""Bins on either side that are averaged with each."""

DIP: Final = 9.0
"""dB by which a side hears less between two crossings than at either."""

BOTH: Final = 2.0
"""The same if both do; `ALONE` more for one tag alone, which may stand where waves cancel out: of many each stands
elsewhere."""

ALONE: Final = 6.0

ENOUGH: Final = 16
"""Reads of each leg."""

LEG: Final = 0.45
"""Score of each leg; the two have opposite signs."""


def legs(company: Sequence[Evidence], sides: Mapping[int, Side | None], depth: int = 2) -> list[list[Evidence]]:
    """The company as it went each way: itself, or itself cut in two or more."""
    whole = [list(company)]
    if not depth:
        return whole
    for cut, least in _cuts(company, sides):
        before, after = (_part(company, sides, cut, late=late) for late in (False, True))
        if min(sum(len(one.run) for one in part) for part in (before, after)) < ENOUGH:
            continue
        first, second = sorted((pool(before), pool(after)), key=lambda leg: abs(leg.score))
        sure = abs(first.score) >= (least or clear(first) / 2.0) and abs(second.score) >= (least or clear(second))
        if sure and first.score * second.score < 0.0:
            return legs(before, sides, depth - 1) + legs(after, sides, depth - 1)
    return whole


def _part(company: Sequence[Evidence], sides: Mapping[int, Side | None], cut: float, *, late: bool) -> list[Evidence]:
    runs = ((one.tag, [read for read in one.run if (read.time >= cut) == late]) for one in company)
    return [weigh(tag, run, sides) for tag, run in runs if run]


def _cuts(company: Sequence[Evidence], sides: Mapping[int, Side | None]) -> Iterator[tuple[float, float]]:
    """When it was heard least between two times at which it was heard well, and the least score of a leg then: by a
    side while the other heard it better, for it was there, or by both, which leaves less to doubt."""
    begin = min(one.first for one in company)
    count = min(int((max(one.last for one in company) - begin) / BIN) + 1, BINS)
    if count < 4 * SMOOTH:
        return
    powers = _powers(company, sides, begin, count)
    inside, outside = map(_dips, powers)
    both = BOTH + ALONE / math.sqrt(len(company))
    beyond = [here >= there for here, there in zip(*powers, strict=True)]
    for dip, by, least, there in (
        (outside, DIP, LEG, beyond),
        (inside, DIP, LEG, [not one for one in beyond]),
        (list(map(min, inside, outside)), both, 0.0, [True] * count),
    ):
        deepest = max(dip)
        if deepest >= 10.0 ** (by / 10.0):
            lowest = [at for at, deep in enumerate(dip) if deep >= deepest * (1.0 - 1e-9)]
            if there[lowest[len(lowest) // 2]]:
                yield begin + (lowest[len(lowest) // 2] + 0.5) * BIN, least


def _powers(
    company: Sequence[Evidence], sides: Mapping[int, Side | None], begin: float, count: int
) -> tuple[list[float], list[float]]:
    """How much inside and outside heard of a load in each bin, smoothed."""
    powers = [0.0] * count, [0.0] * count
    for one in company:
        top = max(one.peaks)
        for read in one.run:
            level = read.level if read.level > NO_LEVEL else NOMINAL
            power = powers[sides.get(read.letter) == "outside"]
            power[min(int((read.time - begin) / BIN), count - 1)] += 10.0 ** ((level - top) / 10.0)
    inside, outside = ([sum(power[max(0, at - SMOOTH) : at + SMOOTH + 1]) for at in range(count)] for power in powers)
    return inside, outside


def _dips(power: list[float]) -> list[float]:
    """How many times stronger it is both before and after each bin than in it."""
    blur = 1e-4 * max(power) + 1e-12
    after, before = [0.0] * len(power), 0.0
    for at in range(len(power) - 2, -1, -1):
        after[at] = max(after[at + 1], power[at + 1])
    found = []
    for at, here in enumerate(power):
        found.append(min(before, after[at]) / (here + blur))
        before = max(before, here)
    return found
