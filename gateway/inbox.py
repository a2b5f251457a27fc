"""The bounded hand-over from drivers to the pipeline: `put` never waits and never fails; what is shed is counted."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable

import msgspec

from drivers.contract import Batch, Measurement, Read

LIMIT = 100_000
"""Observations that may wait: two seconds of the fastest floor, some 40 MB of reads at the most."""


LATELY = 900.0
"""Seconds for which a person should know that something was shed."""


class Received(msgspec.Struct, frozen=True, gc=False):
    """A batch, the device it came from, and when the gateway got it (Unix seconds)."""

    device: str
    batch: Batch
    time: float


class Inbox:
    """Batches in order of arrival. When it is full, reads and measurements are shed and counted; signals and
    states still pass."""

    def __init__(self, clock: Callable[[], float], limit: int = LIMIT) -> None:
        self.dropped = 0
        self.received = 0
        self.waiting = 0
        self._limit = limit
        self._clock = clock
        self._queue: deque[Received] = deque()
        self._arrived = asyncio.Event()
        self._closed = False
        self._shed_at = -math.inf

    def put(self, device: str, batch: Batch) -> None:
        """Hand over one batch of `device`."""
        size = len(batch.observations)
        self.received += size
        if self.waiting + size > self._limit:
            batch = self._shed(batch)
            size = len(batch.observations)
            if not size:
                return
        self.waiting += size
        self._queue.append(Received(device, batch, self._clock()))
        self._arrived.set()

    def _shed(self, batch: Batch) -> Batch:
        room = max(0, 2 * self._limit - self.waiting)
        kept = [seen for seen in batch.observations if not isinstance(seen, Read | Measurement)][:room]
        self.dropped += len(batch.observations) - len(kept)
        if len(kept) == len(batch.observations):
            return batch
        self._shed_at = self._clock()
        if batch.shed is not None:
            batch.shed()
        return Batch(kept)

    def close(self) -> None:
        """No more is put; `take` hands out what is left and then returns nothing."""
        self._closed = True
        self._arrived.set()

    @property
    def oldest(self) -> float:
        """When the next batch arrived; infinite if none waits."""
        return self._queue[0].time if self._queue else math.inf

    @property
    def shedding(self) -> bool:
        """Whether something was shed lately."""
        return 0.0 <= self._clock() - self._shed_at < LATELY

    @property
    def finished(self) -> bool:
        """Closed and empty."""
        return self._closed and not self._queue

    async def take(self, patience: float, most: int = 4096) -> list[Received]:
        """What has arrived, about `most` observations at once; nothing after `patience` seconds or once closed."""
        if not self._queue and not self._closed and patience > 0:
            self._arrived.clear()
            try:
                async with asyncio.timeout(patience):
                    await self._arrived.wait()
            except TimeoutError:
                return []
        taken: list[Received] = []
        size = 0
        while self._queue and size < most:
            item = self._queue.popleft()
            taken.append(item)
            size += len(item.batch.observations)
        self.waiting -= size
        return taken
