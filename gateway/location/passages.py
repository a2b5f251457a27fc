"""The passages that a portal told a short time ago, and the transitions that say them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from gateway.location.company import APART, Decided
from gateway.location.evidence import Evidence
from gateway.location.floor import Floor
from gateway.location.outcome import Outcome
from gateway.model import Direction, Passage, Transition

LATE: Final = 30.0
"""Seconds in which a tag may still be added to a passage that was told."""

SAME: Final = 1.0
"""Seconds between two tags in the door that are one load's, however fast it was."""


class _Told(msgspec.Struct):
    """A passage that was told: which way, when it was in the door, how many."""

    id: str
    direction: Direction
    centre: float
    spread: float
    decided: float
    count: int

    def time_of(self, one: Evidence) -> float:
        """When one of them was in the door: who was hidden there was so when the others were."""
        if one.first <= self.centre <= one.last:
            return one.middle
        return min(max(one.middle, self.centre - self.spread), self.centre + self.spread)


class Passages:
    """Tells what crossed, and remembers it: who comes late belongs to those he crossed with."""

    def __init__(self, read_point: str, floor: Floor, new_id: Callable[[float], str]) -> None:
        self._read_point = read_point
        self._floor = floor
        self._new_id = new_id
        self._told: deque[_Told] = deque(maxlen=16)

    def tell(self, decided: Decided, now: float, out: list[Outcome]) -> None:
        """All members in one passage: in outcomes of one call, so that one commit takes them whole."""
        told = self._joined(decided, now)
        late = told is not None
        if told is None:
            told = _Told(self._new_id(now), decided.direction, decided.centre, decided.spread, now, 0)
            self._told.append(told)
        first = told.count
        told.count += len(decided.members)
        for index, one in enumerate(decided.members, first + 1):
            passage = Passage(told.id, told.count, index, late)
            one.tag.crossed = told.direction
            out.append(Outcome(self._passed(one, told, passage, now)))

    def _joined(self, decided: Decided, now: float) -> _Told | None:
        """The passage told a short time ago to which these belong."""
        for told in reversed(self._told):
            near = abs(told.centre - decided.centre) <= max(APART * told.spread, SAME)
            if near and now - told.decided <= LATE and decided.direction in (told.direction, "unknown"):
                return told
        return None

    def _passed(self, one: Evidence, told: _Told, passage: Passage, now: float) -> Transition:
        sources = (self._floor.source(chr(letter), reads, peak) for letter, (reads, peak) in one.tally.items())
        return Transition(
            kind="passed",
            object=one.identity,
            read_point=self._read_point,
            time=told.time_of(one),
            decided=now,
            first_seen=one.first,
            last_seen=one.last,
            reads=len(one.run),
            sources=tuple(sources),
            direction=told.direction,
            passage=passage,
        )
