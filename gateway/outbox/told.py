"""Reading location events back from the file, a slice at a time, and which numbers are no longer there."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import NamedTuple

from gateway.outbox.ledger import checksum
from gateway.outbox.values import Row

SLICE = 500
"""Rows looked at in one go: some milliseconds for which the writer does nothing else."""

_LOOK = (
    "SELECT id, channel, name, sequence, epoch, stored, CASE WHEN channel = 'epcis' THEN plain(payload) ELSE x'' END"
    " FROM events WHERE id > ? ORDER BY id LIMIT ?"
)
_ROW = "id, channel, name, sequence, epoch, stored, plain(payload)"


class Hole(NamedTuple):
    """Row ids `first` to `last` are gone; they were stored between `since` and `until` (Unix seconds)."""

    first: int
    last: int
    since: float
    until: float


class Slice(NamedTuple):
    """What a look found: location events, holes, and where to go on (row id, its time); None at the end."""

    rows: list[Row]
    holes: list[Hole]
    on: tuple[int, float] | None


class Gone(NamedTuple):
    """Numbers of events that are no longer stored."""

    stream: str
    epoch: int
    first: int
    last: int


def look(connection: sqlite3.Connection, after: tuple[int, float], wanted: Callable[[bytes], bool]) -> Slice:
    """The next location events that are wanted, after a row id that was stored at that time."""
    rows, holes = [], []
    looked = 0
    for found in connection.execute(_LOOK, (after[0], SLICE)):
        row = Row(*found)
        looked += 1
        if row.rowid > after[0] + 1:
            holes.append(Hole(after[0] + 1, row.rowid - 1, after[1], row.stored))
        after = row.rowid, row.stored
        if row.channel == "epcis" and wanted(row.payload):
            rows.append(row)
    return Slice(rows, holes, after if looked == SLICE else None)


def rows_of(connection: sqlite3.Connection, rowids: Sequence[int]) -> list[Row]:
    """These rows, as far as they are still there and whole, in that order."""
    found: list[Row] = []
    for rowid in rowids:
        for *values, crc in connection.execute(f"SELECT {_ROW}, crc FROM events WHERE id = ?", (rowid,)):  # noqa: S608 - constants
            row = Row(*values)
            if crc == checksum(row.channel, row.name, row.payload):
                found.append(row)
    return found


def named(connection: sqlite3.Connection, holes: Sequence[Hole]) -> list[Gone]:
    """The numbers of row ids that are gone, as far as their epochs are known."""
    epochs = connection.execute(
        "SELECT name, epoch, base, lead(base, 1, 9223372036854775807) OVER (ORDER BY epoch)"
        " FROM epochs JOIN streams ON streams.id = epochs.stream ORDER BY epoch"
    ).fetchall()
    return [
        Gone(stream, epoch, max(hole.first, base + 1) - base, min(hole.last, end) - base)
        for hole in holes
        for stream, epoch, base, end in epochs
        if hole.first <= end and hole.last > base
    ]
