"""The presence table: what is where, stored with the event that says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

from gateway.model import Absent, Identity, PresenceChange, Present

_PUT = "INSERT OR REPLACE INTO presence VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DROP = "DELETE FROM presence WHERE uri = ? AND read_point = ?"
_TOUCH = "UPDATE presence SET last_seen = max(last_seen, ?) WHERE uri = ? AND read_point = ?"


def apply(connection: sqlite3.Connection, changes: Iterable[PresenceChange]) -> None:
    """In the order given; runs of one kind go to the file together."""
    puts: list[tuple[object, ...]] = []
    drops: list[tuple[str, str]] = []
    for change in changes:
        if isinstance(change, Absent):
            _flush(connection, _PUT, puts)
            drops.append((change.uri, change.read_point))
        else:
            _flush(connection, _DROP, drops)
            puts.append(_values(change))
    _flush(connection, _PUT, puts)
    _flush(connection, _DROP, drops)


def _flush(
    connection: sqlite3.Connection, statement: str, rows: list[tuple[object, ...]] | list[tuple[str, str]]
) -> None:
    if rows:
        connection.executemany(statement, rows)
        rows.clear()


def _values(present: Present) -> tuple[object, ...]:
    thing = present.object
    return (
        thing.uri,
        present.read_point,
        thing.scheme,
        thing.kind,
        thing.digital_link,
        thing.filter,
        present.since,
        present.last_seen,
    )


def touch(connection: sqlite3.Connection, seen: Mapping[tuple[str, str], float]) -> None:
    """Write back when objects still present were last seen; one that left meanwhile stays away."""
    connection.executemany(_TOUCH, [(time, uri, read_point) for (uri, read_point), time in seen.items()])


def load(connection: sqlite3.Connection) -> list[Present]:
    """All that was present at the last commit."""
    return [
        Present(Identity(uri, scheme, kind, link, number), read_point, since, last_seen)
        for uri, read_point, scheme, kind, link, number, since, last_seen in connection.execute(
            "SELECT uri, read_point, scheme, kind, digital_link, filter, since, last_seen FROM presence"
        )
    ]
