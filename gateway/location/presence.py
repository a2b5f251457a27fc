"""The bookkeeping of zones: who is where, since when, and how it ends. The rule that weighs evidence is in `zone`.

A tag is in at most one zone. Its eventTimes never run backwards. Departures wait for antennas that do not observe.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterator
from typing import Final

import msgspec

from drivers.observations import Read
from gateway.location.admission import Admission
from gateway.location.floor import Floor, Place
from gateway.location.memory import Departed, Memory
from gateway.location.outcome import MAX_TAGS, Counts, Key, Outcome
from gateway.location.patience import BEACONS, GAP, Patience
from gateway.location.renaming import Renaming
from gateway.location.watch import Watch
from gateway.location.wheel import Wheel
from gateway.location.zone import Tag, ZoneRule
from gateway.model import Absent, DepartureReason, Identity, Present, ReadPoint, Sighting, Transition

LISTENING: Final = 2.0
"""Dwell times that a new tag is listened to before its zone is decided."""

WRITE_BACK: Final = 60.0
"""Seconds by which a stored last_seen may lag behind."""


class Zones:
    """All tags in the zones of a segment."""

    def __init__(self, floor: Floor, watch: Watch, admission: Admission, counts: Counts) -> None:
        self.resync_before = -math.inf
        """Arrivals of tags first heard before then say `resync`: presence was lost before the start."""
        self.present_count = 0
        """Objects that are in a zone."""
        self._floor = floor
        self._watch = watch
        self._admission = admission
        self._counts = counts
        self._rule = ZoneRule(floor)
        self._tags: dict[Key, Tag] = {}
        self._renaming = Renaming()
        self._objects: dict[str, Tag] = {}
        self._memory = Memory()
        self._wheel = Wheel(self._ask)
        self._touched: list[Tag] = []
        self._limits = Patience()
        self._limits.replace(self._rule.zones)

    @property
    def deadline(self) -> float | None:
        """When something may be decided by silence, at the earliest."""
        return self._wheel.deadline

    def present(self) -> Iterator[Present]:
        """Who is where."""
        return (self._present(tag) for tag in self._objects.values() if tag.here >= 0)

    def standing(self) -> dict[str, list[str]]:
        """The URIs of what is in each zone."""
        found: list[list[str]] = [[] for _ in self._rule.zones]
        for tag in self._objects.values():
            if tag.here >= 0:
                found[tag.here].append(tag.identity.uri)
        return {zone.name: uris for zone, uris in zip(self._rule.zones, found, strict=True)}

    def kept(self, uri: str) -> tuple[ZoneRule, Tag | None, Callable[[Tag], float]]:
        """The rule, what it keeps of an object, and for how long that may be silent: for who explains."""
        return self._rule, self._objects.get(uri), self._patience

    def touched(self, limit: int) -> list[Sighting]:
        """Those whose last_seen moved on since it was stored, each once."""
        some, self._touched = self._touched[:limit], self._touched[limit:]
        objects = self._objects
        return [self._present(tag).sighting for tag in some if tag.here >= 0 and objects.get(tag.identity.uri) is tag]

    def _present(self, tag: Tag) -> Present:
        return Present(tag.identity, self._rule.zones[tag.here].name, tag.placed, tag.last_seen, "zone")

    def restore(self, known: Present, now: float, out: list[Outcome]) -> None:
        """Take up what was present before the start; an object known twice is where it was seen last."""
        uri = known.object.uri
        before = self._objects.get(uri)
        if before is not None:
            newer = known.last_seen >= before.last_seen
            left = self._rule.zones[before.here].name if newer else known.read_point
            out.append(Outcome(None, (Absent(uri, left),)))
            if not newer:
                return
        tag = self._fresh(known.object, None, known.last_seen)
        tag.here, tag.placed = self._rule.numbers[known.read_point], known.since
        self._objects[uri] = tag
        if known.object.scheme in BEACONS:
            self._limits.meet(uri, known.last_seen)
        self.present_count += before is None
        self._wheel.arm(tag, now)

    def correct(self, uri: str, known: Present | None, now: float) -> None:
        """It is there, or in no zone, and what was heard of it is forgotten."""
        if uri in self._objects:
            self._drop(self._objects[uri])
        if known is not None:
            self.restore(known, now, [])

    def thaw(self, now: float) -> None:
        """An antenna observes again: whoever waited for one is asked anew."""
        limits = [now + self._limits.shortest(zone) for zone in range(len(self._rule.zones))]
        frozen = [tag for tag in self._objects.values() if tag.here >= 0 and tag.armed > limits[tag.here]]
        if frozen:
            self._wheel.arm_all(frozen, now)

    # What reads decide

    def hear(
        self, read: Read, key: Key, place: Place, level: float, time: float, now: float, out: list[Outcome]
    ) -> None:
        """Take one read of a zone's antenna."""
        tag = self._tags.get(key) or self._meet(read, key, place, time, now, out)
        if tag is None:
            return
        if time < tag.decided:
            self._counts.late += 1
            tag.last_seen = max(tag.last_seen, time)
            return
        silence = time - tag.last_seen
        if silence > 0.0:
            if silence > self._patience(tag):
                self._catch_up(tag, time, now, out)
                tag = self._tags.get(key) or self._meet(read, key, place, time, now, out)
                if tag is None:
                    return
            elif silence < GAP or self._watch.observed(tag.last_seen):
                self._limits.heard(tag.identity.uri, silence, tag.here)
            tag.last_seen = time
        if tag.armed - time > self._patience(tag):
            # It waits for an antenna that does not observe, but others hear it: ask again soon.
            self._wheel.arm(tag, time + 1.0)
        self._rule.hear(tag, place, level, silence)
        if tag.here < 0:
            self._consider(tag, time, now, out)
        elif self._rule.contest(tag, place):
            self._move(tag, now, out)

    def _patience(self, tag: Tag) -> float:
        return self._limits.of(tag.here, tag.identity.uri)

    def _catch_up(self, tag: Tag, time: float, now: float, out: list[Outcome]) -> None:
        """Reads came later than the deadlines between them: decide those first, in the order of event time."""
        while (due := self._due(tag)) <= time:
            self._settle(tag, due, now, out)

    def _fresh(self, identity: Identity, key: Key | None, time: float) -> Tag:
        levels = self._rule.evidence()
        return Tag(identity=identity, key=key, levels=levels, first_seen=time, last_seen=time, written=time)

    def _meet(self, read: Read, key: Key, place: Place, time: float, now: float, out: list[Outcome]) -> Tag | None:
        """The tag of an identifier not met before: a new one, or an object known by another identifier."""
        identity = self._admission.identify(read, key, place, time)
        if identity is None:
            return None
        left = self._renaming.left(key, identity.uri, self._objects)
        if left is not None:
            self._depart(left, "configuration", now, now, out)
        tag = self._objects.get(identity.uri)
        if tag is not None:
            if tag.key is None:
                tag.identity, tag.key = identity, key
                self._tags[key] = tag
            return tag
        if time < self._memory.last(identity.uri).decided:
            self._counts.late += 1
            return None
        if len(self._objects) >= MAX_TAGS:
            self._counts.refused += 1
            return None
        tag = self._fresh(identity, key, time)
        self._tags[key] = self._objects[identity.uri] = tag
        if read.scheme == "beacon":
            self._limits.meet(identity.uri, time)
        self._wheel.arm(tag, time + (self._wait(place.point) or self._patience(tag)))
        return tag

    def _wait(self, zone: ReadPoint) -> float:
        return 0.0 if self._rule.alone else LISTENING * zone.dwell

    def _consider(self, tag: Tag, time: float, now: float, out: list[Outcome]) -> None:
        due = tag.first_seen + self._wait(self._rule.zones[self._rule.best(tag)])
        if time < due < tag.armed and self._confirmed(tag):
            self._wheel.arm(tag, due)  # It was put off for want of reads, or by the zone where it was met.
        elif time >= due and self._confirmed(tag):
            self._arrive(tag, tag.last_seen, now, out)

    def _confirmed(self, tag: Tag) -> bool:
        zone = self._rule.best(tag)
        return self._rule.reads(tag, zone) >= self._rule.zones[zone].min_reads

    def _arrive(self, tag: Tag, decided: float, now: float, out: list[Outcome]) -> None:
        uri = tag.identity.uri
        last = self._memory.last(uri)
        self._memory.forget(uri)
        tag.here, tag.rival = self._rule.best(tag), -1
        self.present_count += 1
        reads, sources = self._floor.sources(self._rule.tally(tag))
        arrived = Transition(
            kind="arrived",
            object=tag.identity,
            read_point=self._rule.zones[tag.here].name,
            time=max(tag.first_seen, last.time),
            decided=now,
            first_seen=tag.first_seen,
            last_seen=tag.last_seen,
            reads=reads,
            sources=sources,
            resync=last.lost or tag.first_seen < self.resync_before,
        )
        self._placed(tag, arrived.time, decided)
        self._limits.came(tag.here, math.inf if last.lost else arrived.first_seen - last.time)
        out.append(Outcome(arrived, (self._present(tag),)))

    def _move(self, tag: Tag, now: float, out: list[Outcome]) -> None:
        left, entered = self._rule.zones[tag.here], self._rule.zones[tag.rival]
        before = self._patience(tag)
        tag.here, tag.rival = tag.rival, -1
        reads, sources = self._floor.sources(self._rule.tally(tag))
        moved = Transition(
            kind="moved",
            object=tag.identity,
            read_point=entered.name,
            time=max(self._rule.turned(tag), tag.placed),
            decided=now,
            first_seen=tag.first_seen,
            last_seen=tag.last_seen,
            reads=reads,
            sources=sources,
            origin=left.name,
        )
        self._placed(tag, moved.time, tag.last_seen)
        self._limits.came(tag.here, math.inf)
        out.append(Outcome(moved, (Absent(tag.identity.uri, left.name), self._present(tag))))
        if self._patience(tag) < before:
            self._wheel.arm(tag, tag.last_seen + self._patience(tag))

    # What an antenna decides that knows when it is empty: it gives a signal of its own name, a geofence for instance

    def vacate(self, place: Place, time: float, now: float, out: list[Outcome]) -> None:
        """Nothing is at that antenna since `time`: whom it heard has moved on, or departs at once."""
        zone = self._rule.numbers[place.point.name]
        alone = self._rule.letters[zone] == place.letter
        for tag in list(self._objects.values()):
            if place.letter in tag.ports or (alone and not tag.ports):
                if tag.here < 0:
                    self._settle(tag, time, now, out)
                if tag.here == zone:
                    self._vacated(tag, place.letter, time, now, out)

    def _vacated(self, tag: Tag, letter: str, time: float, now: float, out: list[Outcome]) -> None:
        silence = self._watch.silence(letter, tag.last_seen)
        rival = self._rule.after(tag, letter, time)
        if rival == tag.here or silence.blind is not None:
            return
        if rival >= 0:
            tag.rival = rival
            self._move(tag, now, out)
        else:
            self._depart(tag, "unobserved" if silence.gap else "timeout", time, now, out, silence.gap)

    def _placed(self, tag: Tag, time: float, decided: float) -> None:
        tag.placed, tag.decided = time, decided
        self._rule.settle(tag)
        tag.first_seen = tag.written = tag.last_seen

    # What silence decides

    def advance(self, now: float, out: list[Outcome]) -> None:
        """Decide what silence decides by `now`, at most a slice of it."""
        for tag in self._wheel.fire(now):
            self._settle(tag, self._due(tag), now, out)
            if tag.here >= 0:
                self._wheel.arm(tag, self._due(tag))

    def _ask(self, tag: Tag) -> float:
        if tag.here >= 0 and tag.last_seen - tag.written > WRITE_BACK:
            tag.written = tag.last_seen
            if len(self._touched) < MAX_TAGS:
                self._touched.append(tag)
        return self._due(tag)

    def _due(self, tag: Tag) -> float:
        """When silence decides about the tag, as things stand; infinite if it is gone."""
        if self._objects.get(tag.identity.uri) is not tag:
            return math.inf
        if tag.here < 0:
            if self._confirmed(tag):
                return tag.first_seen + self._wait(self._rule.zones[self._rule.best(tag)])
            return tag.last_seen + self._patience(tag)
        timeout = self._patience(tag)
        if self._watch.observed(tag.last_seen):
            return tag.last_seen + timeout
        silence = self._watch.silence(self._heard(tag), tag.last_seen)
        back, blind, most = silence.back, silence.blind, self._rule.zones[tag.here].freeze_max
        due = max(tag.last_seen, back) + timeout if blind is None else max(blind, tag.last_seen) + most
        return min(due, self._watch.longest(tag.last_seen, timeout, most))

    def _heard(self, tag: Tag) -> str:
        """The antennas that must observe before silence counts; all of its zone's for a tag known from before."""
        return self._rule.heard_since(tag, tag.last_seen - self._patience(tag)) or self._rule.letters[tag.here]

    def _settle(self, tag: Tag, due: float, now: float, out: list[Outcome]) -> None:
        """The tag was silent until `due`."""
        if tag.here < 0:
            if self._confirmed(tag):
                self._arrive(tag, due, now, out)
            else:
                self._drop(tag)
            return
        silence = self._watch.silence(self._heard(tag), tag.last_seen)
        blind, gap = silence.blind is not None, silence.gap if silence.blind is None else None
        self._depart(tag, "expired" if blind else "unobserved" if gap else "timeout", due, now, out, gap)

    def _depart(
        self,
        tag: Tag,
        reason: DepartureReason,
        decided: float,
        now: float,
        out: list[Outcome],
        gap: tuple[float, float] | None = None,
    ) -> None:
        if tag.here < 0:
            self._drop(tag)
            return
        zone = self._rule.zones[tag.here].name
        reads, sources = self._floor.sources(self._rule.tally(tag))
        departed = Transition(
            kind="departed",
            object=tag.identity,
            read_point=zone,
            time=max(tag.last_seen, tag.placed),
            decided=now,
            first_seen=tag.placed,
            last_seen=tag.last_seen,
            reads=reads,
            sources=sources,
            reason=reason,
            unobserved=gap,
        )
        out.append(Outcome(departed, (Absent(tag.identity.uri, zone),)))
        self._memory.note(tag.identity.uri, Departed(departed.time, decided, reason in ("expired", "unobserved")))
        self._limits.left(tag.identity.uri, tag.last_seen)
        self._drop(tag)

    def _drop(self, tag: Tag) -> None:
        del self._objects[tag.identity.uri]
        if tag.key is not None:
            del self._tags[tag.key]
        self.present_count -= tag.here >= 0
        tag.here = -1

    # What a clock that was set decides

    def shift(self, by: float, now: float) -> None:
        """All that is present stays, last seen as long ago as before; evidence of where it might be is given up.

        Where it was placed keeps its eventTime: it has been told.
        """
        standing = list(self.present())
        for kept in (self._tags, self._objects, self._touched):
            kept.clear()
        self.present_count = 0
        self._wheel = Wheel(self._ask)
        self._memory.shift()
        self._limits.shift()
        for one in standing:
            self.restore(msgspec.structs.replace(one, last_seen=one.last_seen + by), now, [])

    # What the configuration decides

    def rename(self) -> None:
        """Identifiers may have other names from now on: each is looked up again when it is read next."""
        self._renaming.begin(self._tags, self._objects)

    def replace(self, now: float, elsewhere: Container[str], out: list[Outcome]) -> None:
        """New rules: what left the configuration departs, also from zones that are `elsewhere`; the rest stays."""
        self._rule.replace(self._floor)
        self._limits.replace(self._rule.zones)
        standing = "".join(place.letter for place in self._floor.present())
        for tag in list(self._objects.values()):
            heard = self._rule.heard_since(tag, tag.last_seen - self._patience(tag))
            self._rule.keep(tag, standing)
            if tag.here >= 0 and self._rule.stands(tag, heard, standing, elsewhere):
                self._wheel.arm(tag, now)
            elif tag.here >= 0:
                self._depart(tag, "configuration", now, now, out)
            elif not tag.ports:
                self._drop(tag)
