"""Which event breaks connections: found by halving what was in flight when the broker ended them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence


class Suspects:
    """Rows in flight at the last two ends of a connection by the broker, until they are answered.

    While there are any, `most` rows may be published, and nothing beside them.
    """

    def __init__(self) -> None:
        self._rows: set[int] = set()
        self.most = 0
        """Rows a publication may have; 0 while nothing is suspected."""

    def ended(self, flights: Sequence[Collection[int]]) -> int | None:
        """The broker ended a connection with these in flight. The row to give up, once it is certain."""
        if not flights:
            return None
        rows = {row for flight in flights for row in flight}
        again = rows & self._rows
        if not again:
            self._rows, self.most = rows, 0
            return None
        if self.most == 1 and len(rows) == 1:
            self._rows, self.most = set(), 0
            return rows.pop()
        smallest = min(len(flight) for flight in flights if not again.isdisjoint(flight))
        self._rows, self.most = again, max(1, smallest // 2)
        return None

    def answered(self, rows: Collection[int]) -> None:
        """The broker took these, or refused them, and did not break."""
        if self._rows:
            self._rows.difference_update(rows)
            if not self._rows:
                self.most = 0
