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


class Runs:
    """Numbers as runs, ascending and apart."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, int]] = []

    def add(self, first: int, last: int) -> int:
        """These are there; how many of them were not before."""
        new, begin, end = last - first + 1, first, last
        low = high = bisect_left(self.runs, first - 1, key=lambda run: run[1])
        while high < len(self.runs) and self.runs[high][0] <= last + 1:
            one = self.runs[high]
            new -= max(0, min(one[1], last) - max(one[0], first) + 1)
            begin, end = min(begin, one[0]), max(end, one[1])
            high += 1
        self.runs[low:high] = [(begin, end)]
        return new

    def __contains__(self, number: int) -> bool:
        at = bisect_left(self.runs, number, key=lambda run: run[1])
        return at < len(self.runs) and self.runs[at][0] <= number

    def whole(self, upto: int) -> bool:
        """Whether all of 1 to `upto` are there."""
        return upto < 1 or (bool(self.runs) and self.runs[0][0] <= 1 and self.runs[0][1] >= upto)

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


class Numbers(Runs):
    """Those that are stored, refused, or declared lost."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = Runs()
        """Of them, those that were declared lost."""
        self.last = 0
        """The greatest that `state` ever named."""
        self.said_at = 0.0
        self._promised = 0
        self._tops: deque[tuple[float, int]] = deque()
        self._said: Ack = 0, []

    @property
    def top(self) -> int:
        """The greatest that is there, or promised."""
        return max(self._promised, self.runs[-1][1] if self.runs else 0)

    def promise(self, last: int) -> None:
        """The gateway says that all up to `last` has been sent: what does not come is missing, at the end too."""
        self._promised = max(self._promised, last)

    @property
    def missing(self) -> int:
        """How many below the greatest are not there."""
        return sum(last - first + 1 for first, last in self.holes(self.top))

    @property
    def quiet(self) -> bool:
        """Whether all is here, and that was said."""
        return self._said == (self.top, [])

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

    def due(self, now: float, patience: float, *, current: bool = True, again: bool = False) -> Ack | None:
        """What to say now: what is new; what is missing, of a stream that is not `current` now and then; and, where
        that is wanted `again`, all of it now and then.
        """
        late = now - self.said_at >= REPEAT
        if self.quiet and not (again and late):
            return None
        ack = self.ack(now, patience)
        if ack == (0, []) or (ack == self._said and not late and not (ack[1] and current)):
            return None
        self.said_at, self._said = now, ack
        return ack
