"""The presence table: what is where, stored with the event that says so."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress

from gateway.churn import worn
from gateway.model import Absent, Identity, Present, Work
from gateway.outbox import bulk

LINGER = 0.5
"""Seconds an absence without an event waits for a commit, then for somebody to take its place, then for company.

A crash meanwhile leaves an object quiet a little longer.
"""

_PUT = "INSERT OR REPLACE INTO presence"
_DROP = "DELETE FROM presence WHERE id = ?"
_TOUCH = "UPDATE presence SET last_seen = max(last_seen, ?) WHERE id = ?"
_NEVER = float("inf")

Key = tuple[str, str]
"""The object's URI and the read point."""


class Presence:
    """Every object at its place in the table. Who comes takes the place of one who left: one page for both.

    An absence that comes with an event is in the file with that event; one that comes alone soon after.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self._places: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._left: OrderedDict[Key, int] = OrderedDict()
        self._vacant: set[int] = set()
        """The places of `_left`. The table may still say who was there before them."""
        self._next = 1
        self._came = 0
        self.due = _NEVER
        """When absences have waited long enough (monotonic seconds)."""

    def load(self) -> list[Present]:
        """All that was present at the last commit."""
        self._find(set())
        return [
            Present(Identity(uri, scheme, kind, link, number), read_point, since, last_seen, point_kind)
            for uri, read_point, scheme, kind, link, number, since, last_seen, point_kind in self._sql.execute(
                "SELECT uri, read_point, scheme, kind, digital_link, filter, since, last_seen, read_point_kind"
                " FROM presence"
            )
        ]

    def _find(self, vacant: set[int]) -> None:
        """Learn from the table who is where; of those whose place is vacant, that they are gone."""
        self._places.clear()
        self._left.clear()
        self._vacant.clear()
        self._next = 1
        for place, uri, read_point in self._sql.execute("SELECT id, uri, read_point FROM presence ORDER BY id"):
            if place in vacant:
                self._left[uri, read_point] = place
                self._vacant.add(place)
            else:
                self._places[read_point][uri] = place
            self._next = place + 1

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Around the file's: what is rolled back there is forgotten here."""
        vacant, due = set(self._vacant), self.due
        try:
            yield
        except sqlite3.OperationalError:
            # What broke the transaction is the error to show, not that the table cannot be read either.
            with suppress(sqlite3.Error):
                self._find(vacant)
            self.due = due
            raise

    def apply(self, works: Iterable[Work], now: float, *, closing: bool = False) -> None:
        """Take what the works say, in their order."""
        puts: dict[int, Present] = {}
        firm: list[Key] = []
        for work in works:
            for change in work.presence:
                if isinstance(change, Absent):
                    key = change.uri, change.read_point
                    place = self._places[change.read_point].pop(change.uri, None)
                    if place is not None:
                        self._left[key] = place
                        self._vacant.add(place)
                        puts.pop(place, None)
                        if work.drafts:
                            firm.append(key)
                else:
                    puts[self._place(change.object.uri, change.read_point)] = change
        self._tend()
        if puts:
            bulk.insert(self._sql, _PUT, [_values(place, present) for place, present in puts.items()])
        if closing or now >= self.due - LINGER:
            firm = list(self._left)
        if firm:
            self._sweep(firm)
        self.due = min(self.due, now + 2 * LINGER) if self._left else _NEVER

    def _tend(self) -> None:
        if worn(self._came, sum(map(len, self._places.values()))):
            self._came = 0
            for read_point, places in self._places.items():
                self._places[read_point] = dict(places)

    def _place(self, uri: str, read_point: str) -> int:
        places = self._places[read_point]
        place = places.get(uri)
        if place is None:
            place = self._left.pop((uri, read_point), None)
            if place is None:
                if self._left:
                    place = self._left.popitem(last=False)[1]
                else:
                    place, self._next = self._next, self._next + 1
            self._vacant.discard(place)
            places[uri] = place
            self._came += 1
        return place

    def _sweep(self, keys: Iterable[Key]) -> None:
        gone = [(place,) for key in keys if (place := self._left.pop(key, None)) is not None]
        self._vacant.difference_update(place for (place,) in gone)
        self._sql.executemany(_DROP, gone)

    def touch(self, seen: Mapping[Key, float]) -> None:
        """Write back when objects still present were last seen; one that left meanwhile stays away."""
        rows = ((time, self._places[read_point].get(uri)) for (uri, read_point), time in seen.items())
        self._sql.executemany(_TOUCH, [row for row in rows if row[1] is not None])


def _values(place: int, present: Present) -> tuple[object, ...]:
    thing = present.object
    return (
        place,
        thing.uri,
        present.read_point,
        thing.scheme,
        thing.kind,
        thing.digital_link,
        thing.filter,
        present.since,
        present.last_seen,
        present.kind,
    )
