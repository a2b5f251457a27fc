"""The presence table: what is where, stored with the event that says so."""

from __future__ import annotations

import sqlite3
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Literal

from gateway.churn import worn
from gateway.model import Absent, Identity, Present, Work
from gateway.outbox import bulk
from gateway.outbox.seal import TOUCH, is_likely, is_whole, seal

LINGER = 0.5
"""Seconds an absence without an event waits for a commit, then for somebody to take its place, then for company.

A crash meanwhile leaves an object quiet a little longer.
"""

_PUT = "INSERT OR REPLACE INTO presence"
_DROP = "DELETE FROM presence WHERE id = ?"
_ALL = (
    "SELECT id, uri, read_point, scheme, kind, digital_link, filter, since, last_seen, read_point_kind"
    "{seal} FROM presence ORDER BY id"
)
_NEVER = float("inf")

_SLOTTED = 1 << 40
"""Places from here on are slots of checkpoints."""

_SLOTS = 1 << 24
"""Places a checkpoint has."""

Stored = tuple[Any, ...]
"""A row as it is in the table, without its seal."""

Key = tuple[str, str, int | None]
"""The object's URI, the read point, and its slot there."""


class Presence:
    """Every object at its place in the table. Who comes takes the place of one who left: one page for both.

    What has a slot at its checkpoint has its place by that. An absence that comes with an event is in the file with
    that event; one that comes alone soon after.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self._places: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._left: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._vacant: set[int] = set()
        """The places of `_left`, and slots that were left. The table may still say who was there before."""
        self._numbers: dict[str, int] = {}
        """Of checkpoints."""
        self._next = 1
        self._came = 0
        self.due = _NEVER
        """When absences have waited long enough (monotonic seconds)."""

    def load(self) -> tuple[list[Present], int]:
        """All that was present at the last commit, by read point in the order of slots; and how many rows are damaged.

        Of those nothing is believed, not even where they are: they are gone with the next commit.
        """
        found: list[Present] = []
        damaged = self._find(set(), lambda row: found.append(_present(*row)))
        if damaged:
            self.due = 0.0
        return found, damaged

    def _find(self, vacant: set[int], tell: Callable[[Stored], None] | None = None) -> int:
        """Learn from the table who is where; who has a vacant place is gone. How many rows are damaged."""
        self._places.clear()
        self._left.clear()
        self._vacant.clear()
        self._numbers.clear()
        self._next = 1
        damaged = 0
        for row, whole in self._rows():
            place, uri, read_point = row[:3]
            if place < _SLOTTED:
                self._next = place + 1
            if not whole:
                self._vacant.add(place)
                damaged += 1
                continue
            self._put(place, uri, read_point, vacant)
            if tell is not None:
                tell(row)
        return damaged

    def _put(self, place: int, uri: str, read_point: str, vacant: set[int]) -> None:
        if place in vacant:
            self._vacant.add(place)
        if place >= _SLOTTED:
            self._numbers[read_point] = (place - _SLOTTED) // _SLOTS
        elif place in vacant:
            self._left[uri, read_point] = place
        else:
            self._places[read_point][uri] = place

    def _rows(self) -> Iterator[tuple[Stored, bool]]:
        """Each row, and whether it is whole."""
        columns = self._sql.execute("PRAGMA table_info(presence)").fetchall()
        sealed = any(column[1] == "seal" for column in columns)  # a file that is only looked at may be of before
        with _any_text(self._sql):
            for row in self._sql.execute(_ALL.format(seal=", seal" if sealed else "")):
                yield row[:10], is_whole(row) if sealed else is_likely(row)

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
        firm: set[int] = set()
        for work in works:
            for change in work.presence:
                if isinstance(change, Present):
                    place = self._place(change.object.uri, change.read_point, change.slot)
                    puts[place] = change
                    continue
                left = self._leave(change)
                if left is not None:
                    puts.pop(left, None)
                    self._vacant.add(left)
                    if work.drafts:
                        firm.add(left)
        self._tend()
        if puts:
            bulk.insert(self._sql, _PUT, [_values(place, present) for place, present in puts.items()])
        if closing or now >= self.due - LINGER:
            firm = self._vacant
        self._sweep(firm & self._vacant)
        self.due = min(self.due, now + 2 * LINGER) if self._vacant else _NEVER

    def _tend(self) -> None:
        if worn(self._came, sum(map(len, self._places.values()))):
            self._came = 0
            for read_point, places in self._places.items():
                self._places[read_point] = dict(places)

    def _slotted(self, read_point: str, slot: int) -> int:
        number = self._numbers.get(read_point)
        if number is None:
            number = self._numbers[read_point] = max(self._numbers.values(), default=-1) + 1
        return _SLOTTED + number * _SLOTS + slot

    def _leave(self, change: Absent) -> int | None:
        """The place that is left, if it was taken."""
        if change.slot is not None:
            return self._slotted(change.read_point, change.slot)
        place = self._places[change.read_point].pop(change.uri, None)
        if place is not None:
            self._left[change.uri, change.read_point] = place
        return place

    def _place(self, uri: str, read_point: str, slot: int | None) -> int:
        if slot is not None:
            place = self._slotted(read_point, slot)
            self._vacant.discard(place)
            return place
        places = self._places[read_point]
        known = places.get(uri)
        if known is not None:
            return known
        taken = self._left.pop((uri, read_point), None)
        if taken is None:
            if self._left:
                taken = self._left.popitem(last=False)[1]
            else:
                taken, self._next = self._next, self._next + 1
        self._vacant.discard(taken)
        places[uri] = taken
        self._came += 1
        return taken

    def _sweep(self, gone: set[int]) -> None:
        if not gone:
            return
        for key in [key for key, place in self._left.items() if place in gone]:
            del self._left[key]
        self._vacant -= gone
        self._sql.executemany(_DROP, [(place,) for place in sorted(gone)])

    def touch(self, seen: Mapping[Key, float]) -> None:
        """Write back when objects still present were last seen; one that left meanwhile stays away."""
        rows = []
        for (uri, read_point, slot), time in seen.items():
            place = self._places[read_point].get(uri) if slot is None else self._slotted(read_point, slot)
            if place is not None:
                rows.append((time, place, uri))
        self._sql.executemany(TOUCH, rows)


@contextmanager
def _any_text(connection: sqlite3.Connection) -> Iterator[None]:
    """A text that a flipped bit made none is one that its seal does not fit."""
    before = connection.text_factory
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        yield
    finally:
        connection.text_factory = before


def _present(
    place: int,
    uri: str,
    read_point: str,
    scheme: str,
    kind: Literal["class", "instance"],
    link: str | None,
    number: int | None,
    since: float,
    last_seen: float,
    read_point_kind: Literal["zone", "checkpoint"] | None,
) -> Present:
    known = Identity(uri, scheme, kind, link, number)
    return Present(known, read_point, since, last_seen, read_point_kind, _slot(place))


def _slot(place: int) -> int | None:
    return (place - _SLOTTED) % _SLOTS if place >= _SLOTTED else None


def _values(place: int, present: Present) -> tuple[object, ...]:
    thing = present.object
    # A checkpoint asks of what it has told no more than who it is.
    link, number = (thing.digital_link, thing.filter) if present.slot is None else (None, None)
    point, since, seen, point_kind = present.read_point, present.since, present.last_seen, present.kind
    uri, scheme, kind = thing.uri, thing.scheme, thing.kind
    sealed = seal(place, uri, point, scheme, kind, link, number, since, seen, point_kind)
    return place, uri, point, scheme, kind, link, number, since, seen, point_kind, sealed
