"""From observations to durable events: inbox → location engine → messages → outbox, one batch one COMMIT's worth."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import groupby

from drivers.contract import Measurement, Observation
from drivers.reads import Reads
from gateway.inbox import Inbox, Received
from gateway.location.engine import Engine, Outcome
from gateway.logs import get_logger
from gateway.messages import Composer
from gateway.model import PresenceChange, Rules, Transition, TransitionKind, Work
from gateway.outbox.store import Outbox

log = get_logger(__name__)

TICK = 0.1
"""Seconds between looks at the clock where no deadline is nearer."""

EVENTS = 1000
"""Events that may wait for their COMMIT before the pipeline takes no more: reads in the inbox cost a tenth of them."""

WORKS = 4000
"""Works, those that only change presence among them, that may."""

SLICE = 250
"""Observations decided at once: some 20 ms where each is a new event. A report of 100,000 must not stop the loop."""

POINTS = 1000
"""Measurements told at once: what a large controller gives in one poll is one message."""

HELD = 0.02
"""Seconds for which the loop is held at most, slices of a batch apart."""

SET = 5.0
"""Seconds by which the host's clock must jump against a steady one to count as set; less is a time server at work."""

WRITE_BACK = 1000
"""Presence rows whose `last seen` is written back at one time."""

Tap = Callable[[Received], None]


class Pipeline:
    """The one task that decides. `taps` see every batch as it was received, for recordings; they must not raise.

    `committed` is told the transitions whose events are stored.
    """

    def __init__(
        self,
        inbox: Inbox,
        engine: Engine,
        composer: Composer,
        outbox: Outbox,
        clock: Callable[[], float],
        told: Callable[[Transition], None] | None = None,
    ) -> None:
        self.taps: set[Tap] = set()
        self.committed: Callable[[Sequence[Transition]], None] = lambda _stored: None
        self.decided = 0
        self.events: defaultdict[TransitionKind, int] = defaultdict(int)
        self._inbox = inbox
        self._engine = engine
        self._composer = composer
        self._outbox = outbox
        self._clock = clock
        self._told = told
        self._waiting = 0
        self._committed = asyncio.Event()
        self.begun = asyncio.Event()
        """What was present before the start is taken up, and what is to be told of it was put."""
        self._first: list[Outcome] = []
        self._apart: float | None = None
        self._held_since = 0.0
        self._reached: float | None = None
        """The time up to which all was decided, or is just being."""

    async def _begin(self) -> None:
        """Take up what was present before the start; what is to be told of it may be an event for each."""
        self._reached = min(self._clock(), self._inbox.oldest)
        self._first = self._engine.advance(self._reached)
        while self._first:
            some, self._first = self._first[:SLICE], self._first[SLICE:]
            self._store(some)
            await self._room()
            await self._yield()
        self.begun.set()

    async def run(self) -> None:
        """Until the inbox is closed and empty; what was put is then in the outbox's hands."""
        await self._begin()
        while not self._inbox.finished:
            await self._room()
            taken = await self._inbox.take(self._until_due())
            self._follow_clock()
            for received in taken:
                await self._decide(received)
            self._follow_clock()
            if not self._inbox.waiting:
                self._reached = self._clock()
                self._store(self._engine.advance(self._reached))
            await self._yield()
        self._store(self._engine.finish())
        self._outbox.touch(list(self._engine.sightings()))

    def _until_due(self) -> float:
        """Seconds to wait for more at the most: no decision is later than its step for want of reads."""
        due = self._engine.deadline
        return TICK if due is None else min(TICK, max(0.0, due - self._clock()))

    async def _room(self) -> None:
        """Wait until what was decided is not too far ahead of the disk."""
        await self._outbox.drained(WORKS)
        while self._waiting >= EVENTS:
            self._committed.clear()
            await self._committed.wait()

    async def _yield(self) -> None:
        await asyncio.sleep(0)
        self._held_since = asyncio.get_running_loop().time()

    def _follow_clock(self) -> None:
        """When the host's clock was set, presence moves with it: nothing has left, and nothing is yet to come."""
        apart = self._clock() - asyncio.get_running_loop().time()
        before, self._apart = self._apart, apart
        if before is not None and abs(apart - before) > SET:
            log.warning("the host's clock was set: what is present stays present", seconds=round(apart - before))
            self._reached = None if self._reached is None else self._reached + apart - before
            self._store(self._engine.shift(apart - before))

    def _is_stored(self, events: int) -> None:
        self._waiting -= events
        self._committed.set()

    def apply(self, rules: Rules) -> None:
        """New rules between two observations; presence is kept, what left the configuration departs.

        What was read and still waits is not silent: no deadline after it fires.
        """
        first, self._first = self._first, []
        self._store(first)
        self._store(self._engine.replace(rules, self._clock() if self._reached is None else self._reached))

    async def _decide(self, received: Received) -> None:
        for tap in self.taps:
            tap(received)
        batch = received.batch
        observations = batch.observations
        # In the time of arrival, as `replay` does: no wait for the disk makes what was read meanwhile time out.
        self._reached = now = min(received.time, self._clock())
        if not isinstance(observations, Reads) and Measurement in set(map(type, observations)):
            observations = await self._measured(received.device, observations, now)
        size = len(observations)
        for start in range(0, max(size, 1), SLICE):
            if asyncio.get_running_loop().time() - self._held_since > HELD:
                await self._room()
                await self._yield()
            some = observations if size <= SLICE else observations[start : start + SLICE]
            outcomes = self._engine.feed(received.device, some, now)
            self._store(outcomes, (batch.stored,) if batch.stored and start + SLICE >= size else ())

    async def _measured(self, device: str, observations: Sequence[Observation], now: float) -> Sequence[Observation]:
        """Measurements are told as they come, for they decide nothing; returns what else there is."""
        measured = [seen for seen in observations if isinstance(seen, Measurement)]
        for start in range(0, len(measured), POINTS):
            if start:
                await self._room()
                await self._yield()
            drafts = tuple(self._composer.telemetry(device, now, measured[start : start + POINTS]))
            self._waiting += len(drafts)
            self._outbox.put(Work(drafts, (), (partial(self._is_stored, len(drafts)),)))
        return [seen for seen in observations if not isinstance(seen, Measurement)]

    def _store(self, outcomes: list[Outcome], stored: Iterable[Callable[[], None]] = ()) -> None:
        # In works of their own, what has no event may wait for company in the outbox.
        for silent, some in groupby(outcomes, _silent):
            run = list(some)
            presence = tuple(change for one in run for change in one.presence)
            self._outbox.put(Work((), presence) if silent else self._events(run, presence))
        if stored:
            self._outbox.put(Work(stored=tuple(stored)))

    def _events(self, outcomes: list[Outcome], presence: tuple[PresenceChange, ...]) -> Work:
        transitions = [one.transition for one in outcomes if one.transition is not None]
        if self._told is not None:
            for transition in transitions:
                self._told(transition)
        drafts = tuple(map(self._composer.epcis, transitions))
        self.decided += len(drafts)
        for one in transitions:
            self.events[one.kind] += 1
        self._waiting += len(drafts)
        stored = partial(self._is_stored, len(drafts)), partial(self.committed, transitions)
        return Work(drafts, presence, stored)

    async def write_back(self, interval: float) -> None:
        """Now and then, `last seen` of what is present goes into the next commits; until cancelled."""
        shed = self._inbox.dropped
        while True:
            await asyncio.sleep(interval)
            if self._inbox.dropped > shed:
                more, shed = self._inbox.dropped - shed, self._inbox.dropped
                log.warning("reads were shed: devices read faster than this box decides and stores", reads=more)
            touched = self._engine.touched(WRITE_BACK)
            if touched:
                self._outbox.touch(touched)


def _silent(outcome: Outcome) -> bool:
    return outcome.transition is None
