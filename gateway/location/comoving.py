"""What is carried together is heard together: at the same times, by the same antennas, alike strong.

A tag's own few reads hardly say which way it went, but they say well with whom: every read is held against what each
load's other tags were heard like just then. Whoever fits another load better belongs to that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from gateway.location.evidence import Evidence
from gateway.location.floor import NO_LEVEL
from gateway.location.zone import NOMINAL

BIN: Final = 0.2
"""Seconds of a profile that are looked at as one."""

BINS: Final = 200
"""At most; what takes longer is looked at more coarsely."""

KERNEL: Final = ((-2, 0.1), (-1, 0.23), (0, 0.34), (1, 0.23), (2, 0.1))
"""Weights of the bins around one."""

STRANGE: Final = 0.03
"""Reads a tag and bin that no profile foresees: where nobody of a load was heard, one of it may be."""

FAINT: Final = -68.0
"""dBm expected where little was heard."""

FEW: Final = 0.5
"""Reads that this weighs."""

NOISE: Final = 6.0
"""dB by which single reads of a load's tags differ from their mean: fading, and where in the load each one is."""

OWN: Final = 4.0
"""dB by which one antenna hears a tag better or worse than its load, all the time: how it lies there."""

MOST: Final = 4000
"""Reads that are looked at, at most: of more, every second or third, so that a load is no pause."""

ROUNDS: Final = 4
"""Times that all are asked, at most, with whom they were."""

LIKE: Final = 2
"""Tags of a load from which is known what is like them."""

CLOSE: Final = 0.2
"""Deviation of that, at least."""

UNLIKE: Final = 3.0
"""Deviations from what tags of a load are like, each by itself, from which one is not of it."""


class _Cell(NamedTuple):
    """Reads of one tag at one antenna in one bin, and what of the smoothed profile there is its own."""

    at: int
    reads: int
    levels: float
    squares: float
    own: float
    own_levels: float


class _Heard(NamedTuple):
    """One tag's reads as cells of a profile."""

    one: Evidence
    cells: list[_Cell]
    reads: int


class _Profile:
    """How a load was heard: smoothed counts and sums of levels of each cell."""

    def __init__(self, members: Sequence[_Heard], size: int, bins: int) -> None:
        self.tags = len(members)
        self.bins = bins
        self.reads = sum(one.reads for one in members)
        counts, levels = [0.0] * size, [0.0] * size
        for one in members:
            for cell in one.cells:
                counts[cell.at] += cell.reads
                levels[cell.at] += cell.levels
        self.counts, self.levels = _smooth(counts, bins), _smooth(levels, bins)

    def fit(self, one: _Heard, *, member: bool) -> float:
        """Logarithm of how likely a tag of this load is heard so; of a member, by what the others say."""
        tags = self.tags - member
        if not tags:
            return -math.inf
        found = -(self.reads - member * one.reads) / tags
        few = FEW * FAINT
        offs: dict[int, list[float]] = {}
        for cell in one.cells:
            count, levels = self.counts[cell.at], self.levels[cell.at]
            if member:
                count, levels = max(count - cell.own, 0.0), levels - cell.own_levels
            mean = (levels + few) / (count + FEW) if count else FAINT
            off = cell.squares - 2.0 * mean * cell.levels + cell.reads * mean * mean
            found += cell.reads * math.log(count / tags + STRANGE) - off / (2.0 * NOISE * NOISE)
            row = cell.at // self.bins
            own = offs.get(row)
            if own is None:
                own = offs[row] = [0.0, 0.0]
            own[0] += cell.levels - cell.reads * mean
            own[1] += cell.reads
        for off, reads in offs.values():
            found += off * off / (reads + NOISE * NOISE / (OWN * OWN)) / (2.0 * NOISE * NOISE)
        return found


def _smooth(values: list[float], bins: int) -> list[float]:
    """Each antenna's bins, averaged with their neighbours."""
    found: list[float] = []
    for begin in range(0, len(values), bins):
        mine = [0.0, 0.0, *values[begin : begin + bins], 0.0, 0.0]
        found += [
            0.1 * (a + e) + 0.23 * (b + d) + 0.34 * c
            for a, b, c, d, e in zip(mine, mine[1:], mine[2:], mine[3:], mine[4:], strict=False)
        ]
    return found


class Profiles:
    """Tags of one time, and the loads that they may be of."""

    def __init__(self, runs: Iterable[Evidence]) -> None:
        runs = list(runs)
        self._every = -(-sum(len(one.run) for one in runs) // MOST)
        self._begin = min(one.first for one in runs)
        duration = max(one.last for one in runs) - self._begin
        self._width = max(BIN, duration / BINS)
        self._bins = int(duration / self._width) + 1
        letters = sorted({letter for one in runs for letter in one.tally})
        self._rows = {letter: row * self._bins for row, letter in enumerate(letters)}
        self._size = len(letters) * self._bins
        self._heard = {id(one): self._cells(one) for one in runs}

    def _cells(self, one: Evidence) -> _Heard:
        sums: dict[int, list[float]] = {}
        begin, width, rows = self._begin, self._width, self._rows
        for read in one.run[:: self._every]:
            level = read.level if read.level > NO_LEVEL else NOMINAL
            cell = sums.setdefault(rows[read.letter] + int((read.time - begin) / width), [0.0, 0.0, 0.0])
            cell[0] += 1
            cell[1] += level
            cell[2] += level * level
        cells = []
        for at, (count, levels, squares) in sums.items():
            own = own_levels = 0.0
            for off, weight in KERNEL:
                near = sums.get(at + off)
                if near is not None and 0 <= at % self._bins + off < self._bins:
                    own += weight * near[0]
                    own_levels += weight * near[1]
            cells.append(_Cell(at, int(count), levels, squares, own, own_levels))
        return _Heard(one, cells, len(one.run[:: self._every]))

    def _profile(self, group: Sequence[Evidence]) -> _Profile:
        return _Profile([self._heard[id(one)] for one in group], self._size, self._bins)

    def sort(self, groups: Sequence[Sequence[Evidence]]) -> list[list[Evidence]]:
        """The same tags, each with the load it was heard with; a load that nobody is of is left out."""
        found = [list(group) for group in groups if group]
        for _ in range(ROUNDS):
            if len(found) < 2:
                break
            sorted_ones = self._sorted(found)
            settled = sorted_ones == found
            found = [group for group in sorted_ones if group]
            if settled:
                break
        return found

    def _sorted(self, groups: Sequence[Sequence[Evidence]]) -> list[list[Evidence]]:
        profiles = [self._profile(group) for group in groups]
        least = [self._least(group, profile) for group, profile in zip(groups, profiles, strict=True)]
        found: list[list[Evidence]] = [[] for _ in groups]
        for mine, group in enumerate(groups):
            for one in group:
                heard = self._heard[id(one)]
                fits = [profile.fit(heard, member=at == mine) for at, profile in enumerate(profiles)]
                best = max(range(len(fits)), key=fits.__getitem__)
                if len(group) == 1 and fits[best] < least[best] * heard.reads:
                    best = mine
                found[best].append(one)
        return found

    def _least(self, group: Sequence[Evidence], profile: _Profile) -> float:
        """How well one has to fit a load, by read, so that it may be of it."""
        if len(group) < LIKE:
            return -math.inf
        each = [self._heard[id(one)] for one in group]
        fits = sorted(profile.fit(heard, member=True) / heard.reads for heard in each)
        middle = fits[len(fits) // 2]
        return middle - UNLIKE * max(middle - fits[len(fits) // 6], CLOSE)

    def gain(self, groups: Sequence[Sequence[Evidence]]) -> float:
        """By how much likelier (natural logarithm) the reads are if these are loads by themselves, not one."""
        whole = self._profile([one for group in groups for one in group])
        found = 0.0
        for group in groups:
            profile = self._profile(group)
            for one in group:
                heard = self._heard[id(one)]
                alone = profile.fit(heard, member=True) if len(group) > 1 else whole.fit(heard, member=True)
                found += alone - whole.fit(heard, member=True)
        return found
