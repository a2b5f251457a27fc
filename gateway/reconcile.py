"""Snapshots: what is present at each zone, said now and then and when the centre asks, so that both can compare."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.location.engine import Engine
from gateway.messages import Composer, Position
from gateway.outbox.store import Outbox

Publish = Callable[[str, bytes], Awaitable[bool]]
"""Sends one page of a read point; False when there is nobody to send it to."""


class Reconciler:
    """Sends the snapshots of one segment: of all zones every `interval` seconds, of one when it is asked for."""

    def __init__(
        self,
        engine: Engine,
        composer: Composer,
        outbox: Outbox,
        publish: Publish,
        clock: Callable[[], float],
        interval: float,
    ) -> None:
        self._engine = engine
        self._composer = composer
        self._outbox = outbox
        self._publish = publish
        self._clock = clock
        self._interval = interval
        self._asked: dict[str, None] = {}
        self._wake = asyncio.Event()

    def ask(self, read_point: str) -> None:
        """The centre wants the snapshot of this zone; what is no zone here is not answered."""
        if read_point in self._engine.zones:
            self._asked[read_point] = None
            self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            except TimeoutError:
                due = loop.time() + self._interval
                self._asked = dict.fromkeys(self._engine.zones)
            self._wake.clear()
            names, self._asked = list(self._asked), {}
            await self._send(names)

    async def _send(self, names: list[str]) -> None:
        # Who is where and how many events said so are taken in one step: the snapshot holds for exactly these.
        standing = self._engine.standing()
        told = {name: self._engine.observing(name) for name in names if name in self._engine.zones}
        sequence = await self._outbox.position()
        as_of = Position(self._outbox.stream, self._outbox.epoch, sequence)
        for name, (observing, since) in told.items():
            pages = self._composer.snapshot(
                name, standing.get(name, ()), as_of=as_of, observing=observing, since=since, time=self._clock()
            )
            for page in pages:
                if not await self._publish(name, page):
                    return
