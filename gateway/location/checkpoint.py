"""Checkpoints: an instance is observed once, until it was unseen for `dedup`; of a class or code every scan counts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from drivers.observations import Read
from gateway.location.admission import Admission
from gateway.location.floor import NO_LEVEL, Floor, Place
from gateway.location.gate import GateState
from gateway.location.outcome import MAX_TAGS, Counts, Key, Outcome
from gateway.location.presence import WRITE_BACK
from gateway.location.watch import Watch
from gateway.location.wheel import Wheel
from gateway.model import Absent, Identity, Present, ReadPoint, Source, Transition


class Seen(msgspec.Struct, gc=False, weakref=False):
    """An identifier that is quiet: seen, and not yet unseen for its `window`. `reads` -1: it has been reported.

    Instances that were reported are `stored`, so that they are quiet after a restart too.
    """

    identity: Identity
    key: Key | None
    armed: float
    window: float
    first: float
    last: float
    written: float
    reads: int
    peak: float
    stored: bool = False

    def come_anew(self, time: float) -> None:
        """It was unseen long enough: what comes is another visit."""
        self.first, self.reads, self.peak = time, 0, NO_LEVEL


class Checkpoint:
    """All that is quiet at one read point."""

    def __init__(self, point: ReadPoint, floor: Floor, watch: Watch, admission: Admission, counts: Counts) -> None:
        self._point = point
        self._floor = floor
        self._watch = watch
        self._admission = admission
        self._counts = counts
        self._letters = floor.letters(point.name, "checkpoint")
        self._seen: dict[Key, Seen] = {}
        self._objects: dict[str, Seen] = {}
        self._wheel = Wheel(self._ask)
        self._touched: list[Seen] = []
        self._gate = GateState(point.gate) if point.gate else None
        self.present_count = 0
        """Instances that are quiet here."""

    @property
    def deadline(self) -> float | None:
        """When something may have been unseen long enough, at the earliest."""
        return self._wheel.deadline

    def present(self) -> Iterator[Present]:
        """The instances that are quiet here."""
        return (self._present(seen) for seen in self._objects.values() if seen.stored)

    def touched(self, limit: int) -> list[Present]:
        """Presence whose last_seen moved on since it was stored, each once."""
        some, self._touched = self._touched[:limit], self._touched[limit:]
        return [self._present(seen) for seen in some if self._objects.get(seen.identity.uri) is seen]

    def _present(self, seen: Seen) -> Present:
        return Present(seen.identity, self._point.name, seen.first, seen.last, "checkpoint")

    def restore(self, known: Present, now: float) -> None:
        """Take up what was quiet before the start."""
        seen = Seen(
            identity=known.object,
            key=None,
            armed=-math.inf,
            window=self._point.dedup,
            first=known.since,
            last=known.last_seen,
            written=known.last_seen,
            reads=-1,
            peak=NO_LEVEL,
            stored=True,
        )
        self._objects[known.object.uri] = seen
        self.present_count += 1
        self._wheel.arm(seen, now)

    def thaw(self, now: float) -> None:
        """An antenna observes again: what waited for it is asked anew."""
        limit = now + max(self._point.dedup, self._point.dedup_class)
        self._wheel.arm_all([seen for seen in self._objects.values() if seen.armed > limit], now)

    @property
    def gate_open(self) -> bool | None:
        """Whether the gate's signal is on; None without a gate."""
        return self._gate.on if self._gate is not None else None

    def signal(self, device: str, name: str, value: float, time: float) -> None:
        """An input changed; it may be the gate's."""
        gate = self._gate
        if gate is not None and gate.gate.device == device and gate.gate.signal == name:
            gate.signal(value, time)

    def hear(
        self, read: Read, key: Key, place: Place, level: float, time: float, now: float, out: list[Outcome]
    ) -> None:
        """Take one read. While the gate is closed nothing was seen: what stays is new when it opens after `dedup`."""
        if self._gate is not None and not self._gate.counts(time):
            self._counts.gated += 1
            return
        seen = self._seen.get(key)
        if seen is None:
            seen = self._meet(read, key, place, level, time, now, out)
            if seen is None:
                return
        elif time - seen.last > seen.window and self._due(seen) < time:
            # Its deadline has not come yet, but by event time it was unseen long enough.
            seen.come_anew(time)
        if time > seen.last:  # noqa: PLR1730 - a call is slow, per read
            seen.last = time
        if seen.reads >= 0:
            self._count(seen, place, level, now, out, read.count)

    def _meet(
        self, read: Read, key: Key, place: Place, level: float, time: float, now: float, out: list[Outcome]
    ) -> Seen | None:
        identity = self._admission.identify(read, key, place, time)
        if identity is None:
            return None
        window = self._point.dedup if identity.kind == "instance" else self._point.dedup_class
        if not window:
            out.append(self._observed(identity, place, time, time, 1, level, now, read.count))
            return None
        seen = self._objects.get(identity.uri)
        if seen is not None:
            if seen.key is None:
                seen.identity, seen.key = identity, key
                self._seen[key] = seen
            elif time - seen.last > seen.window and self._due(seen) < time:
                seen.come_anew(time)
            return seen
        if len(self._objects) >= MAX_TAGS:
            self._counts.refused += 1
            return None
        seen = Seen(
            identity=identity,
            key=key,
            armed=-math.inf,
            window=window,
            first=time,
            last=time,
            written=time,
            reads=0,
            peak=NO_LEVEL,
        )
        self._seen[key] = self._objects[identity.uri] = seen
        self._wheel.arm(seen, time + window)
        return seen

    def _count(self, seen: Seen, place: Place, level: float, now: float, out: list[Outcome], count: int) -> None:
        """A read of what has not been reported yet."""
        seen.reads += 1
        seen.peak = max(seen.peak, level)
        if seen.reads < self._point.min_reads:
            return
        observed = self._observed(seen.identity, place, seen.first, seen.last, seen.reads, seen.peak, now, count)
        seen.reads = -1
        seen.written = seen.last
        if seen.identity.kind != "instance":
            out.append(observed)
            return
        self.present_count += not seen.stored
        seen.stored = True
        out.append(Outcome(observed.transition, (self._present(seen),)))

    def _observed(
        self,
        identity: Identity,
        place: Place,
        first: float,
        last: float,
        reads: int,
        peak: float,
        now: float,
        count: int,
    ) -> Outcome:
        source = Source(place.device, place.antenna, reads, peak if peak > NO_LEVEL else None)
        return Outcome(
            Transition(
                kind="observed",
                object=identity,
                read_point=self._point.name,
                time=first,
                decided=now,
                first_seen=first,
                last_seen=last,
                reads=reads,
                sources=(source,),
                count=count,
            )
        )

    def advance(self, now: float, out: list[Outcome]) -> None:
        """Forget what has been unseen long enough by `now`, at most a slice of it."""
        for seen in self._wheel.fire(now):
            self._forget(seen, out)

    def _forget(self, seen: Seen, out: list[Outcome]) -> None:
        uri = seen.identity.uri
        del self._objects[uri]
        if seen.key is not None:
            del self._seen[seen.key]
        if seen.stored:
            self.present_count -= 1
            out.append(Outcome(None, (Absent(uri, self._point.name),)))

    def _ask(self, seen: Seen) -> float:
        if seen.last - seen.written > WRITE_BACK and seen.stored:
            seen.written = seen.last
            if len(self._touched) < MAX_TAGS:
                self._touched.append(seen)
        return self._due(seen)

    def _due(self, seen: Seen) -> float:
        """When it has been unseen long enough, as things stand; unseen counts only while all antennas observe."""
        if self._objects.get(seen.identity.uri) is not seen:
            return math.inf
        if self._watch.observed(seen.last):
            return seen.last + seen.window
        silence = self._watch.silence(self._letters, seen.last)
        if silence.blind is None:
            return max(seen.last, silence.back) + seen.window
        return max(silence.blind, seen.last) + max(self._point.freeze_max, seen.window)

    def step(self, by: float, now: float) -> None:
        """The host's clock was set: what is quiet stays so for as long as it would have."""
        self._wheel = Wheel(self._ask)
        if self._gate is not None:
            self._gate.step(by)
        for seen in self._objects.values():
            seen.first += by
            seen.last += by
            seen.written += by
            self._wheel.arm(seen, now)

    def replace(self, point: ReadPoint, now: float) -> None:
        """New rules for the same read point: what is quiet stays so."""
        if point.gate != self._point.gate:
            self._gate = GateState(point.gate) if point.gate else None
        self._point = point
        self._letters = self._floor.letters(point.name, "checkpoint")
        for seen in self._objects.values():
            seen.window = point.dedup if seen.identity.kind == "instance" else point.dedup_class
        self._wheel.arm_all(self._objects.values(), now)

    def rename(self) -> None:
        """Identifiers may have other names from now on. What is quiet stays so under the name it has."""
        for seen in self._seen.values():
            seen.key = None
        self._seen.clear()

    def close(self, out: list[Outcome]) -> None:
        """The read point left the configuration."""
        for seen in list(self._objects.values()):
            self._forget(seen, out)
