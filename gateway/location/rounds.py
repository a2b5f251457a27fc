"""Deadlines of very many numbered things that nobody hears fire: asked about in rounds, a quarter of a second apart."""

from __future__ import annotations

import heapq
import math
from array import array
from collections.abc import Iterable

ROUND = 0.25
"""Seconds between rounds: by so much may a deadline be met late."""


class Rounds:
    """Each number waits for one round. A deadline that moves to later need not be told: it is seen when asked about."""

    def __init__(self) -> None:
        self._waiting: dict[int, array[int]] = {}
        self._order: list[int] = []
        self.next = math.inf
        """When the next round is; infinite if none is."""

    def put(self, number: int, at: float) -> None:
        """Ask about it in the first round at `at` or later. It must not be waiting already."""
        when = math.ceil(at / ROUND)
        waiting = self._waiting.get(when)
        if waiting is None:
            waiting = self._waiting[when] = array("l")
            heapq.heappush(self._order, when)
            self.next = self._order[0] * ROUND
        waiting.append(number)

    def put_all(self, numbers: Iterable[int], at: float) -> None:
        """Ask about these, and about nothing else, in the first round at `at` or later."""
        when = math.ceil(at / ROUND)
        self._waiting, self._order = {when: array("l", numbers)}, [when]
        self.next = when * ROUND

    def take(self, now: float, most: int) -> list[int]:
        """At most so many of those whose round has come; they wait no more."""
        taken: list[int] = []
        while len(taken) < most and self.next <= now:
            waiting = self._waiting[self._order[0]]
            rest = max(0, len(waiting) - (most - len(taken)))
            taken += waiting[rest:]
            del waiting[rest:]
            if not waiting:
                del self._waiting[heapq.heappop(self._order)]
                self.next = self._order[0] * ROUND if self._order else math.inf
        return taken
