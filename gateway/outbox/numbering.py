"""Which epoch a row is of, and its number there. The columns that say so are under no checksum."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from typing import NamedTuple

_OPEN = 2**63 - 1
"""The last number of the epoch that runs is not on file yet."""


class _Epoch(NamedTuple):
    base: int
    epoch: int
    last: int


class Numbering:
    """As of the epochs that are on file now; `running` is the one that still gives out numbers."""

    def __init__(self, connection: sqlite3.Connection, running: int) -> None:
        found = connection.execute(
            "SELECT base, epoch, CASE epoch WHEN ? THEN ? ELSE last END FROM epochs ORDER BY base, epoch",
            (running, _OPEN),
        )
        self._epochs = [_Epoch(*row) for row in found.fetchall()]
        self._by_number = {one.epoch: one for one in self._epochs}

    def of(self, rowid: int, epoch: int, sequence: int) -> tuple[int, int] | None:
        """Epoch and sequence of a row: what its columns say, if that fits the row id, else what the row id says.

        None where no epoch on file may have that row id.
        """
        one = self._by_number.get(epoch)
        if one is None or sequence != rowid - one.base or not 0 < sequence <= one.last:
            at = bisect_left(self._epochs, (rowid,))
            if at == 0:
                return None
            one = self._epochs[at - 1]
        return one.epoch, rowid - one.base
