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
"""dB by which the side that a load goes to hears it better than while it stood near the door."""

FARTHER: Final = 12.0
"""dB by which that side hears it worse than the other, at most."""


def counted(decided: Decided) -> list[Evidence]:
    """Note who crossed, without those who just did so the same way, of whom but the rest of that is heard, or who stood
    and came no nearer to where they would have gone."""
    if not decided.members:
        return []
    before = [one for one in decided.members if one.tag.crossed is not None]
    moved = decided.rise >= RISE or 2 * sum(_returned(one.tag, one) for one in before) > len(before)
    left = _left(decided)
    return [one for one in decided.members if _counts(one, decided, moved=moved, left=left)]


def _left(decided: Decided) -> bool:
    """Whether those that stood near the door went through it: the side they went to then heard them better than while
    they stood, and about as well as the other side. One tag's waves may add up by chance, most tags' do not."""
    stood = [one for one in decided.members if one.tag.usual[0] > -math.inf]
    if decided.direction == "unknown" or not stood:
        return False
    there = decided.direction == "out"
    nearer = sorted(one.peaks[there] - one.tag.usual[there] for one in stood)
    farther = sorted(one.peaks[there] - one.peaks[not there] for one in stood)
    return nearer[len(nearer) // 2] >= NEARER and farther[len(farther) // 2] >= -FARTHER


def _counts(one: Evidence, decided: Decided, *, moved: bool, left: bool) -> bool:
    tag = one.tag
    known = tag.crossed is not None and one.middle - tag.through < NEAR
    if known and (tag.crossed == decided.direction or not moved):
        return False
    if tag.parked if decided.direction == "unknown" else tag.usual[0] > -math.inf and not left:
        return False
    tag.crossed, tag.through, tag.peaks = decided.direction, one.middle, one.peaks
    tag.idle, tag.parked, tag.usual = 0, False, (-math.inf, -math.inf)
    return True


def _returned(tag: Crossing, one: Evidence) -> bool:
    """Whether the side it came from when it crossed hears it as it did then: it was not the rest of that."""
    came = tag.crossed == "in"
    return one.peaks[came] >= tag.peaks[came] - RETURN
