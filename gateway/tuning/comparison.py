"""The same recording decided twice: which events are the same, which moved, changed, came or went. Pure.

Events of one object are matched in order, those of the same transition within a tolerance of time, so that as many as
possible have a partner and the partners are as near as possible: a heaviest increasing chain, found exactly.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from gateway.tuning.events import Event

What = Literal["same", "moved", "changed", "lost", "added"]

INSTANT = 0.0015
"""Seconds that are no difference: messages say milliseconds."""

_NEAREST = 64
"""Events that one may be matched with, the nearest: a bound for codes that are scanned all day."""

_TIME, _OTHER = 0.4, 0.4
"""What a partner at the tolerance's end, and one with another place or direction, are worth less than 2. Two such
partners are still worth more than one without a flaw."""


class Pair(NamedTuple):
    """An event in both runs, or in one alone."""

    before: Event | None
    after: Event | None

    @property
    def what(self) -> What:
        """`changed`: another place or direction; `moved`: another time alone."""
        before, after = self.before, self.after
        if before is None:
            return "added"
        if after is None:
            return "lost"
        if _differ(before, after):
            return "changed"
        return "same" if abs(self.shift) <= INSTANT else "moved"

    @property
    def shift(self) -> float:
        """Seconds by which it is later in the second run."""
        return self.after.time - self.before.time if self.before is not None and self.after is not None else 0.0

    @property
    def event(self) -> Event:
        """The one there is, the first where there are two."""
        event = self.before or self.after
        assert event is not None
        return event


class Comparison(NamedTuple):
    """How many events each run has, how many are the same, and all differences in order of time."""

    before: int
    after: int
    same: int
    differences: list[Pair]

    def count(self, what: str) -> int:
        """Differences of one sort."""
        return sum(pair.what == what for pair in self.differences)


def compare(before: Iterable[Event], after: Iterable[Event], tolerance: float) -> Comparison:
    """Match the events of two runs; `tolerance` in seconds of eventTime."""
    ours, theirs = _by_object(before), _by_object(after)
    differences: list[Pair] = []
    same = 0
    for name in ours.keys() | theirs.keys():
        for pair in _matched(ours.get(name, []), theirs.get(name, []), tolerance):
            if pair.what == "same":
                same += 1
            else:
                differences.append(pair)
    differences.sort(key=lambda pair: (pair.event.time, pair.event.object, pair.what))
    return Comparison(sum(map(len, ours.values())), sum(map(len, theirs.values())), same, differences)


def _by_object(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for event in events:
        found[event.object].append(event)
    for each in found.values():
        each.sort(key=_order)
    return found


def _order(event: Event) -> tuple[float, str, str, str]:
    return event.time, event.kind, event.read_point, event.direction or ""


def _differ(one: Event, other: Event) -> bool:
    return one.read_point != other.read_point or one.direction != other.direction


def _matched(ours: Sequence[Event], theirs: Sequence[Event], tolerance: float) -> Iterator[Pair]:
    """What is the same in both stays together; the rest is matched between those."""
    last = at = 0
    for index, event in enumerate(ours):
        found = bisect_left(theirs, _order(event), at, key=_order)
        if found < len(theirs) and _order(theirs[found]) == _order(event):
            yield from _aligned(ours[last:index], theirs[at:found], tolerance)
            yield Pair(event, theirs[found])
            last, at = index + 1, found + 1
    yield from _aligned(ours[last:], theirs[at:], tolerance)


class _Link(NamedTuple):
    """The last partners of a chain, its worth, and the chain before them."""

    worth: float
    ours: int
    theirs: int
    before: _Link | None


def _aligned(ours: Sequence[Event], theirs: Sequence[Event], tolerance: float) -> Iterator[Pair]:
    link = _heaviest(ours, theirs, tolerance) if ours and theirs else None
    partners = {}
    while link is not None:
        partners[link.ours] = link.theirs
        link = link.before
    yield from (Pair(event, theirs[partners[i]] if i in partners else None) for i, event in enumerate(ours))
    taken = set(partners.values())
    yield from (Pair(None, event) for j, event in enumerate(theirs) if j not in taken)


def _heaviest(ours: Sequence[Event], theirs: Sequence[Event], tolerance: float) -> _Link | None:
    """The heaviest chain of partners that rises in both runs. The best chains by their end stand in a Fenwick tree."""
    tree: list[_Link | None] = [None] * (len(theirs) + 1)
    for i, event in enumerate(ours):
        links = []
        for j in _candidates(event, theirs, tolerance):
            before = _best(tree, j)
            worth = _worth(event, theirs[j], tolerance) + (before.worth if before else 0.0)
            links.append(_Link(worth, i, j, before))
        # Only now: an event has one partner.
        for link in links:
            _put(tree, link)
    return _best(tree, len(theirs))


def _candidates(event: Event, theirs: Sequence[Event], tolerance: float) -> list[int]:
    first = bisect_left(theirs, event.time - tolerance, key=lambda each: each.time)
    end = bisect_right(theirs, event.time + tolerance, key=lambda each: each.time)
    found = [j for j in range(first, end) if theirs[j].kind == event.kind]
    if len(found) > _NEAREST:
        found = sorted(found, key=lambda j: abs(theirs[j].time - event.time))[:_NEAREST]
    return found


def _worth(one: Event, other: Event, tolerance: float) -> float:
    return 2.0 - _TIME * abs(one.time - other.time) / max(tolerance, INSTANT) - _OTHER * _differ(one, other)


def _best(tree: list[_Link | None], end: int) -> _Link | None:
    """The best chain whose last partner is before `end`."""
    best: _Link | None = None
    while end:
        link = tree[end]
        if link is not None and (best is None or link.worth > best.worth):
            best = link
        end -= end & -end
    return best


def _put(tree: list[_Link | None], link: _Link) -> None:
    at = link.theirs + 1
    while at < len(tree):
        held = tree[at]
        if held is None or link.worth > held.worth:
            tree[at] = link
        at += at & -at
