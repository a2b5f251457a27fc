"""The bookkeeping of portals: one passage a crossing, told together. The rule that judges a crossing is in `crossing`.

A tag is judged when both sides have not heard it for `QUIET`, or when the gate closes, or after `REVIEW` while it is
still heard, if its way is clear by then. The tags of one crossing are told when none is under way any more.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from drivers.observations import Read
from gateway.location.admission import Admission
from gateway.location.crossing import AWAY, Crossing
from gateway.location.floor import Floor, Place
from gateway.location.gate import GateState
from gateway.location.outcome import MAX_TAGS, Counts, Key, Outcome
from gateway.location.wheel import Wheel
from gateway.model import Direction, Passage, ReadPoint, Transition

QUIET: Final = 2.0
"""Seconds of silence on both sides after which a crossing is over."""

REVIEW: Final = 15.0
"""Seconds after which a tag that is still heard is judged by what is clear already."""

TOGETHER: Final = 5.0
"""Seconds that the first tag of a passage waits for the last."""

NEAR: Final = 60.0
"""Seconds that a tag which did not cross, or has crossed, is remembered after it was heard last."""

LATE: Final = 30.0
"""Seconds in which a tag may still be added to a passage that was told."""


class _Judged(msgspec.Struct, gc=False):
    """A crossing that waits for those that belong to it."""

    crossing: Crossing
    direction: Direction
    time: float
    first: float
    last: float


class _Told(msgspec.Struct):
    """A passage that was told."""

    id: str
    direction: Direction
    begin: float
    end: float
    decided: float
    count: int


class Portal:
    """All tags in the field of one portal."""

    def __init__(
        self, point: ReadPoint, floor: Floor, admission: Admission, counts: Counts, new_id: Callable[[float], str]
    ) -> None:
        self._point = point
        self._floor = floor
        self._admission = admission
        self._counts = counts
        self._new_id = new_id
        self._tags: dict[Key, Crossing] = {}
        self._objects: dict[str, Crossing] = {}
        self._renamed: set[Key] = set()
        self._wheel = Wheel(self._due)
        self._judged: list[_Judged] = []
        self._tell_by = math.inf
        self._under_way = 0
        self._told: deque[_Told] = deque(maxlen=16)
        self.gate = GateState.of(point)
        self._one_sided = False
        self._learn_sides()

    def _learn_sides(self) -> None:
        letters = self._floor.letters(self._point.name, "portal")
        self._one_sided = len({self._floor.places[ord(letter)].side for letter in letters}) < 2

    @property
    def deadline(self) -> float | None:
        """When something is decided by silence, at the earliest."""
        times = [self._tell_by, self._wheel.deadline, self.gate.closes if self.gate and self._under_way else None]
        return min((time for time in times if time is not None and time != math.inf), default=None)

    def hear(
        self, read: Read, key: Key, place: Place, level: float, time: float, now: float, out: list[Outcome]
    ) -> None:
        """Take one read."""
        if self.gate is not None and not self.gate.counts(time):
            self._counts.gated += 1
            return
        tag = self._tags.get(key) or self._meet(read, key, place, time)
        if tag is None:
            return
        if tag.ports and time - tag.last > QUIET:
            self._judge(tag, tag.last + QUIET, now, out)
        if not tag.ports:
            if key in self._renamed:
                self._forget(tag)
                self.hear(read, key, place, level, time, now, out)
                return
            tag.anew |= tag.settled and time - tag.last > AWAY
            tag.restart(time)
            self._wheel.arm(tag, time + QUIET)
        tag.last = max(tag.last, time)
        tag.hear(place.side or "inside", place.letter, level, time)

    def _meet(self, read: Read, key: Key, place: Place, time: float) -> Crossing | None:
        identity = self._admission.identify(read, key, place, time)
        self._renamed.discard(key)
        if identity is None:
            return None
        tag = self._objects.get(identity.uri)
        if tag is not None:
            return tag
        if len(self._objects) >= MAX_TAGS:
            self._counts.refused += 1
            return None
        tag = Crossing(
            identity=identity,
            key=key,
            armed=-math.inf,
            origin=time,
            first=time,
            last=time,
            review=time + REVIEW,
            sums=array("d"),
            ports="",
            tally=array("d"),
            sides=array("d", (time, 0.0, 0.0, 0.0, 0.0)),
        )
        self._tags[key] = self._objects[identity.uri] = tag
        self._under_way += 1
        return tag

    def _due(self, tag: Crossing) -> float:
        if self._objects.get(tag.identity.uri) is not tag:
            return math.inf
        if tag.settled and not tag.ports:
            return tag.last + NEAR
        return min(tag.last + QUIET, max(tag.review, tag.first + REVIEW))

    def advance(self, now: float, out: list[Outcome]) -> None:
        """Decide what silence decides by `now`, at most a slice of it."""
        for tag in self._wheel.fire(now):
            if tag.settled and not tag.ports:
                self._forget(tag)
                continue
            if tag.last + QUIET <= now:
                self._judge(tag, now, now, out)
            else:
                self._review(tag, now, out)
            self._wheel.arm(tag, self._due(tag))
        if self.gate is not None and self._under_way:
            closes = self.gate.closes
            if closes is not None and closes <= now:
                self._close(now, out)
        if self._tell_by <= now:
            self._tell(now, out)

    def _review(self, tag: Crossing, now: float, out: list[Outcome]) -> None:
        """It is still heard: whose way is clear has crossed, the others are looked at again."""
        tag.review = now + REVIEW
        direction = tag.cleared()
        if direction is not None:
            self._end(tag, direction, now, now, out)

    def _close(self, now: float, out: list[Outcome]) -> None:
        """The gate has closed: all that is under way is over."""
        for tag in [tag for tag in self._objects.values() if not tag.settled]:
            self._judge(tag, now, now, out)
            self._wheel.arm(tag, self._due(tag))

    def _judge(self, tag: Crossing, time: float, now: float, out: list[Outcome]) -> None:
        """End a run. Whatever it was, what the tag does near the door from now on needs clearer evidence."""
        enough = tag.reads >= self._point.min_reads
        direction = tag.verdict(one_sided=self._one_sided or self.gate is not None) if enough else None
        self._end(tag, direction, time, now, out)

    def _end(self, tag: Crossing, direction: Direction | None, time: float, now: float, out: list[Outcome]) -> None:
        if direction is None:
            self._counts.strays += not tag.settled
        else:
            done = msgspec.structs.replace(tag)
            self._judged.append(_Judged(done, direction, tag.middle(), tag.first, tag.last))
            self._tell_by = min(self._tell_by, time + TOGETHER)
            tag.passed = direction
        tag.anew = False
        if not tag.settled:
            tag.settled = True
            self._under_way -= 1
        tag.restart(tag.last)
        if not self._under_way and self._judged:
            self._tell(now, out)

    def _forget(self, tag: Crossing) -> None:
        del self._objects[tag.identity.uri]
        del self._tags[tag.key]

    def rename(self) -> None:
        """Identifiers may have other names from now on. A crossing under way ends under the name it began with."""
        self._renamed = set(self._tags)

    # Passages

    def _tell(self, now: float, out: list[Outcome]) -> None:
        """All that waits, by direction; those whose direction is unknown go with the most."""
        judged, self._judged = sorted(self._judged, key=lambda one: (one.time, one.crossing.identity.uri)), []
        self._tell_by = math.inf
        ways: dict[Direction, list[_Judged]] = {}
        for one in judged:
            ways.setdefault(one.direction, []).append(one)
        unknown = ways.pop("unknown", [])
        if unknown:
            most = max(ways, key=lambda way: len(ways[way]), default=None)
            ways.setdefault(most or "unknown", []).extend(unknown)
        for way, members in ways.items():
            self._tell_way(way, members, now, out)

    def _tell_way(self, way: Direction, members: list[_Judged], now: float, out: list[Outcome]) -> None:
        begin, end = min(one.first for one in members), max(one.last for one in members)
        told = self._joined(way, begin, end, now)
        late = told is not None
        if told is None:
            told = _Told(self._new_id(now), way, begin, end, now, 0)
            self._told.append(told)
        first = told.count
        told.count += len(members)
        for index, one in enumerate(members, first + 1):
            out.append(Outcome(self._passed(one, Passage(told.id, told.count, index, late), now)))

    def _joined(self, way: Direction, begin: float, end: float, now: float) -> _Told | None:
        """The passage told a short time ago to which these belong."""
        for told in reversed(self._told):
            if told.direction == way and now - told.decided <= LATE and begin <= told.end and end >= told.begin:
                return told
        return None

    def _passed(self, one: _Judged, passage: Passage, now: float) -> Transition:
        tag = one.crossing
        sources = tuple(
            self._floor.source(letter, int(tag.tally[2 * at]), tag.tally[2 * at + 1])
            for at, letter in enumerate(tag.ports)
        )
        return Transition(
            kind="passed",
            object=tag.identity,
            read_point=self._point.name,
            time=one.time,
            decided=now,
            first_seen=one.first,
            last_seen=one.last,
            reads=tag.reads,
            sources=sources,
            direction=one.direction,
            passage=passage,
        )

    def replace(self, point: ReadPoint) -> None:
        """New rules for the same read point; what is under way goes on."""
        if point.gate != self._point.gate:
            self.gate = GateState.of(point)
        self._point = point
        self._learn_sides()

    def step(self, by: float, now: float, out: list[Outcome]) -> Portal:
        """The host's clock was set: what crossed is told, and the portal begins anew with its gate as it is."""
        self.close(now, out)
        fresh = Portal(self._point, self._floor, self._admission, self._counts, self._new_id)
        if self.gate is not None:
            self.gate.step(by)
            fresh.gate = self.gate
        return fresh

    def close(self, now: float, out: list[Outcome]) -> None:
        """The read point left the configuration: what crossed is told."""
        self._close(now, out)
        if self._judged:
            self._tell(now, out)
