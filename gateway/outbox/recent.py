"""Rows just committed, for the live lane: what is sent a moment after it was stored need not be read back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from gateway.outbox.values import Row

MOST = 2000
"""Rows kept: more is a backlog, and backlogs are read from the file."""


class Recent:
    """A run of rows without a hole, oldest first."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque()

    def add(self, rows: Sequence[Row]) -> None:
        """The rows of a commit, in the order of their ids."""
        kept = self._rows
        if len(kept) + len(rows) > MOST or (kept and rows and rows[0].rowid != kept[-1].rowid + 1):
            kept.clear()
        if len(rows) <= MOST:
            kept.extend(rows)

    def after(self, rowid: int, rows: int, size: int) -> list[Row]:
        """The rows that follow a row id at once, at most `rows` and `size` bytes (one at least); none if not kept."""
        kept = self._rows
        while kept and kept[0].rowid <= rowid:
            kept.popleft()
        taken: list[Row] = []
        if not kept or kept[0].rowid != rowid + 1:
            return taken
        total = 0
        while kept and len(taken) < rows:
            total += len(kept[0].payload)
            if taken and total > size:
                break
            taken.append(kept.popleft())
        return taken
