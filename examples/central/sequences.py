"""Which numbers of one (stream, epoch) the centre has, and what it says of them. No I/O, no clock."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

PATIENCE = 5.0
"""Seconds that a number may be late: the gateway's two lanes overtake each other."""

RANGES = 100
"""Of `missing`, in one ack."""

REPEAT = 60.0
"""Seconds after which an ack is said again though nothing changed."""

Ack = tuple[int, list[tuple[int, int]]]
"""(upto, missing): all up to there is here, but for these."""


class Numbers:
    """Runs of numbers that are stored or declared lost, ascending and apart."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, int]] = []
        self._promised = 0
        self._tops: deque[tuple[float, int]] = deque()
        self._said: tuple[float, Ack] = 0.0, (0, [])

    def add(self, first: int, last: int) -> None:
        """These are stored, or will never come."""
        low = high = bisect_left(self.runs, first - 1, key=lambda run: run[1])
        while high < len(self.runs) and self.runs[high][0] <= last + 1:
            first, last = min(first, self.runs[high][0]), max(last, self.runs[high][1])
            high += 1
        self.runs[low:high] = [(first, last)]

    @property
    def top(self) -> int:
        """The greatest that is there, or promised."""
        return max(self._promised, self.runs[-1][1] if self.runs else 0)

    def promise(self, last: int) -> None:
        """The gateway says that all up to `last` has been sent: what does not come is missing, at the end too."""
        self._promised = max(self._promised, last)

    def holes(self, upto: int) -> list[tuple[int, int]]:
        """What is not there of 1 to `upto`."""
        found, at = [], 1
        for first, last in self.runs:
            if first > upto:
                break
            if first > at:
                found.append((at, first - 1))
            at = last + 1
        return [*found, (at, upto)] if at <= upto else found

    @property
    def missing(self) -> int:
        """How many below the greatest are not there."""
        return sum(last - first + 1 for first, last in self.holes(self.top))

    def ack(self, now: float, patience: float = PATIENCE) -> Ack:
        """Holes that are young are not missing yet, so `upto` ends before the first of them."""
        self._tops.append((now, self.top))
        while len(self._tops) > 1 and self._tops[1][0] <= now - patience:
            self._tops.popleft()
        settled = self._tops[0][1] if self._tops[0][0] <= now - patience else 0
        missing = self.holes(settled)
        if len(missing) > RANGES:
            return missing[RANGES][0] - 1, missing[:RANGES]
        return max([settled, *(last for first, last in self.runs if first <= settled + 1)]), missing

    def due(self, now: float, patience: float, *, heard: bool, current: bool = True) -> Ack | None:
        """What to say now, if anybody hears it: what is new, what is missing, and all of it now and then.

        Of a stream that is not `current` any more, what is whole and said is not said again.
        """
        ack, (when, before) = self.ack(now, patience), self._said
        whole = ack == before and not ack[1]
        if not heard or ack == (0, []) or (whole and not (current and now - when >= REPEAT)):
            return None
        self._said = now, ack
        return ack
