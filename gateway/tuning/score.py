"""How true location events are, where the truth is known: event F1, and the share of time in the right zone. Pure.

An event is right if it names the zone of a true change and lies near it: from 4 s before an arrival or a move to 20 s
after, from 30 s before a departure (its time is the last read) to 90 s after. A zone of less than 8 s need not be told.
Before its first change an object is nowhere; who was somewhere before the recording came there with its begin, and what
happened after its end nobody could say. While the device was off, time counts for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from gateway.tuning.walk import Change, zone_at

LEAD, LAG = 4.0, 20.0
DEPART_LEAD, DEPART_LAG = 30.0, 90.0
SHORT = 8.0

Span = tuple[float, float]


class Tally(NamedTuple):
    """What adds up: true changes found of those wanted, good events of all, seconds right of all."""

    found: float = 0
    wanted: float = 0
    good: float = 0
    events: float = 0
    right: float = 0.0
    total: float = 0.0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(*(one + two for one, two in zip(self, other, strict=True)))

    def minus(self, other: Tally) -> Tally:
        """Without the other."""
        return Tally(*(one - two for one, two in zip(self, other, strict=True)))

    @property
    def f1(self) -> float:
        """Of precision (good events) and recall (true changes found)."""
        precision, recall = self.good / max(self.events, 1), self.found / max(self.wanted, 1)
        return 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    @property
    def time_right(self) -> float:
        """Share of time in which the object was said to be where it was."""
        return self.right / self.total if self.total > 0 else 0.0

    @property
    def worth(self) -> float:
        """One figure to compare by: the mean of both."""
        return (self.f1 + self.time_right) / 2


Piece = tuple[str, int]
"""A stretch of one object's time."""


class Judge:
    """Scores events against a truth, in pieces of `block` seconds an object, so that parts can be held out."""

    def __init__(
        self, truth: Mapping[str, Sequence[Change]], start: float, end: float, outages: Sequence[Span], block: float
    ) -> None:
        self._truth = {name: _within(changes, start, end) for name, changes in truth.items()}
        self._start = start
        self._end = end
        self._outages = outages
        self._block = block

    def score(self, events: Mapping[str, Sequence[Change]]) -> dict[Piece, Tally]:
        """Tallies by piece. Events of objects that are not in the truth count for nothing."""
        found: dict[Piece, Tally] = {}
        for name, changes in self._truth.items():
            said = sorted(events.get(name, ()), key=lambda change: change.time)
            for time, tally in [*self._events(said, changes), *self._times(said, changes)]:
                piece = (name, self._piece(time))
                found[piece] = found.get(piece, Tally()).plus(tally)
        return found

    def _piece(self, time: float) -> int:
        return int((min(max(time, self._start), self._end) - self._start) // self._block)

    def _events(self, said: Sequence[Change], changes: Sequence[Change]) -> list[tuple[float, Tally]]:
        wanted = self._wanted(changes)
        good, found = self._hits(said, changes), self._hits(wanted, said, turned=True)
        return [
            *((event.time, Tally(good=int(i in good), events=1)) for i, event in enumerate(said)),
            *((change.time, Tally(found=int(i in found), wanted=1)) for i, change in enumerate(wanted)),
        ]

    def _wanted(self, changes: Sequence[Change]) -> list[Change]:
        long: list[Change] = []
        for i, change in enumerate(changes):
            until = changes[i + 1].time if i + 1 < len(changes) else self._end
            if until - change.time >= SHORT and (not long or long[-1].zone != change.zone):
                long.append(change)
        return long

    def _hits(self, ours: Sequence[Change], theirs: Sequence[Change], *, turned: bool = False) -> set[int]:
        """Which of ours have one of theirs near, each taken once, in order of time."""
        taken: set[int] = set()
        hits: set[int] = set()
        for i, one in enumerate(ours):
            for j, other in enumerate(theirs):
                event, change = (other, one) if turned else (one, other)
                if j not in taken and self._near(event, change):
                    taken.add(j)
                    hits.add(i)
                    break
        return hits

    def _near(self, event: Change, change: Change) -> bool:
        if event.zone != change.zone:
            return False
        lead, lag = (LEAD, LAG) if change.zone is not None else (DEPART_LEAD, DEPART_LAG)
        for begin, end in self._outages:
            if begin <= change.time < end + DEPART_LEAD and change.zone is None:
                lead = max(lead, change.time - begin + DEPART_LEAD)
            if begin - DEPART_LAG <= change.time < end:
                lag += end - begin
        return change.time - lead <= event.time <= change.time + lag

    def _times(self, said: Sequence[Change], changes: Sequence[Change]) -> list[tuple[float, Tally]]:
        """Seconds from one change, of either, to the next, cut where pieces end."""
        points = {change.time for change in (*said, *changes)} | {self._end}
        points |= {time for span in self._outages for time in span}
        first = min(points)
        count = self._piece(self._end) + 1
        points |= {cut for n in range(1, count) if (cut := self._start + n * self._block) > first}
        order = sorted(points)
        out = []
        for begin, end in pairwise(order):
            if end > self._end or any(a <= begin < b for a, b in self._outages):
                continue
            right = zone_at(changes, begin) == zone_at(said, begin)
            out.append((begin, Tally(right=(end - begin) * right, total=end - begin)))
        return out


def _within(changes: Sequence[Change], start: float, end: float) -> list[Change]:
    """What of a truth can be said: a floor is there before it is recorded, and afterwards."""
    here = zone_at(changes, start)
    inside = [change for change in changes if start < change.time <= end]
    return inside if here is None else [Change(start, here), *inside]


def together(pieces: Mapping[Piece, Tally]) -> Tally:
    """All pieces as one."""
    total = Tally()
    for tally in pieces.values():
        total = total.plus(tally)
    return total


def gain(before: Mapping[Piece, Tally], after: Mapping[Piece, Tally]) -> tuple[float, float]:
    """By how much `worth` grew, and its standard error: the jackknife over pieces."""
    all_before, all_after = together(before), together(after)
    most = all_after.worth - all_before.worth
    pieces = before.keys() | after.keys()
    if len(pieces) < 3:
        return most, 1.0
    none = Tally()
    left = [
        all_after.minus(after.get(piece, none)).worth - all_before.minus(before.get(piece, none)).worth
        for piece in pieces
    ]
    mean = sum(left) / len(left)
    variance = sum((one - mean) ** 2 for one in left) * (len(left) - 1) / len(left)
    return most, variance**0.5
