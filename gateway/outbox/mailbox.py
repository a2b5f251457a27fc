"""From the event loop to the writer's thread: appends that never wait, and one bell."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from gateway.model import Sighting, Work
from gateway.outbox.presence import Key
from gateway.outbox.values import State

GROUP = 500
"""Works that end the linger at once."""


class Mailbox:
    """Works, settlements and commands in the order they came. The bell rings for what cannot wait, and for firsts."""

    def __init__(self) -> None:
        self.works: deque[Work] = deque()
        self.settled: deque[tuple[Sequence[int], State]] = deque()
        self.commands: deque[Callable[[], None]] = deque()
        self.urgent = False
        """Somebody waits for one of `works`: its event is to be sent, or its callback to be called."""
        self.hurried = False
        self.closing = False
        self._seen: dict[Key, float] = {}
        self._guard = threading.Lock()
        self._bell = threading.Event()

    def put(self, work: Work) -> None:
        works = self.works
        works.append(work)
        waiting = len(works)
        if waiting == 1 or waiting == GROUP:  # noqa: PLR1714 - two comparisons are twice as fast as a set
            self._bell.set()
        if not self.urgent and (work.drafts or work.stored):
            self.urgent = True
            self._bell.set()

    def settle(self, rowids: Sequence[int], state: State) -> None:
        self.settled.append((rowids, state))
        if len(self.settled) == 1:
            self._bell.set()

    def touch(self, sightings: Sequence[Sighting]) -> None:
        """Only the newest time per object and read point is kept: bounded by what is present."""
        with self._guard:
            self._seen.update(((one.uri, one.read_point, one.slot), one.last_seen) for one in sightings)

    def take_seen(self) -> dict[Key, float]:
        with self._guard:
            seen, self._seen = self._seen, {}
        return seen

    def command(self, command: Callable[[], None]) -> None:
        """Run in the writer's thread, as soon as it is free."""
        self.commands.append(command)
        self._bell.set()

    def hurry(self) -> None:
        """What waits is to be committed now."""
        self.hurried = True
        self._bell.set()

    def close(self) -> None:
        self.closing = True
        self._bell.set()

    def wait(self, timeout: float | None) -> None:
        """Until the bell rings, or so many seconds."""
        self._bell.wait(timeout)
        self._bell.clear()
