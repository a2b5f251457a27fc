"""The works of the next commit: no more of a longer queue than there seems to be room for."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.model import Work
from gateway.outbox.mailbox import GROUP, Mailbox

MOST = 2000
"""Events a commit takes of a longer queue: one fsync for more of them."""

_BESIDE = 1200
"""Bytes of the log that an event may need beside its own: the rest of a page, and its places in the indexes."""


def _logged(works: Iterable[Work]) -> int:
    """Bytes of the log that works may need, were nothing of them packed."""
    return sum(len(draft.body) + _BESIDE for work in works for draft in work.drafts)


class Batch:
    """Works taken from the mailbox, in order, that stay until they are stored. Its thread is the writer's."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox
        self._works: list[Work] = []
        self._most = self._limit = GROUP
        self.cut = False
        """Whether more would have been gathered if there had been room."""

    def __len__(self) -> int:
        return len(self._works)

    @property
    def works(self) -> tuple[Work, ...]:
        return tuple(self._works)

    def allow(self, events: int) -> None:
        """No more than so many events from now on, nor than `MOST`."""
        self._most = min(MOST, events)
        self.as_many_as_ever()

    def gather(self, room: int) -> tuple[Work, ...]:
        """Whole works, about as many events as a commit may take, and no more than `room` bytes; one work at least."""
        waiting, batch = self._mailbox.works, self._works
        self._mailbox.urgent = self.cut = False
        events, size = sum(len(work.drafts) for work in batch), _logged(batch)
        while waiting and len(batch) < self._limit and events < self._most:
            size += _logged((waiting[0],))
            self.cut = bool(batch) and size > room
            if self.cut:
                break
            batch.append(waiting.popleft())
            events += len(batch[-1].drafts)
        if waiting:
            self._mailbox.urgent = True
        return tuple(batch)

    def stored(self) -> None:
        """They are in the file."""
        self._works.clear()

    def halve(self) -> bool:
        """Half of them wait on in the mailbox, in order. False when they cannot be fewer."""
        held = len(self._works)
        self._limit = max(1, held // 2)
        self._mailbox.works.extendleft(reversed(self._works[self._limit :]))
        del self._works[self._limit :]
        return held > 1

    def as_many_as_ever(self) -> None:
        """There was room for them."""
        self._limit = self._most
