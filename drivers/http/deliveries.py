"""Posts on their way to the disk: each once, however often it is sent, and told when it is there."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

from drivers.contract import Batch, Observation
from drivers.http.refusal import Refusal

POSTS = 256
READS = 20_000
"""What may wait for its COMMIT at a time; more is refused, not queued."""
LATER = 5.0
"""Seconds after which a sender may try again."""


class Delivery:
    """One post. `done` becomes True when it is stored, False when the gateway had no room for it."""

    def __init__(self, body: bytes, reads: int, ignored: int) -> None:
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.digest = body
        self.reads = reads
        self.ignored = ignored

    def end(self, *, stored: bool) -> None:
        """Told once; later words change nothing."""
        if not self.done.done():
            self.done.set_result(stored)


def digest(body: bytes) -> bytes:
    """What is kept of a body, to know it again."""
    return hashlib.sha256(body).digest()


class Deliveries:
    """All posts of one listener. Outlives connections and restarts of the listener, not the process."""

    def __init__(self, give: Callable[[Batch], None], remember: int) -> None:
        self._give = give
        self._remember = remember
        self._known: dict[str, OrderedDict[str, Delivery]] = {}
        self._waiting: set[Delivery] = set()

    def again(self, source: str, key: str | None, body: bytes) -> Delivery | None:
        """The delivery this post repeats. Raises `Refusal` with 422 where that batch held something else."""
        if key is None or source not in self._known:
            return None
        known = self._known[source].get(key)
        if known is not None and known.digest != body:
            raise Refusal(422, f"batch {key!r} was posted before with other content: give each batch an id of its own")
        return known

    def begin(
        self, source: str, key: str | None, body: bytes, observations: Sequence[Observation], ignored: int
    ) -> Delivery:
        """Hand a post over. Raises `Refusal` with 503 while too much waits for the disk."""
        waiting = sum(delivery.reads for delivery in self._waiting)
        if len(self._waiting) >= POSTS or (self._waiting and waiting + len(observations) > READS):
            raise Refusal(503, "the gateway cannot store now: too much waits already", after=LATER)
        delivery = Delivery(body, len(observations), ignored)
        if not observations:
            delivery.end(stored=True)
            return delivery
        self._waiting.add(delivery)
        if key is not None:
            self._note(source, key, delivery)

        def stored() -> None:
            self._waiting.discard(delivery)
            delivery.end(stored=True)

        def shed() -> None:
            self._waiting.discard(delivery)
            if key is not None and self._known[source].get(key) is delivery:
                del self._known[source][key]
            delivery.end(stored=False)

        self._give(Batch(observations, stored, shed))
        return delivery

    def _note(self, source: str, key: str, delivery: Delivery) -> None:
        known = self._known.setdefault(source, OrderedDict())
        known[key] = delivery
        if len(known) > self._remember:
            # What is still on its way is kept: its sender will ask again.
            settled = next((old for old, one in known.items() if one not in self._waiting), None)
            if settled is not None:
                del known[settled]
