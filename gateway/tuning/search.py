"""Which settings make the decisions truer, found on one part of a walk and believed only if another part agrees. Pure.

One setting after another is tried; the best one stays if it is surely better on the part that is fitted. What is found
must then be surely better on the part held out, and each of it must earn its place there. Offsets are measured, not
fitted: they stay if they are surely better over all. So noise is not fitted: where the defaults are as good, they are
the answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from gateway.tuning.score import Piece, Tally, gain, together
from gateway.tuning.settings import GRID, Name, Settings, Value
from gateway.tuning.stands import Port

LEAST = 0.002
"""Of `Tally.worth`: less is not worth a line in a site file."""

SURE = 1.645
"""Standard errors: were it noise, it would be so good once in 20 times."""

SWEEPS = 2

_MIXED = math.nan
"""What zones have that do not agree: equal to nothing that is tried."""

Trial = Callable[[Settings], Mapping[Piece, Tally]]


class Accuracy(NamedTuple):
    """Of the whole walk, and of the part that was not fitted."""

    whole: Tally
    held_out: Tally


class Found(NamedTuple):
    """The settings to propose (none: keep those there are), and what is gained."""

    settings: Settings
    before: Accuracy
    after: Accuracy
    trials: int


def most_trials(grid: Mapping[Name, Sequence[Value]], *, offsets: bool) -> int:
    """Decisions of the whole recording that a search takes at most."""
    return 1 + offsets + SWEEPS * sum(map(len, grid.values())) + len(grid)


def with_floors(levels: Sequence[float]) -> dict[Name, tuple[Value, ...]]:
    """The grid, with floors that leave out the weakest 1, 3, 10 and 20 % of levels (dBm, sorted)."""
    if not levels:
        return dict(GRID)
    floors = sorted({round(levels[int(len(levels) * share)]) for share in (0.01, 0.03, 0.1, 0.2)})
    return {**GRID, "rssi_floor_dbm": (None, *floors)}


class Search:
    """`trial` decides the recording with settings and scores it. Objects' pieces are fitted and held out in turn."""

    def __init__(self, trial: Trial, grid: Mapping[Name, Sequence[Value]], present: Mapping[Name, Value]) -> None:
        self._trial = trial
        self._grid = grid
        self._present = present
        self._known: dict[Settings, Mapping[Piece, Tally]] = {}

    def run(self, offsets: tuple[tuple[Port, float], ...] = ()) -> Found:
        """`offsets` are those that were measured. They are not fitted, so that the whole walk may judge them."""
        start = Settings()
        measured = Settings(offsets=offsets)
        first = measured if offsets and self._helps(start, measured) else start
        best = self._believed(first, self._fitted(first))
        return Found(best, self._accuracy(start), self._accuracy(best), len(self._known))

    def _score(self, settings: Settings) -> Mapping[Piece, Tally]:
        settings = settings._replace(zones=tuple(sorted(settings.zones, key=lambda each: each[0])))
        if settings not in self._known:
            self._known[settings] = self._trial(settings)
        return self._known[settings]

    def _part(self, settings: Settings, *, fitted: bool) -> dict[Piece, Tally]:
        score = self._score(settings)
        names = {name: index for index, name in enumerate(sorted({name for name, _ in score}))}
        return {piece: tally for piece, tally in score.items() if ((names[piece[0]] + piece[1]) % 2 == 0) == fitted}

    def _helps(self, before: Settings, after: Settings) -> bool:
        """Surely over the whole walk, and no less where nothing is fitted."""
        more, error = gain(self._score(before), self._score(after))
        held_out, _ = gain(self._part(before, fitted=False), self._part(after, fitted=False))
        return more > max(LEAST, SURE * error) and held_out > 0

    def _surely(self, before: Settings, after: Settings, *, fitted: bool) -> bool:
        more, error = gain(self._part(before, fitted=fitted), self._part(after, fitted=fitted))
        return more > max(LEAST, SURE * error)

    def _fitted(self, best: Settings) -> Settings:
        for _ in range(SWEEPS):
            before = best
            for name, values in self._grid.items():
                now = dict(best.zones).get(name, self._present.get(name, _MIXED))
                best = self._better(best, [best.put(name, value) for value in values if value != now])
            if best == before:
                break
        return best

    def _better(self, best: Settings, others: Sequence[Settings]) -> Settings:
        worth = {other: together(self._part(other, fitted=True)).worth for other in others}
        other = max(others, key=lambda each: worth[each], default=best)
        return other if self._surely(best, other, fitted=True) else best

    def _believed(self, start: Settings, best: Settings) -> Settings:
        """Without what does not help where it was not fitted."""
        for name, _ in best.zones:
            less = best.without(name)
            if not self._surely(less, best, fitted=False):
                best = less
        return best if best != start and self._surely(start, best, fitted=False) else start

    def _accuracy(self, settings: Settings) -> Accuracy:
        return Accuracy(together(self._score(settings)), together(self._part(settings, fitted=False)))
