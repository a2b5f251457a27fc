"""The bookkeeping of portals: one passage a crossing, told together. The rule that judges is in `company`.

A run of a tag ends when both sides have not heard it for `QUIET`, when the gate closes, or while it is still heard if
it has clearly gone through. Runs wait for each other and are decided as one when no tag is under way any more.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from drivers.observations import Read
from gateway.location.admission import Admission
from gateway.location.again import NEAR, RISE, counted
from gateway.location.company import Decided, companies, firm, gone, handful, loads, moved, settles, way
from gateway.location.crossing import QUIET, WINDOW, Crossing
from gateway.location.doppler import true_shift
from gateway.location.evidence import PEAK, Evidence, arrival, peaks_until, pool, weigh
from gateway.location.floor import Floor, Place
from gateway.location.gate import GateState
from gateway.location.legs import legs
from gateway.location.neighbours import AROUND, passing_here, strength
from gateway.location.outcome import MAX_TAGS, Counts, Key, Outcome
from gateway.location.passages import Passages
from gateway.location.waits import patience
from gateway.location.watch import Watch
from gateway.location.wheel import Wheel
from gateway.model import ReadPoint, Side

REVIEW: Final = 5.0
"""Seconds between looks at a tag that is still heard: has it gone through already?"""

STANDING: Final = 20.0
"""Seconds after which a tag that is still heard stands in the field."""

SLOW: Final = 60.0
"""Seconds after which it does however its level changes."""

IDLE: Final = 3
"""Times that a tag came and did not cross after which it stands near the field."""

STRAY: Final = 900.0
"""Seconds that one which did not cross is remembered."""

LOOK: Final = 1.0
"""Seconds between looks at what waits."""

CROWD: Final = 400
"""Tags that are decided at a time, at most: some 10 ms."""

AFTER: Final = 1.5
"""Spreads of time after the middle of a crossing from which what is heard may be the next one."""

WEIGHED: Final = 128
"""Tags under way that are weighed at one look, at most."""

BEGUN: Final = 1.0
"""Seconds after the antennas begin to observe in which a tag that is heard first may have been there before."""

HEARD: Final = 2
"""Times that a tag was judged before which are remembered for neighbours."""

MANY: Final = 20_000


class Portal:
    """All tags in the field of one portal."""

    def __init__(
        self,
        point: ReadPoint,
        floor: Floor,
        watch: Watch,
        admission: Admission,
        counts: Counts,
        new_id: Callable[[float], str],
        others: Callable[[str], Portal | None],
    ) -> None:
        """`others` finds the portals that are named as neighbours."""
        self._point = point
        self._others = others
        self._floor = floor
        self._watch = watch
        self._admission = admission
        self._counts = counts
        self._new_id = new_id
        self._passages = Passages(point.name, floor, new_id)
        self._tags: dict[Key, Crossing] = {}
        self._objects: dict[str, Crossing] = {}
        self._renamed: set[Key] = set()
        self._wheel = Wheel(self._due)
        self._waiting: dict[str, Evidence] = {}
        self._look_at = math.inf
        self._looked = -math.inf
        self._under_way = 0
        self.gate = GateState.of(point)
        self._sides: dict[int, Side | None] = {}
        self._one_sided = False
        self._learn_sides()

    def _learn_sides(self) -> None:
        places = [self._floor.places[ord(letter)] for letter in self._floor.letters(self._point.name, "portal")]
        self._sides |= {place.index: place.side or "inside" for place in places}
        self._one_sided = len({place.side for place in places}) < 2

    @property
    def deadline(self) -> float | None:
        """When something is decided by silence, at the earliest."""
        times = [self._look_at, self._wheel.deadline, self.gate.closes if self.gate and self._under_way else None]
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
        if not tag.times:
            if key in self._renamed:
                self._forget(tag)
                self.hear(read, key, place, level, time, now, out)
                return
            self._begin(tag, time)
        elif tag.waiting and not tag.parked:
            self._rejoin(tag, time)
        tag.last = max(tag.last, time)
        tag.hear(place.index, level, true_shift(read.doppler), time)

    def _begin(self, tag: Crossing, time: float) -> None:
        if time - tag.last > QUIET:
            tag.standing = time
        tag.first = tag.last = time
        tag.rest = False
        tag.review = time + REVIEW
        if not tag.parked:
            tag.under_way = True
            self._under_way += 1
        self._wheel.arm(tag, time + QUIET)

    def _rejoin(self, tag: Crossing, time: float) -> None:
        """It was not gone: what is heard belongs to what was."""
        tag.waiting = False
        del self._waiting[tag.identity.uri]
        tag.under_way = True
        self._under_way += 1
        self._wheel.arm(tag, max(tag.last, time) + QUIET)

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
            first=time,
            last=-math.inf,
            review=time + REVIEW,
            standing=time,
            times=array("d"),
            letters=array("H"),
            levels=array("f"),
            shifts=array("f"),
        )
        self._tags[key] = self._objects[identity.uri] = tag
        return tag

    def _due(self, tag: Crossing) -> float:
        if self._objects.get(tag.identity.uri) is not tag or tag.waiting:
            return math.inf
        if not tag.times:
            return tag.last + (NEAR if tag.crossed or len(self._objects) > MANY else STRAY)
        return min(tag.last + QUIET, tag.review)

    def advance(self, now: float, out: list[Outcome]) -> None:
        """Decide what silence decides by `now`, at most a slice of it."""
        if len(self._waiting) >= CROWD:
            self._crowd(now, out)
            return
        for tag in self._wheel.fire(now):
            if not tag.times:
                self._forget(tag)
                continue
            if tag.last + QUIET <= now:
                self._end(tag, now)
            else:
                self._review(tag, now)
            if not tag.waiting:
                self._wheel.arm(tag, self._due(tag))
        if self.gate is not None and self._under_way:
            closes = self.gate.closes
            if closes is not None and closes <= now:
                self._close(now)
        due = (self._waiting and not self._under_way) or self._look_at <= now
        if due and len(self._waiting) < CROWD:
            self._look(now, out)

    def _review(self, tag: Crossing, now: float) -> None:
        """It is still heard: it may have gone through, or stand."""
        tag.review = now + REVIEW
        if tag.parked:
            tag.review = now + STANDING
            tag.stood(peaks_until(tag, now - WINDOW, self._sides))
            tag.keep_since(now - WINDOW)
        elif now - tag.standing > STANDING and self._stands(tag, now):
            tag.parked = True
            self._end(tag, now, tag.first + WINDOW)
        else:
            self._look_at = min(self._look_at, max(now + LOOK, self._looked + REVIEW))

    def _stands(self, tag: Crossing, now: float) -> bool:
        """Whether a tag that is heard for long has stood since it came; a slow one has not."""
        lately = [read for read in tag.run() if read.time > tag.first + WINDOW]
        slow = bool(lately) and not weigh(tag, lately, self._sides).flat
        return not slow or now - tag.standing > SLOW

    def _close(self, now: float) -> None:
        """The gate has closed: all that is under way is over."""
        for tag in [tag for tag in self._objects.values() if tag.times and not tag.waiting]:
            self._end(tag, now)

    def _end(self, tag: Crossing, now: float, until: float = math.inf) -> None:
        """The tag is not heard any more, or stands: what was heard of it waits for its company."""
        self._leave(tag)
        tag.waiting = True
        if until < math.inf:
            found = arrival(tag.run(), until, self._sides, tag)
        else:
            since = tag.last - WINDOW if tag.parked else -math.inf
            found = weigh(tag, [read for read in tag.run() if read.time >= since], self._sides)
        self._waiting[tag.identity.uri] = found
        self._look_at = min(self._look_at, now + LOOK if len(self._waiting) < CROWD else now)

    def _leave(self, tag: Crossing) -> None:
        if tag.under_way:
            tag.under_way = False
            self._under_way -= 1

    def _forget(self, tag: Crossing) -> None:
        del self._objects[tag.identity.uri]
        del self._tags[tag.key]

    def rename(self) -> None:
        """Identifiers may have other names from now on. A crossing under way ends under the name it began with."""
        self._renamed = set(self._tags)

    # Passages

    def _look(self, now: float, out: list[Outcome], *, last: bool = False) -> None:
        """Decide each company that nobody under way belongs to any more."""
        self._look_at, self._looked = math.inf, now
        moving = [tag for tag in self._objects.values() if tag.under_way] if self._under_way else []
        open_ones = [weigh(tag, tag.run(), self._sides) for tag in moving[:WEIGHED]]
        for company in companies((*self._waiting.values(), *open_ones)):
            ready = company if last else self._ready(company, now)
            if ready:
                self._decide(ready, now, out)
        if self._waiting:
            self._look_at = now + LOOK

    def _crowd(self, now: float, out: list[Outcome]) -> None:
        """No door passes so many at once: who ended first is decided without waiting for the rest."""
        for company in companies([*self._waiting.values()][:CROWD]):
            self._decide(company, now, out)
        if len(self._waiting) < CROWD:
            self._look_at = now + LOOK

    def _ready(self, company: list[Evidence], now: float) -> list[Evidence]:
        """Who of a company may be decided: all once nobody hears it, or who has clearly gone through."""
        ended = [one for one in company if one.tag.waiting]
        if now < (max(one.last for one in ended) + self._patience(company, ended) if ended else settles(company)):
            return []
        if len(ended) == len(company):
            return company
        return ended + [one for one in gone(company, self._sides) if not one.tag.waiting]

    def _patience(self, company: list[Evidence], ended: list[Evidence]) -> float:
        beside = self._heard_beside(company)
        return patience(company, ended, gated=self.gate is not None, one_sided=self._one_sided, beside=beside)

    def _neighbours(self) -> Iterator[Portal]:
        return (portal for name in self._point.neighbours if (portal := self._others(name)) is not None)

    def _heard_beside(self, company: list[Evidence]) -> bool:
        """Whether a neighbour still hears one of them: what it will say of him is not known yet."""
        return any(portal.hears_still(one.identity.uri) for portal in self._neighbours() for one in company)

    def hears_still(self, uri: str) -> bool:
        """Whether an object is in the field."""
        tag = self._objects.get(uri)
        return tag is not None and tag.under_way

    def _elsewhere(self, one: Evidence) -> float:
        return max((portal.hears(one) for portal in self._neighbours()), default=-math.inf)

    def hears(self, one: Evidence) -> float:
        """How well this door heard the same tag at the same time (dBm)."""
        tag = self._objects.get(one.identity.uri)
        if tag is None:
            return -math.inf
        begin, end = one.first - AROUND, one.last + AROUND
        best = max((strong for first, last, strong in tag.heard if first <= end and last >= begin), default=-math.inf)
        if tag.times and tag.first <= end and tag.last >= begin:
            best = max(best, strength(peaks_until(tag, end, self._sides, PEAK)))
        return best

    def _decide(self, company: list[Evidence], now: float, out: list[Outcome]) -> None:
        """Tell what crossed of a company; the rest are strays."""
        crossed: set[str] = set()
        here = passing_here(company, self._elsewhere) if self._point.neighbours else company
        one_sided = self._one_sided or self.gate is not None
        for leg in chain.from_iterable(legs(load, self._sides) for load in loads(here)):
            heard = [one for one in leg if len(one.run) >= self._point.min_reads]
            for decided in way(heard, one_sided=one_sided) if heard else ():
                self._doubt(decided)
                decided.members = counted(decided)
                if decided.members:
                    crossed.update(one.identity.uri for one in decided.members)
                    self._passages.tell(decided, now, out)
        whole = pool(company)
        for one in company:
            tag = one.tag
            if one.identity.uri not in crossed:
                self._counts.strays += not tag.settled
                tag.idle += 1
                tag.parked |= tag.idle >= IDLE or one.flat
                if one.flat or tag.parked:
                    tag.stood(one.peaks)
            self._waiting.pop(one.identity.uri, None)
            still, tag.waiting, tag.settled = not tag.waiting, False, True
            tag.heard = (*tag.heard[-HEARD:], (one.first, one.last, strength(one.peaks)))
            if still:
                tag.keep_since(whole.centre + AFTER * whole.spread)
                tag.rest = True
            else:
                tag.restart(tag.last)
            if not tag.times:
                self._leave(tag)
            self._wheel.arm(tag, self._due(tag))

    def _doubt(self, decided: Decided) -> None:
        """What was in the field already when reading began may have come from either side, and few reads may be of what
        stands there."""
        places = [self._floor.places[letter] for letter in self._sides]
        began = self._watch.silence("".join(place.letter for place in places), -math.inf).back
        begun = sum(began - QUIET <= one.first <= began + BEGUN for one in decided.members)
        if 2 * begun <= len(decided.members):
            return
        if handful(decided.members) and not self._one_sided and not (moved(decided.members) or firm(decided.members)):
            decided.members = []
        elif decided.came < RISE and any(self._watch.resumed.get(place.device) == began for place in places):
            decided.direction = "unknown"

    def replace(self, point: ReadPoint) -> None:
        """New rules for the same read point; what is under way goes on."""
        self.gate = GateState.of(point, self.gate)
        self._point = point
        self._learn_sides()

    def shift(self, by: float, now: float, out: list[Outcome]) -> Portal:
        """The host's clock was set: what crossed is told, and the portal begins anew with its gate as it is."""
        self.close(now, out)
        fresh = Portal(self._point, self._floor, self._watch, self._admission, self._counts, self._new_id, self._others)
        if self.gate is not None:
            self.gate.shift(by)
            fresh.gate = self.gate
        return fresh

    def settle(self, now: float, out: list[Outcome]) -> None:
        """Time ends here: who is silent and waits is told; who is still heard may go on after a restart."""
        for company in companies(self._waiting.values()):
            self._decide(company, now, out)

    def close(self, now: float, out: list[Outcome]) -> None:
        """The read point left the configuration: what crossed is told."""
        self._close(now)
        self._look(now, out, last=True)
