"""The location engine of a segment: observations in, transitions out, in event time. Pure: it asks no clock.

It routes each read to the rule of its read point, states to the watch, signals to the gates, and fires deadlines. Zones
of a segment share one rule, since a tag is in one of them at most; each portal and each checkpoint has its own.
Zones and portals decide on a grid of time (`steps`), checkpoints at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from drivers.observations import Antenna, Observation, Read, Signal, Status
from gateway.ids import Ids, text
from gateway.location.admission import Admission, Met
from gateway.location.checkpoint import Checkpoint
from gateway.location.floor import NO_LEVEL, STRONGEST, WEAKEST, Floor, Place
from gateway.location.gate import GateState
from gateway.location.outcome import Counts, Outcome, again, as_told, gone, key
from gateway.location.plain import Plain
from gateway.location.portal import Portal
from gateway.location.presence import Zones
from gateway.location.steps import NEAR, Hear, Steps, past, step_before, step_from
from gateway.location.watch import Watch
from gateway.model import Identity, Present, ReadPoint, Rules, Sighting

__all__ = ["Counts", "Engine", "Outcome"]

AHEAD = 1.0
"""Seconds that a stamp may be ahead of the clock before it is counted as wrong. Every such stamp is taken as now."""

RESYNC = 60.0
"""Seconds after a start without the presence of before in which arrivals say `resync`."""


class Engine:
    """Turns observations into outcomes.

    `present` is what the outbox knew at the start; `lost` says that it should have known something and does not,
    `renewed` that it was told in another stream: it is told again. `told` are the URIs its zones had then, by name.
    `new_id` makes the ids of passages. `assume_online`: a device observes from the first that is heard of it, as in
    recordings; otherwise from when it says so, and reads before that are what it held. `met` is told of identities
    that are looked up, which is not at every read.
    """

    def __init__(
        self,
        rules: Rules,
        resolve: Callable[[Read], Identity],
        present: Iterable[Present] = (),
        *,
        lost: bool = False,
        renewed: bool = False,
        told: Mapping[str, str] = MappingProxyType({}),
        assume_online: bool = True,
        new_id: Callable[[float], str] | None = None,
        met: Met | None = None,
    ) -> None:
        self.counts = Counts()
        ids = Ids()
        self._new_id = new_id or (lambda time: text(ids.new(time)))
        self._floor = Floor(rules)
        self._watch = Watch(self._floor)
        self._admission = Admission(rules, resolve, self.counts, met)
        self._zones = Zones(self._floor, self._watch, self._admission, self.counts)
        self._checkpoints: dict[str, Checkpoint] = {}
        self._portals: dict[str, Portal] = {}
        self._hear: dict[str, Hear] = {}
        self._rivals: dict[str, list[Checkpoint]] = {}
        self._plain = Plain((), {})
        self._steps = Steps()
        self._stepping: tuple[Zones | Portal, ...] = ()
        self._lost = lost
        self._renewed = renewed
        self._told = told
        self._assume_online = assume_online
        self._restored = list(present)
        self._now = -math.inf
        self._compile()

    def _compile(self) -> None:
        """Rules for the read points that have none yet, and the way to each."""
        for point in self._floor.points.values():
            if point.kind == "checkpoint" and point.name not in self._checkpoints:
                self._checkpoints[point.name] = Checkpoint(
                    point, self._floor, self._watch, self._admission, self.counts
                )
            elif point.kind == "portal" and point.name not in self._portals:
                self._portals[point.name] = Portal(
                    point, self._floor, self._watch, self._admission, self.counts, self._new_id, self._portals.get
                )
        self._hear = {point.name: self._rule(point).hear for point in self._floor.points.values()}
        self._stepping = (self._zones, *self._portals.values())
        self._rivals = {}
        for name, checkpoint in self._checkpoints.items():
            for neighbour in self._floor.points[name].neighbours:
                self._rivals.setdefault(neighbour, []).append(checkpoint)
        simple = [one for name, one in self._checkpoints.items() if name not in self._rivals]
        self._plain = Plain(simple, self._floor.devices)

    def _rule(self, point: ReadPoint) -> Zones | Portal | Checkpoint:
        if point.kind == "checkpoint":
            return self._checkpoints[point.name]
        return self._portals[point.name] if point.kind == "portal" else self._zones

    @property
    def deadline(self) -> float | None:
        """When `advance` may have something to do; in the past when the last call left something.

        The first call, to `feed` or to `advance`, is due whenever its caller starts.
        """
        steps = self._steps
        if steps.ready:
            return self._now
        first = steps.end
        for rule in self._stepping:
            deadline = rule.deadline
            if deadline is not None and deadline < first:
                first = step_from(deadline - NEAR)
        for checkpoint in self._checkpoints.values():
            deadline = checkpoint.deadline
            if deadline is not None and deadline < first:
                first = deadline
        return first if first < math.inf else None

    def waits(self, device: str) -> bool:
        """Whether no read of that device decides anything before the end of its step."""
        places = self._floor.devices.get(device, {}).values()
        return all(place.point.kind != "checkpoint" for place in places)

    def feed(self, device: str, observations: Sequence[Observation], now: float) -> list[Outcome]:
        """Take a batch of a device at the time of decision `now` (Unix seconds, never back). Deadlines fire first."""
        out = self.advance(now)
        now = self._now
        if not observations:
            return out
        if self._assume_online and not self._watch.knows(device):
            first = observations[0]
            since = step_before(past(first.time, now))
            if not (isinstance(first, Status) and first.antenna is None) and self._watch.meet(device, since):
                self._thaw(now)
        observations = self._plain.take(device, observations, now)
        self._take(device, self._floor.devices.get(device, {}), observations, now, out)
        self._steps.noted(now)
        return out

    def repeats(self, device: str, read: Read, now: float) -> bool:
        """Take one read, before `deadline`, if it but says that an EPC is quiet still; False if it is to be fed."""
        now = self._now = max(now, self._now)
        return self._watch.knows(device) and self._plain.takes(device, read, now)

    def _take(
        self,
        device: str,
        places: Mapping[Antenna | None, Place],
        observations: Sequence[Observation],
        now: float,
        out: list[Outcome],
    ) -> None:
        counts, rules, heard, rivals, whole = self.counts, self._hear, self._steps.heard, self._rivals, places.get(None)
        for seen in observations:
            if type(seen) is not Read:
                self._other(device, seen, now)
                continue
            counts.reads += 1
            place = places.get(seen.antenna, whole)
            if place is None:
                counts.unplaced += 1
                continue
            time = seen.time
            if not 0.0 <= time <= now:
                counts.future += not 0.0 <= time <= now + AHEAD
                time = now
            level = seen.rssi
            if level is None or not WEAKEST < level < STRONGEST:
                level = NO_LEVEL
            else:
                level += place.offset
                if level < place.floor:
                    counts.weak += 1
                    continue
            point = place.point
            if rivals:
                for checkpoint in rivals.get(point.name, ()):
                    checkpoint.rival(key(seen), level)
            if point.kind == "checkpoint":
                rules[point.name](seen, key(seen), place, level, time, now, out)
            else:
                heard.append((time, place.letter, seen.value, level, key(seen), seen, place))

    def _other(self, device: str, seen: Observation, now: float) -> None:
        if isinstance(seen, Status):
            if self._watch.status(device, seen, past(seen.time, now)):
                self._thaw(now)
        elif isinstance(seen, Signal):
            time = past(seen.time, now)
            for _, gate in self._gated():
                gate.hear(device, seen.name, seen.value, time)
            place = self._floor.devices.get(device, {}).get(seen.name)
            if place is not None and place.point.kind == "zone" and not seen.value:
                # After all reads of that moment: they are what the antenna heard before it was empty.
                after = math.nextafter(time, math.inf)
                self._steps.heard.append((after, place.letter, b"", time, b"", None, place))

    def _thaw(self, now: float) -> None:
        self._zones.thaw(now)
        for checkpoint in self._checkpoints.values():
            checkpoint.thaw(now)

    def advance(self, now: float) -> list[Outcome]:
        """Fire deadlines up to `now`, at most a slice of them: `deadline` says whether to call again at once."""
        self._now = now = max(now, self._now)
        out: list[Outcome] = []
        if self._watch.dark or self._restored or self._lost:
            self._begin(step_before(now), out)
        for checkpoint in self._checkpoints.values():
            deadline = checkpoint.deadline
            if deadline is not None and deadline <= now:
                checkpoint.advance(now, out)
        if self._steps.end <= now:
            self._steps.close()
        step = step_before(now)
        if self._steps.ready:
            self._weigh(step, out)
        if not self._steps.ready:
            self._expire(step, out)
        return out

    def _weigh(self, step: float, out: list[Outcome]) -> None:
        self._steps.weigh(self._hear, self._zones.vacate, step, self._now, out)

    def _weigh_all(self, out: list[Outcome]) -> None:
        """Also what waits for the end of its step."""
        self._steps.close()
        while self._steps.ready:
            self._weigh(self._now, out)

    def _expire(self, now: float, out: list[Outcome]) -> None:
        for rule in self._stepping:
            deadline = rule.deadline
            if deadline is not None and deadline <= now + 2.0 * NEAR:
                rule.advance(max(now, deadline), out)

    def finish(self) -> list[Outcome]:
        """Time ends here, within a step: decide what it heard so far, and what is due."""
        if self._now == -math.inf:
            return []
        out = self.advance(self._now)
        self._weigh_all(out)
        self._expire(self._now, out)
        for checkpoint in self._checkpoints.values():
            checkpoint.settle(self._now, out)
        for portal in self._portals.values():
            portal.settle(self._now, out)
        return out

    def _begin(self, now: float, out: list[Outcome]) -> None:
        """The first time there is: restored presence waits from here."""
        self._watch.begin(now)
        if self._lost:
            self._lost = False
            self._zones.resync_before = now + RESYNC
        restored, self._restored = [one.until(now) for one in self._restored], []
        if self._renewed:
            restored = [again(one, self._told, now, out) for one in restored]
        kinds = {place.point.name: place.point.kind for place in self._floor.present()}
        elsewhere = self._floor.moved(self._told)
        for known in restored:
            kind = kinds.get(known.read_point)
            if kind == "checkpoint" and known.kind != "zone":
                self._checkpoints[known.read_point].restore(known, now, out)
            elif kind == "zone" and known.kind != "checkpoint" and known.read_point not in elsewhere:
                self._zones.restore(known, now, out)
            else:
                out.append(as_told(gone(known, now), self._told))

    def present(self) -> Iterator[Present]:
        """All that is in a zone."""
        return chain(self._zones.present(), iter(self._restored))

    def where(self, uri: str) -> Present | None:
        """The zone an object is in."""
        rule, tag, _ = self._zones.kept(uri)
        if tag is None or tag.here < 0:
            return None
        return Present(tag.identity, rule.zones[tag.here].name, tag.placed, tag.last_seen, "zone")

    def correct(self, uri: str, known: Present | None) -> None:
        """What was said of an object is taken back: it is there, or in no zone."""
        self._zones.correct(uri, known, self._now)

    @property
    def zones(self) -> list[str]:
        """Names of the zones there are now."""
        return [point.name for point in self._floor.points.values() if point.kind == "zone"]

    def standing(self) -> dict[str, list[str]]:
        """The URIs of what is in each zone that holds anything."""
        found = self._zones.standing()
        for one in self._restored:
            found.setdefault(one.read_point, []).append(one.object.uri)
        return found

    def weighed(self, uri: str) -> tuple[Present | None, list[tuple[str, float]], float]:
        """The zone an object is in, (zone, dB) of what is weighed, strongest first, and how long it may be silent."""
        rule, tag, patience = self._zones.kept(uri)
        if tag is None:
            return None, [], 0.0
        return self.where(uri), rule.strengths(tag), patience(tag)

    def learned(self) -> dict[tuple[str, Antenna | None], float]:
        """dB that the zones' rule has learned to add to the levels of each antenna (device, port)."""
        rule, *_ = self._zones.kept("")
        places = [(self._floor.places[ord(letter)], offset) for letter, offset in rule.learned()]
        return {(place.device, place.antenna): offset for place, offset in places}

    def observing(self, zone: str) -> tuple[bool, float]:
        """Whether all antennas of a zone observe, and since when that is so (Unix seconds)."""
        return self._watch.state(self._floor.letters(zone, "zone"), self._now)

    @property
    def present_count(self) -> int:
        """How many are in a zone or quiet at a checkpoint, without counting them."""
        quiet = sum(checkpoint.present_count for checkpoint in self._checkpoints.values())
        return self._zones.present_count + quiet + len(self._restored)

    @property
    def gates(self) -> dict[str, bool]:
        """Whether the signal of each gated read point is on."""
        return {name: gate.on for name, gate in self._gated()}

    def _gated(self) -> Iterator[tuple[str, GateState]]:
        rules: list[tuple[str, Portal | Checkpoint]] = [*self._portals.items(), *self._checkpoints.items()]
        return ((name, rule.gate) for name, rule in rules if rule.gate is not None)

    def sightings(self) -> Iterator[Sighting]:
        """When all that is in a zone or quiet at a checkpoint was last seen."""
        quiet = (checkpoint.sightings() for checkpoint in self._checkpoints.values())
        return chain((one.sighting for one in self.present()), *quiet)

    def touched(self, limit: int) -> list[Sighting]:
        """Presence whose `last_seen` moved on by a minute since it was given out, each once, at most `limit`."""
        some = self._zones.touched(limit)
        for checkpoint in self._checkpoints.values():
            some += checkpoint.touched(limit - len(some))
        return some

    def shift(self, by: float) -> list[Outcome]:
        """The host's clock was set by `by` seconds: what is present stays so, in the new time.

        Without it a clock set ahead would end all presence at once, and one set back would blind the rules for as long.
        """
        out: list[Outcome] = []
        if self._now == -math.inf:
            return out
        self._weigh_all(out)
        for name, portal in self._portals.items():
            self._portals[name] = portal.shift(by, self._now, out)
        self._now += by
        self._watch.shift(by)
        self._zones.shift(by, self._now)
        for checkpoint in self._checkpoints.values():
            checkpoint.shift(by, self._now)
        self._compile()
        return out

    def rename(self) -> None:
        """`resolve` has other names from now on. An object departs under its old name when it is read under another."""
        self._admission.rename()
        self._zones.rename()
        rules: list[Portal | Checkpoint] = [*self._portals.values(), *self._checkpoints.values()]
        for rule in rules:
            rule.rename()

    def replace(self, rules: Rules, now: float) -> list[Outcome]:
        """New rules between two observations. Presence is kept; what left the configuration departs."""
        out = self.advance(now)
        now = self._now
        self._weigh_all(out)
        told = {point.name: point.uri for point in self._floor.points.values()}
        self._floor.replace(rules)
        self._watch.replace()
        self._admission.replace(rules)
        kinds = {point.name: point.kind for point in rules.read_points.values()}
        for name in [name for name in self._checkpoints if kinds.get(name) != "checkpoint"]:
            self._checkpoints.pop(name).close(now, out)
        for name in [name for name in self._portals if kinds.get(name) != "portal"]:
            self._portals.pop(name).close(now, out)
        left: list[Outcome] = []
        self._zones.replace(now, self._floor.moved(told), left)
        out += [as_told(one, told) for one in left]
        self._zones.rename()  # whom the new rules do not accept nobody hears any more
        for name, checkpoint in self._checkpoints.items():
            checkpoint.replace(rules.read_points[name], now)
        for name, portal in self._portals.items():
            portal.replace(rules.read_points[name])
        self._compile()
        return out
