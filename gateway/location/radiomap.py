"""What each antenna hears of tags that stand under each antenna: learned from the floor, not assumed.

A floor is a set of cells, one an antenna. Of each cell the map knows the mean levels, at all antennas, of what stood
there: each stand counts once, however often it was read, for one tag's reads share its shadows. Where few stood, a mean
is drawn to what holds for all cells: the own antenna hears well, any other hears less. Before anything was learned a
cell is thus as likely as its own antenna is loud, and equal antennas count as equal.

How well a tag fits a cell is the squared distance of its levels from the cell's, less most of what all antennas have in
common: a weak tag is weak everywhere. Levels are in dB above silence; an antenna that hears nothing is at 0.

Antennas' gains come from pairs: by how much A outdoes B among A's tags, and B outdoes A among B's. Both must have held
tags, or nothing is said; an empty zone moves no gain. Nor may the tags of both be so alike that they could be those of
one cell, which a louder antenna over an empty zone has divided: such a pair is taken as if nothing were known of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from operator import mul
from typing import Final, NamedTuple

Row = tuple[int, str, float, tuple[float, ...]]
"""A cell as a tag's antennas see it: its zone, its letter, its score for silence, and what each dB adds to that."""

ASSUMED: Final = 10.0
"""Stands that the common prior weighs, in each cell."""

MUTUAL: Final = 2.0
"""Of those, stands that any pair of cells weighs against what was seen from the other one: ways are as long back."""

DOUBT: Final = 4.0
"""Pairs of stands that equal gains weigh, for each antenna."""

REMEMBERED: Final = 200.0
"""Stands of a cell after which older ones fade."""

COMMON: Final = 0.1
"""Variance of what all antennas have in common, in units of that of each. At 0 a weak tag would seem elsewhere."""

NEAR: Final = 25.0
"""dB above silence at the own antenna, before anything stood anywhere."""

FAR: Final = 10.0
"""dB above silence at the others."""

APART: Final = 3.0
"""dB: cells that are more alike than that count as so far apart, or noise would be taken for a lead."""

ONE, TWO = 14.0, 22.0
"""dB by which both antennas of a pair together tell two cells' tags apart: so few that they may be one cell's, which
shadows divided, and so many that they cannot be."""

_AUDIBLE: Final = 2.0
"""dB above silence from which on a pair of antennas says something about their gains."""

_FRESH: Final = 0.05
"""Share of all stands that is learned before scores are worked out anew."""

_LAYOUTS: Final = 1024
"""Sets of antennas whose rows are kept, and pairs of cells whose distance is."""

_WEIGHTS: Final = 200_000
"""Weights of rows that are kept, some 32 bytes each."""

_SWEEPS: Final = 3
"""Over all pairs of antennas at each learning: gains are nearly right already."""

SLICE: Final = 3000
"""Pairs and levels that are worked out at one stand, a microsecond or two each: a large floor is learned in parts."""


class _Fit(NamedTuple):
    """What explains all stands best: levels (dB) at the own antenna and at others, gains (dB), and which pairs of cells
    tell their tags apart (0 to 1).
    """

    own: float
    other: float
    gains: dict[str, float]
    trust: dict[str, float]


class RadioMap:
    """The cells of the antennas that stand in zones. Bounded: pairs of antennas that hear each other's tags."""

    def __init__(self) -> None:
        self._zone_of: Mapping[str, int] = {}
        self._cells: list[str] = []
        self._stands: dict[str, float] = {}
        self._sums: dict[str, dict[str, float]] = {}
        self._all = self._unused = 0.0
        self._fit = _Fit(NEAR, FAR, {}, {})
        self._fitting: Iterator[int] | None = None
        self._means: dict[str, list[float]] = {}
        self._rows: dict[tuple[str, int], list[Row]] = {}
        self._apart: dict[str, float] = {}
        self._kept = 0
        """Weights in `_rows`."""

    @property
    def gains(self) -> Mapping[str, float]:
        """dB by which each antenna hears more than its equals."""
        return self._fit.gains

    def replace(self, zone_of: Mapping[str, int], letters: Sequence[str]) -> None:
        """Take the antennas of a new configuration; what was learned of those that stay holds."""
        self._zone_of = zone_of
        self._cells = list(letters)
        self._stands = {letter: self._stands.get(letter, 0.0) for letter in letters}
        self._sums = {
            cell: {letter: total for letter, total in self._sums.get(cell, {}).items() if letter in self._stands}
            for cell in letters
        }
        gains = {letter: self.gains.get(letter, 0.0) for letter in letters}
        self._fit = self._fit._replace(gains=gains)
        self._means.clear()
        for _ in self._fitted():
            pass
        self._fitting = None

    def learn(self, cell: str, ports: str, levels: Sequence[float]) -> None:
        """Something stands in that cell, and these antennas hear it at these levels."""
        if cell not in self._stands:
            return
        sums = self._sums[cell]
        if self._stands[cell] >= REMEMBERED:
            fade = 1.0 - 1.0 / REMEMBERED
            self._stands[cell] *= fade
            for letter in sums:
                sums[letter] *= fade
        self._stands[cell] += 1.0
        for letter, level in zip(ports, levels, strict=True):
            if letter in self._stands:
                sums[letter] = sums.get(letter, 0.0) + level
        self._unused += 1.0
        if self._fitting is None and self._unused > _FRESH * self._all:
            self._fitting = self._fitted()
        if self._fitting is not None:
            self._go_on(self._fitting)

    def _go_on(self, fitting: Iterator[int]) -> None:
        """A slice of it. Until it is done, the fit of before holds."""
        done = 0
        for work in fitting:
            done += work
            if done >= SLICE:
                return
        self._fitting = None

    def _fitted(self) -> Iterator[int]:
        """Work the scores out anew; yields how much was done since it yielded last."""
        self._unused = 0.0
        everything = sum(self._stands.values())
        near = sum(self._sums[cell].get(cell, 0.0) for cell in self._cells)
        total = sum(sum(sums.values()) for sums in self._sums.values())
        others = max(len(self._cells) - 1, 1)
        # As if one stand had been seen before anything was.
        own = (near + NEAR) / (everything + 1.0)
        other = min(((total - near) / others + FAR) / (everything + 1.0), own - APART)
        trust: dict[str, float] = {}
        pairs: list[_Pair] = []
        yield from self._compare(trust, pairs)
        fit = _Fit(own, other, dict(self.gains), trust)
        yield from self._weigh(pairs, fit.gains)
        means: dict[str, list[float]] = {}
        if len(self._cells) ** 2 > SLICE:
            # Else they are worked out when they are asked for: all at once would be a pause.
            for cell in list(self._means):
                means[cell] = self._mean_by(fit, cell)
                yield len(self._cells)
        self._all, self._fit, self._means = everything, fit, means
        self._rows.clear()
        self._apart.clear()
        self._kept = 0

    def _compare(self, trust: dict[str, float], pairs: list[_Pair]) -> Iterator[int]:
        """Which pairs of cells tell their tags apart, and by how much one antenna of each outdoes the other."""
        mean: dict[str, dict[str, float]] = {}
        for cell, sums in self._sums.items():
            stands = self._stands[cell]
            if stands >= 1.0:
                mean[cell] = {letter: total / stands for letter, total in sums.items()}
                yield len(sums) // 4
        sure = {cell: [0.0, 0.0] for cell in self._cells}
        for one, heard in mean.items():
            for other in _paired(mean, one):
                ours, theirs = _ahead(mean, one, other), _ahead(mean, other, one)
                apart = min(max((ours + theirs - ONE) / (TWO - ONE), 0.0), 1.0)
                weight = 1.0 / (1.0 / self._stands[one] + 1.0 / self._stands[other])
                trust[one + other] = trust[other + one] = apart
                pairs.append((one, other, (ours - theirs) / 2.0, apart * weight))
                for cell in (one, other):
                    sure[cell][0] += apart * weight
                    sure[cell][1] += weight
            yield len(heard)
        trust.update({cell + cell: some / most for cell, (some, most) in sure.items() if most})

    def _weigh(self, pairs: Sequence[_Pair], gains: dict[str, float]) -> Iterator[int]:
        """Gains from pairs."""
        for _ in range(_SWEEPS if pairs else 0):
            pull = dict.fromkeys(self._cells, 0.0)
            weight = dict.fromkeys(self._cells, DOUBT)
            for begin in range(0, len(pairs), SLICE):
                some = pairs[begin : begin + SLICE]
                for one, other, ahead, trust in some:
                    pull[one] += trust * (gains[other] + ahead)
                    pull[other] += trust * (gains[one] - ahead)
                    weight[one] += trust
                    weight[other] += trust
                yield len(some)
            # Half the way, or a pair that is sure would change places for ever.
            gains.update({each: (gains[each] + pull[each] / weight[each]) / 2.0 for each in self._cells})

    def rows(self, ports: str, here: int) -> list[Row]:
        """The cells that a tag which these antennas heard may be in, and those of the zone where it is."""
        found = self._rows.get((ports, here))
        if found is None:
            cells = [cell for cell in self._cells if cell in ports or self._zone_of[cell] == here]
            self._kept += len(cells) * len(ports)
            if self._kept > _WEIGHTS or len(self._rows) >= _LAYOUTS:
                self._rows.clear()
                self._kept = len(cells) * len(ports)
            found = self._rows[ports, here] = [self._row(cell, ports) for cell in cells]
        return found

    def apart(self, one: str, other: str) -> float:
        """What divides a lead in scores between two cells to make it dB of the one antenna over the other."""
        found = self._apart.get(one + other)
        if found is None:
            if len(self._apart) >= _LAYOUTS:
                self._apart.clear()
            apart = [mine - theirs for mine, theirs in zip(self._mean(one), self._mean(other), strict=True)]
            square = sum(map(mul, apart, apart)) - self._share() * sum(apart) ** 2
            found = self._apart[one + other] = max(math.sqrt(max(square, 0.0) / 2.0), APART)
        return found

    def _share(self) -> float:
        """Of the sum of all levels, what is left out of each: it is common to all."""
        return COMMON / (1.0 + len(self._cells) * COMMON)

    def _row(self, cell: str, ports: str) -> Row:
        mean = self._mean(cell)
        common = self._share() * sum(mean)
        weights = {letter: level - common for letter, level in zip(self._cells, mean, strict=True)}
        silence = -0.5 * sum(map(mul, weights.values(), mean))
        return self._zone_of[cell], cell, silence, tuple(weights.get(letter, 0.0) for letter in ports)

    def _mean(self, cell: str) -> list[float]:
        """The levels of what stands in a cell, at every antenna."""
        found = self._means.get(cell)
        if found is None:
            found = self._means[cell] = self._mean_by(self._fit, cell)
        return found

    def _mean_by(self, fit: _Fit, cell: str) -> list[float]:
        """What was seen, drawn to what was to be expected before anything stood in the cell.

        That is at another antenna as much as its own tags are heard here: they are as far away.
        """
        own, other, gains, trusted = fit
        sums, stands, stood, gain = self._sums, self._stands, self._stands[cell], gains[cell]
        seen = sums[cell]
        found = []
        for letter in self._cells:
            trust = trusted.get(cell + letter, 1.0)
            if letter == cell:
                prior = own + gain
            else:
                back = trust * stands[letter]
                heard = trust * sums[letter].get(cell, 0.0) + back * (gains[letter] - gain)
                prior = (heard + MUTUAL * (other + gains[letter])) / (back + MUTUAL)
            known = trust * seen.get(letter, 0.0)
            found.append((known + ASSUMED * max(prior, 0.0)) / (trust * stood + ASSUMED))
        return found


_Pair = tuple[str, str, float, float]
"""One, other, dB by which `one` outdoes its equal, how much that weighs."""

_Means = Mapping[str, Mapping[str, float]]


def _paired(mean: _Means, one: str) -> Iterator[str]:
    """Antennas behind `one` that hear its tags, and it theirs."""
    for other, level in mean[one].items():
        if one < other and other in mean and level > _AUDIBLE and mean[other].get(one, 0.0) > _AUDIBLE:
            yield other


def _ahead(mean: _Means, one: str, other: str) -> float:
    """By how much `one` outdoes `other` among its own tags."""
    return mean[one].get(one, 0.0) - mean[one][other]
