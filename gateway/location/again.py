"""Whether a tag that was near the door already has crossed once more, or what is heard is the rest of what was told."""

from __future__ import annotations

import math
from typing import Final

from gateway.location.company import Decided
from gateway.location.crossing import Crossing
from gateway.location.evidence import Evidence

NEAR: Final = 60.0
"""Seconds that a tag which has crossed is remembered after it was heard last; all are where there are very many."""

RISE: Final = 5.0
"""dB by which a tag that crosses once more comes nearer before; what was told of a tag that is still heard, it was."""

RETURN: Final = 3.0
"""dB by which two crossings of a tag differ on the same side, at most, if nothing else shows that there were two."""

NEARER: Final = 4.0
"""dB by which the side that a tag goes to hears it better than while it stood near the door."""


def counted(decided: Decided) -> list[Evidence]:
    """Note who crossed, without those who just did so the same way, or of whom but the rest of that is heard."""
    if not decided.members:
        return []
    before = [one for one in decided.members if one.tag.crossed is not None]
    moved = decided.rise >= RISE or 2 * sum(_returned(one.tag, one) for one in before) > len(before)
    return [one for one in decided.members if _counts(one, decided, moved=moved)]


def _counts(one: Evidence, decided: Decided, *, moved: bool) -> bool:
    tag = one.tag
    known = tag.crossed is not None and one.middle - tag.through < NEAR
    if known and (tag.crossed == decided.direction or not moved):
        return False
    if decided.direction == "unknown":
        if tag.parked:
            return False
    elif one.peaks[decided.direction == "out"] < tag.usual[decided.direction == "out"] + NEARER:
        return False
    tag.crossed, tag.through, tag.peaks = decided.direction, one.middle, one.peaks
    tag.idle, tag.parked, tag.usual = 0, False, (-math.inf, -math.inf)
    return True


def _returned(tag: Crossing, one: Evidence) -> bool:
    """Whether the side it came from when it crossed hears it as it did then: it was not the rest of that."""
    came = tag.crossed == "in"
    return one.peaks[came] >= tag.peaks[came] - RETURN
