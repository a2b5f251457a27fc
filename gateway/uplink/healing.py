"""What the centre's `ack` brings about: receipts for the outbox, and missing events sent once more, at a bounded rate.

Nothing here is kept but ranges of numbers: what was not sent again when the connection ends, the centre asks for again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence

from gateway.outbox.runs import Runs
from gateway.outbox.values import OutboxError, Receipt, Row, Verdict
from gateway.uplink.queue import Queue
from gateway.uplink.status import REMEMBER, Tally

EPOCHS = 16
"""Receipts of different epochs that may wait; a second one of an epoch replaces the first."""

EVERY = 1.0
"""Seconds between two looks at what the centre has said."""

QUIET = 30.0
"""Seconds at least before the same event is sent once more: its receipt needs time to come back."""

_STEP = 0.125
_ROWS = 500
_RANGES = 1000


class Healing:
    """Between the centre's receipts and the outbox. `repeat` sends rows once more; False when it cannot now."""

    def __init__(self, queue: Queue, rate: int, repeat: Callable[[Sequence[Row]], bool], tally: Tally) -> None:
        self._queue = queue
        self._rate = rate
        self._repeat = repeat
        self._tally = tally
        self._loop = asyncio.get_running_loop()
        self._heard: dict[tuple[str, int], Receipt] = {}
        self._wanted: dict[tuple[str, int], list[tuple[int, int]]] = {}
        self._lately, self._before = Runs(), Runs()
        self._turn_at = 0.0
        self._distrusted_at = 0.0
        self._distrusted: set[str] = set()
        self._wake = asyncio.Event()

    def hear(self, receipt: Receipt) -> None:
        """The centre has said this."""
        key = receipt.stream, receipt.epoch
        if key not in self._heard and len(self._heard) >= EPOCHS:
            self._tally.ignored += 1
            return
        self._heard[key] = receipt
        self._wake.set()

    def forget(self) -> None:
        """The connection has ended: the centre will say again what it misses."""
        self._heard.clear()
        self._wanted.clear()
        self._lately, self._before = Runs(), Runs()

    async def run(self) -> None:
        """Until cancelled, or until the outbox failed: that ends whoever holds it."""
        look_at = 0.0
        with contextlib.suppress(OutboxError):
            while True:
                if not self._wanted:
                    await self._wake.wait()
                if self._heard and self._loop.time() >= look_at:
                    look_at = self._loop.time() + EVERY
                    await self._look()
                await self._slice()
                self._wake.clear()
                if self._heard:
                    self._wake.set()
                await asyncio.sleep(_STEP)

    async def _look(self) -> None:
        heard, self._heard = self._heard, {}
        for key, receipt in heard.items():
            verdict = await self._queue.acknowledge(receipt)
            self._wanted.pop(key, None)
            self._note(verdict)
            if verdict.ignored is None:
                self._want(key, verdict.again)

    def _note(self, verdict: Verdict) -> None:
        now, tally = self._loop.time(), self._tally
        if verdict.ignored is None:
            tally.acks += 1
            if now - self._distrusted_at > REMEMBER:
                tally.distrust = ""
            return
        tally.ignored += 1
        if verdict.known and verdict.ignored not in self._distrusted:
            # Once: a centre says of a stream that a replaced box left behind what it has, once a minute and for ever.
            if len(self._distrusted) >= EPOCHS:
                self._distrusted.clear()
            self._distrusted.add(verdict.ignored)
            self._distrusted_at, tally.distrust = now, verdict.ignored

    def _want(self, key: tuple[str, int], ranges: Iterable[tuple[int, int]]) -> None:
        """Send these again, but for what was sent again just before."""
        if self._loop.time() >= self._turn_at:
            self._turn_at = self._loop.time() + QUIET
            self._lately, self._before = Runs(), self._lately
        fresh = [
            two
            for first, last in ranges
            for one in self._lately.outside(first, last)
            for two in self._before.outside(*one)
        ]
        if fresh and len(self._wanted) < EPOCHS:
            self._wanted[key] = fresh[:_RANGES]

    async def _slice(self) -> None:
        """Send as much as a moment's share allows."""
        if not self._wanted:
            return
        key, ranges = next(iter(self._wanted.items()))
        first, last = ranges[0]
        rows, then = await self._queue.again(first, last, _ROWS, max(1, int(self._rate * _STEP)))
        if self._wanted.get(key) is not ranges or (rows and not self._repeat(rows)):
            return  # the centre has said something new, or there is no room: later
        self._tally.repeated += len(rows)
        self._lately.add(first, last if then is None else then - 1)
        ranges[:1] = [] if then is None else [(then, last)]
        if not ranges:
            del self._wanted[key]
