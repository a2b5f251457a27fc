"""Checkpoints: an instance is observed once, until it was unseen for `dedup`; of a class or code every scan counts.

It is told at its first read, or where signals rise and fall (`peak`), and where neighbours may explain it better, once
its own is past its peak.

What is quiet stands in numbered slots, its times in arrays: a belt has tens of thousands at a time, each heard often.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

import msgspec

from drivers.observations import Observation, Read
from gateway.churn import worn
from gateway.location.admission import Admission
from gateway.location.floor import NO_LEVEL, Floor, Place
from gateway.location.gate import GateState
from gateway.location.outcome import MAX_TAGS, Counts, Key, Outcome
from gateway.location.peak import Peaks, Visit
from gateway.location.presence import WRITE_BACK
from gateway.location.repeats import Antennas, Quiet, unheard
from gateway.location.rounds import Rounds
from gateway.location.watch import Watch
from gateway.model import Absent, Identity, Present, ReadPoint, Sighting, Source, Transition

SLICE = 2000
"""Slots asked about in one call, some 2 µs each."""


class Checkpoint:
    """All that is quiet at one read point: seen, and not yet unseen for its window."""

    def __init__(self, point: ReadPoint, floor: Floor, watch: Watch, admission: Admission, counts: Counts) -> None:
        self._point = point
        self._floor = floor
        self._watch = watch
        self._admission = admission
        self._counts = counts
        self._slots: dict[Key, int] = {}
        self._objects: dict[str, int] = {}
        self._visits: dict[int, Visit] = {}
        self._uris: list[str] = []
        self._keys: list[Key | None] = []
        self._last = array("d")
        self._written = array("d")
        self._instance = bytearray()
        self._stored = bytearray()
        """Instances that were reported, so that they are quiet after a restart too."""
        self._free: list[int] = []
        self._came = 0
        """Who came since the tables were written anew."""
        self._rounds = Rounds()
        self._touched: list[int] = []
        self._peaks = Peaks(point.peak_wait)
        self._waiting = Rounds()
        """Those whose signal is followed to its end."""
        self.gate = GateState.of(point)
        self.present_count = 0
        """Instances that are quiet here."""
        self._take(point)

    def _take(self, point: ReadPoint) -> None:
        self._point = point
        self._letters = self._floor.letters(point.name, "checkpoint")
        self._windows = (point.dedup_class, point.dedup)
        """By whether it is an instance."""
        self._shortest = min((window for window in self._windows if window), default=0.0)
        """Of what is kept at all: with no window every read is an event."""
        self._quiet = Quiet(self._slots, self._last, self._visits, self._shortest)

    @property
    def name(self) -> str:
        """Of the read point."""
        return self._point.name

    @property
    def deadline(self) -> float | None:
        """When something may have been unseen long enough, or be past its peak, at the earliest."""
        unseen, past = self._rounds.next, self._waiting.next
        if past < unseen:
            return past
        return unseen if unseen < math.inf else None

    def sightings(self) -> Iterator[Sighting]:
        """When the instances that are quiet here were last seen."""
        return (self._sighting(slot) for slot in self._objects.values() if self._stored[slot])

    def touched(self, limit: int) -> list[Sighting]:
        """Those whose last_seen moved on since it was stored, each once."""
        some, self._touched = self._touched[:limit], self._touched[limit:]
        return [self._sighting(slot) for slot in some if self._stored[slot]]

    def _sighting(self, slot: int) -> Sighting:
        return Sighting(self._uris[slot], self._point.name, self._last[slot], slot)

    def restore(self, known: Present, now: float, out: list[Outcome]) -> None:
        """Take up what was quiet before the start: in its slot, else that it has another is to be stored."""
        uri, wanted = known.object.uri, known.slot
        if uri in self._objects:
            return
        slot = self._new(known.object, None, known.last_seen, wanted)
        self._stored[slot] = True
        self.present_count += 1
        self._rounds.put(slot, now)
        if slot != wanted:
            # Who has that slot now is stored there, in its place.
            gone = () if wanted is not None and self._used(wanted) else (Absent(uri, self.name, wanted),)
            out.append(Outcome(None, (*gone, msgspec.structs.replace(known, kind="checkpoint", slot=slot))))

    def _used(self, slot: int) -> bool:
        return slot < len(self._uris) and self._uris[slot] != ""

    def thaw(self, now: float) -> None:
        """An antenna observes again: what waited for it is asked anew."""
        self._rounds.put_all(self._objects.values(), now)

    def take_repeats(self, seen: Sequence[Observation], antennas: Antennas | None, now: float) -> Sequence[Observation]:
        """Take those that do no more than say again that an EPC is here, as nearly all do; the rest is returned.

        It does what `hear` would, in one go: at a gate or with an RSSI floor there is more to ask of each. `antennas`
        are those that stand here, None if all of the device do.
        """
        rest = unheard(seen, antennas, now, self._quiet)
        self._counts.reads += len(seen) - len(rest)
        return rest

    def hear(
        self, read: Read, key: Key, place: Place, level: float, time: float, now: float, out: list[Outcome]
    ) -> None:
        """Take one read. While the gate is closed nothing was seen: what stays is new when it opens after `dedup`."""
        if self.gate is not None and not self.gate.counts(time):
            self._counts.gated += 1
            return
        slot = self._slots.get(key)
        if slot is None:
            slot = self._meet(read, key, place, level, time, now, out)
            if slot is None:
                return
        last = self._last
        silence = time - last[slot]
        if silence > 0.0:
            if silence >= self._shortest and self._due(slot) <= time:
                # Its round has not come yet, but by event time it was unseen long enough: another visit.
                self._end(slot, now, out)
                self._visits[slot] = Visit(self._admission.resolve(read), time)
            last[slot] = time
        if slot in self._visits:
            self._count(slot, read, place, level, time, now, out)

    def rival(self, key: Key, level: float) -> None:
        """A neighbouring read point heard it."""
        visit = self._visits.get(self._slots.get(key, -1))
        if visit is not None and level > visit.rival:
            visit.rival = level

    def _meet(
        self, read: Read, key: Key, place: Place, level: float, time: float, now: float, out: list[Outcome]
    ) -> int | None:
        identity = self._admission.identify(read, key, place, time)
        if identity is None:
            return None
        window = self._windows[identity.kind == "instance"]
        if not window:
            visit = Visit(identity, time)
            visit.hear(place, level, time)
            out.append(Outcome(self._observed(visit, place, time, now, read.count)))
            return None
        slot = self._objects.get(identity.uri)
        if slot is not None:
            if self._keys[slot] is None:
                self._keys[slot] = key
                self._slots[key] = slot
            return slot
        if len(self._objects) >= MAX_TAGS:
            self._counts.refused += 1
            return None
        slot = self._new(identity, key, time)
        self._slots[key] = slot
        self._visits[slot] = Visit(identity, time)
        self._rounds.put(slot, time + window)
        return slot

    def _new(self, identity: Identity, key: Key | None, time: float, known: int | None = None) -> int:
        if known is not None and len(self._uris) <= known < MAX_TAGS:
            self._free += range(len(self._uris), known)
            self._lengthen(known + 1)
            slot = known
        elif self._free:
            slot = self._free.pop()
        else:
            slot = len(self._uris)
            self._lengthen(slot + 1)
        self._uris[slot], self._keys[slot] = identity.uri, key
        self._last[slot] = self._written[slot] = time
        self._instance[slot] = identity.kind == "instance"
        self._objects[identity.uri] = slot
        self._came += 1
        return slot

    def _lengthen(self, size: int) -> None:
        more = size - len(self._uris)
        self._uris += [""] * more
        self._keys += [None] * more
        for times in (self._last, self._written):
            times.extend([0.0] * more)
        self._instance.extend(bytes(more))
        self._stored.extend(bytes(more))

    def _count(
        self, slot: int, read: Read, place: Place, level: float, time: float, now: float, out: list[Outcome]
    ) -> None:
        """A read of what has not been reported yet, or is watched."""
        visit = self._visits[slot]
        visit.hear(place, level, time)
        if visit.reads < self._point.min_reads:
            return
        if visit.told or (level > NO_LEVEL and self._instance[slot] and (self._peaks.hold or self._point.neighbours)):
            if visit.until == math.inf:
                self._follow(slot, time)
            if visit.past:
                self._end(slot, now, out)
            return
        del self._visits[slot]
        self._tell(slot, visit, visit.first, now, out, read.count)
        if level > NO_LEVEL and self._peaks.curious:
            visit.told = True
            self._visits[slot] = visit
            self._peaks.watching += 1
            self._follow(slot, time)

    def _follow(self, slot: int, time: float) -> None:
        visit = self._visits[slot]
        visit.until = visit.first + self._peaks.longest
        self._waiting.put(slot, min(visit.until, time + self._peaks.silent))

    def _end(self, slot: int, now: float, out: list[Outcome]) -> None:
        """Its signal has come to its end, or nobody waits any longer: it is told, if it was read often enough."""
        visit = self._visits.pop(slot, None)
        if visit is None or visit.until == math.inf:
            return
        self._peaks.learn(visit)
        if visit.told:
            self._peaks.watching -= 1
        elif visit.rival > visit.peak:
            # It has passed somewhere else. Should it come nearer yet, that is another visit.
            self._counts.strays += 1
            self._visits[slot] = Visit(visit.identity, self._last[slot])
        else:
            self._tell(slot, visit, visit.strongest, now, out)

    def settle(self, now: float, out: list[Outcome]) -> None:
        """Tell what waits for its peak."""
        for slot in [slot for slot, visit in self._visits.items() if visit.until < math.inf]:
            self._end(slot, now, out)

    def _tell(self, slot: int, visit: Visit, time: float, now: float, out: list[Outcome], count: int = 1) -> None:
        last = self._last[slot]
        self._written[slot] = last
        assert visit.place is not None, "it was heard"
        observed = self._observed(visit, visit.place, last, now, count, time)
        if not self._instance[slot]:
            out.append(Outcome(observed))
            return
        self.present_count += not self._stored[slot]
        self._stored[slot] = True
        out.append(
            Outcome(observed, (Present(visit.identity, self._point.name, visit.first, last, "checkpoint", slot),)),
        )

    def _observed(
        self, visit: Visit, place: Place, last: float, now: float, count: int, time: float | None = None
    ) -> Transition:
        source = Source(place.device, place.antenna, visit.reads, visit.peak if visit.peak > NO_LEVEL else None)
        return Transition(
            kind="observed",
            object=visit.identity,
            read_point=self._point.name,
            time=visit.first if time is None else time,
            decided=now,
            first_seen=visit.first,
            last_seen=last,
            reads=visit.reads,
            sources=(source,),
            count=count,
        )

    def advance(self, now: float, out: list[Outcome]) -> None:
        """Tell what is past its peak and forget what has been unseen long enough by `now`, at most a slice of it."""
        if worn(self._came, len(self._objects)):
            self._slots, self._objects, self._came = dict(self._slots), dict(self._objects), 0
            self._quiet = self._quiet._replace(slots=self._slots)
        for slot in self._waiting.take(now, SLICE):
            self._look(slot, now, out)
        gone: list[Absent] = []
        for slot in self._rounds.take(now, SLICE):
            due = self._due(slot)
            if due <= now:
                self._end(slot, now, out)
                self._forget(slot, gone)
                continue
            self._rounds.put(slot, due)
            last = self._last[slot]
            if last - self._written[slot] > WRITE_BACK and self._stored[slot]:
                self._written[slot] = last
                if len(self._touched) < MAX_TAGS:
                    self._touched.append(slot)
        if gone:
            out.append(Outcome(None, tuple(gone)))

    def _look(self, slot: int, now: float, out: list[Outcome]) -> None:
        visit = self._visits.get(slot)
        if visit is None or visit.until == math.inf:
            return
        over = min(visit.until, self._last[slot] + self._peaks.silent)
        if over <= now:
            self._end(slot, now, out)
        else:
            self._waiting.put(slot, over)

    def _forget(self, slot: int, gone: list[Absent]) -> None:
        uri, key = self._uris[slot], self._keys[slot]
        del self._objects[uri]
        if key is not None:
            del self._slots[key]
        self._uris[slot], self._keys[slot] = "", None
        self._visits.pop(slot, None)
        self._free.append(slot)
        if self._stored[slot]:
            self._stored[slot] = False
            self.present_count -= 1
            gone.append(Absent(uri, self._point.name, slot))

    def _due(self, slot: int) -> float:
        """When it has been unseen long enough, as things stand; unseen counts only while all antennas observe."""
        last, window = self._last[slot], self._windows[self._instance[slot]]
        if self._watch.observed(last):
            return last + window
        silence = self._watch.silence(self._letters, last)
        most = max(self._point.freeze_max, window)
        due = max(last, silence.back) + window if silence.blind is None else max(silence.blind, last) + most
        return min(due, self._watch.longest(last, window, most))

    def shift(self, by: float, now: float) -> None:
        """The host's clock was set: what is quiet stays so for as long as it would have."""
        for times in (self._last, self._written):
            for slot in self._objects.values():
                times[slot] += by
        for visit in self._visits.values():
            visit.first += by
            visit.until += by
        if self.gate is not None:
            self.gate.shift(by)
        self._rounds.put_all(self._objects.values(), now)
        self._waiting.put_all(self._visits, now)

    def replace(self, point: ReadPoint, now: float) -> None:
        """New rules for the same read point: what is quiet stays so."""
        self.gate = GateState.of(point, self.gate)
        self._take(point)
        self._peaks.replace(point.peak_wait)
        self._rounds.put_all(self._objects.values(), now)

    def rename(self) -> None:
        """Identifiers may have other names from now on. What is quiet stays so under the name it has."""
        for slot in self._slots.values():
            self._keys[slot] = None
        self._slots.clear()

    def close(self, now: float, out: list[Outcome]) -> None:
        """The read point left the configuration."""
        self.settle(now, out)
        gone: list[Absent] = []
        for slot in list(self._objects.values()):
            self._forget(slot, gone)
        if gone:
            out.append(Outcome(None, tuple(gone)))
