"""Snapshots: what is present at each zone, said now and then and when the centre asks, so that both can compare."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from gateway.location.engine import Engine
from gateway.messages import Composer, Position
from gateway.outbox.store import Outbox

Publish = Callable[[str, bytes], Awaitable[bool]]
"""Sends one page of a read point; False when there is nobody to send it to."""

AGAIN = 5.0
"""Seconds from a zone's snapshot to the next that is sent for the asking: who asks all the time gets no more."""


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
        self._said: dict[str, float] = {}
        self._wake = asyncio.Event()

    def ask(self, read_point: str) -> str | None:
        """The centre wants the snapshot of this zone; a sentence where there will be none."""
        zones = self._engine.zones
        if read_point not in zones:
            return f"'{read_point}' is no zone of this segment: {_few(zones) or 'it has none'}"
        self._asked[read_point] = None
        self._wake.set()
        return None

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._interval
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(min([due, *map(self._allowed, self._asked)])):
                    await self._wake.wait()
            self._wake.clear()
            now = loop.time()
            if now >= due:
                due = now + self._interval
                self._asked = dict.fromkeys(self._engine.zones)
                self._said.clear()
            names = [name for name in self._asked if self._allowed(name) <= now]
            for name in names:
                del self._asked[name]
                self._said[name] = now
            if names:
                await self._send(names)

    def _allowed(self, name: str) -> float:
        """From when on (the loop's time) a snapshot of this zone may be sent."""
        return self._said.get(name, -AGAIN) + AGAIN

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


def _few(names: Sequence[str]) -> str:
    """Some of them in words."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(sorted(names)[:8]) + more
