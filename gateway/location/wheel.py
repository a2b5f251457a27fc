"""Deadlines of very many things, most of which are put off before they come: putting off costs nothing."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from gateway.model import Identity


class Timed(Protocol):
    """What can have a deadline: `armed` is the wheel's own note of where it stands."""

    identity: Identity
    armed: float


T = TypeVar("T", bound=Timed)

SLICE = 2000
"""Units of work of one call, some 2 µs each: a mass expiry is spread over many calls."""

FIRED = 8
"""Units that an expired deadline costs beyond a look at it."""


HORIZON = 300.0
"""Seconds ahead at which a far deadline is asked for again, so that what is gone is not kept until then."""


class Wheel(Generic[T]):
    """Buckets of a second each, and a heap for the second that runs.

    `due` says when a thing is really due (infinite: never, forget it). It is asked when its bucket comes, so a deadline
    that moves to later need not be told.
    """

    def __init__(self, due: Callable[[T], float]) -> None:
        self._due = due
        self._buckets: dict[int, list[T]] = {}
        self._seconds: list[int] = []
        self._running = -1
        self._ready: list[tuple[float, str, int, T]] = []
        self._serial = 0
        self._now = math.inf

    def arm(self, item: T, at: float) -> None:
        """Ask `item` at that time at the latest. What was armed before for it no longer counts."""
        item.armed = at = min(at, self._now + HORIZON)
        second = math.floor(at)
        if second <= self._running:
            # Equal times fire in order of the identifiers, whatever came before; the serial only ends ties.
            self._serial += 1
            heapq.heappush(self._ready, (at, item.identity.uri, self._serial, item))
        else:
            self._bucket(second).append(item)

    def arm_all(self, items: Iterable[T], at: float) -> None:
        """Ask all of them at that time, without a pause for sorting them in."""
        bucket = self._bucket(math.floor(at))
        for item in items:
            item.armed = at
            bucket.append(item)

    def _bucket(self, second: int) -> list[T]:
        bucket = self._buckets.get(second)
        if bucket is None:
            bucket = self._buckets[second] = []
            heapq.heappush(self._seconds, second)
        return bucket

    @property
    def deadline(self) -> float | None:
        """When to ask again, at the latest."""
        if not self._seconds:
            return self._ready[0][0] if self._ready else None
        second = float(self._seconds[0])
        return min(second, self._ready[0][0]) if self._ready else second

    def fire(self, now: float, work: int = SLICE) -> list[T]:
        """What is due by `now`, in order of its deadlines; what `work` does not suffice for stays due."""
        self._now = now
        fired: list[T] = []
        while work > 0:
            if self._seconds and self._seconds[0] <= now:
                work -= self._sort_in(work)
            elif self._ready and self._ready[0][0] <= now:
                work -= 1
                at, _, _, item = heapq.heappop(self._ready)
                if item.armed != at:
                    continue
                due = self._due(item)
                if due <= at:
                    item.armed = -math.inf
                    fired.append(item)
                    work -= FIRED
                elif due != math.inf:
                    self.arm(item, due)
            else:
                break
        return fired

    def _sort_in(self, work: int) -> int:
        """Move the first bucket's things to the heap, or to a later bucket; at most `work` of them."""
        second = self._seconds[0]
        self._running = max(self._running, second)
        bucket = self._buckets[second]
        count = min(work, len(bucket))
        for item in bucket[len(bucket) - count :]:
            if not second <= item.armed < second + 1:
                continue
            due = self._due(item)
            if due != math.inf:
                self.arm(item, max(due, item.armed))
            else:
                item.armed = -math.inf
        del bucket[len(bucket) - count :]
        if not bucket:
            del self._buckets[second]
            heapq.heappop(self._seconds)
        return count + 1
