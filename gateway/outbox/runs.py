"""Sets of row ids that lie together: as many as there are, for the price of their holes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

MOST = 1000
"""Runs kept apart. One more, and the two lowest become one: what lies between them counts as in the set."""


class Runs:
    """Disjoint runs of whole numbers, ascending."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __len__(self) -> int:
        return len(self._firsts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self._firsts, self._lasts, strict=True)

    def add(self, first: int, last: int) -> None:
        """Put in all from `first` to `last`."""
        low = bisect_left(self._lasts, first - 1)
        high = low
        while high < len(self._firsts) and self._firsts[high] <= last + 1:
            first, last = min(first, self._firsts[high]), max(last, self._lasts[high])
            high += 1
        self._firsts[low:high], self._lasts[low:high] = [first], [last]
        if len(self._firsts) > MOST:
            del self._firsts[1], self._lasts[0]

    def outside(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """What of `first` to `last` is not in the set, as runs."""
        at = bisect_left(self._lasts, first)
        while first <= last and at < len(self._firsts) and self._firsts[at] <= last:
            if first < self._firsts[at]:
                yield first, self._firsts[at] - 1
            first = self._lasts[at] + 1
            at += 1
        if first <= last:
            yield first, last
