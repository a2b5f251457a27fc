"""Who has which rows in hand: two lanes over one numbered table. In memory only: a crash sends again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gateway.outbox.values import Lane

_END = 2**63 - 1


class Claims:
    """Rows from `marker` on are the live lane, older ones the historical lane; each lane goes up from its cursor."""

    def __init__(self, marker: int) -> None:
        self._taken: set[int] = set()
        self._marker = marker
        self._cursor: dict[Lane, int] = {"live": marker - 1, "historical": 0}

    def begin_live(self, marker: int) -> None:
        """The live lane starts at `marker` from now on; what is older and not in hand is history."""
        self._marker = marker
        self._cursor = {"live": marker - 1, "historical": 0}

    def bounds(self, lane: Lane) -> tuple[int, int]:
        """The row ids between which (both excluded) that lane's next row lies."""
        return self._cursor[lane], _END if lane == "live" else self._marker

    def free(self, rowid: int) -> bool:
        return rowid not in self._taken

    def take(self, lane: Lane, rowids: Sequence[int]) -> None:
        """In somebody's hands: these, the last one the lane's newest."""
        self._taken.update(rowids)
        self._cursor[lane] = rowids[-1]

    def give_back(self, rowids: Iterable[int]) -> None:
        """In nobody's hands any more, to be claimed again."""
        for rowid in rowids:
            self._taken.discard(rowid)
            self.reopen(rowid)

    def reopen(self, rowid: int) -> None:
        """That row, pending once more, lies ahead of its lane's cursor again."""
        lane: Lane = "live" if rowid >= self._marker else "historical"
        self._cursor[lane] = min(self._cursor[lane], rowid - 1)

    def forget(self, rowids: Iterable[int]) -> None:
        """No longer pending in the file."""
        self._taken.difference_update(rowids)

    def __len__(self) -> int:
        return len(self._taken)
