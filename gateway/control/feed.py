"""A live view with a bound: what is published goes to every subscriber that keeps up; one that does not is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable

ROOM = 20_000
"""Lines that one subscriber may be behind: some 20 MB of events at the most."""


class Feed:
    """`publish` never waits. `watched` says whether anyone listens, so that nothing is formatted for no one."""

    def __init__(self, room: int = ROOM) -> None:
        self.dropped = 0
        self._room = room
        self._queues: set[asyncio.Queue[bytes]] = set()
        self._behind: set[asyncio.Queue[bytes]] = set()

    @property
    def watched(self) -> bool:
        return bool(self._queues)

    def publish(self, lines: Iterable[bytes]) -> None:
        """Hand these lines to all subscribers."""
        for line in lines:
            for queue in self._queues - self._behind:
                if queue.full():
                    self._behind.add(queue)
                    self.dropped += 1
                else:
                    queue.put_nowait(line)

    async def subscribe(self, wanted: Callable[[bytes], bool] = lambda _: True) -> AsyncGenerator[bytes, None]:
        """Lines from now on, until the subscriber falls behind by more than there is room for."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(self._room)
        self._queues.add(queue)
        try:
            while queue not in self._behind or not queue.empty():
                line = await queue.get()
                if wanted(line):
                    yield line
        finally:
            self._queues.discard(queue)
            self._behind.discard(queue)
