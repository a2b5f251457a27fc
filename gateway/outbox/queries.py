"""Looking at rows: for the command line, on a running outbox (by its writer) and on a stopped one."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing

from gateway.outbox.ledger import checksum
from gateway.outbox.packing import readable
from gateway.outbox.values import STATES, Entry, EpochState, Row, Selection, State

STEP = 20_000
"""Row ids looked at in one go: a question never holds the writer for long."""

_ENTRY = "id, epoch, sequence, channel, name, stored, {state}, changed, reason, length(plain(payload))"
_CONFIRMED_SINCE = 3
"""Schema version; a stopped outbox may be older."""

_ROW = "id, channel, name, sequence, epoch, stored, plain(payload)"


def prepare(connection: sqlite3.Connection) -> None:
    """Teach a connection to read packed payloads: the questions here need it."""
    connection.create_function("plain", 1, readable, deterministic=True)


def state_of(connection: sqlite3.Connection) -> str:
    """The state of a row as an expression: a sent one that its epoch's mark covers is confirmed."""
    if connection.execute("PRAGMA user_version").fetchone()[0] < _CONFIRMED_SINCE:
        return "state"
    mark = "(SELECT base + confirmed FROM epochs WHERE epochs.epoch = events.epoch)"
    return f"(CASE WHEN state = 1 AND events.id <= {mark} THEN 2 ELSE state END)"


def entries(
    connection: sqlite3.Connection,
    state: State | None,
    limit: int,
    after: int,
    reason: str | None = None,
    since: float | None = None,
) -> tuple[list[Entry], int | None]:
    """Rows after a row id, oldest first, and where to go on: None at the end.

    Only those of a state, with that reason, in their state since then (Unix seconds), as far as it is said.
    """
    top = connection.execute("SELECT max(id) FROM events").fetchone()[0] or 0
    low = connection.execute("SELECT min(id) FROM events WHERE id > ?", (after,)).fetchone()[0]
    if low is None:
        return [], None
    # The state stands in the text, not in a parameter: only so can SQLite use the partial indexes.
    narrow = state in {"pending", "dead"}
    shown = state_of(connection)
    where = "" if state is None else f" AND {'state' if narrow else shown} = {STATES.index(state)}"
    where += "" if reason is None else " AND reason = :reason"
    where += "" if since is None else " AND changed >= :since"
    high = top if narrow else min(top, low + STEP)
    found = [
        Entry(rowid, epoch, sequence, channel, name, stored, STATES[number], changed, reason, size)
        for rowid, epoch, sequence, channel, name, stored, number, changed, reason, size in connection.execute(
            f"SELECT {_ENTRY.format(state=shown)} FROM events"  # noqa: S608 - constants
            f" WHERE id > :after AND id <= :high{where} ORDER BY id LIMIT :limit",
            {"after": after, "high": high, "limit": limit, "reason": reason, "since": since},
        )
    ]
    if len(found) >= limit:
        return found, None
    return found, high if high < top else None


def by_number(connection: sqlite3.Connection, epoch: int, sequence: int) -> Row | None:
    """The row of (epoch, sequence): its id is the epoch's base plus the sequence."""
    found = connection.execute(
        f"SELECT {_ROW} FROM events WHERE epoch = ?1 AND id = ?2 + (SELECT base FROM epochs WHERE epoch = ?1)",  # noqa: S608 - constants
        (epoch, sequence),
    ).fetchone()
    return None if found is None else Row(*found)


def by_id(connection: sqlite3.Connection, id: uuid.UUID, after: int) -> tuple[Row | None, int | None]:  # noqa: A002 - CloudEvents' word
    """Search one step of rows after a row id for an event's id, and where to go on: None at the end."""
    top = connection.execute("SELECT max(id) FROM events").fetchone()[0] or 0
    found = connection.execute(
        f"SELECT {_ROW} FROM events WHERE id > ? AND id <= ? AND instr(plain(payload), ?) LIMIT 1",  # noqa: S608 - constants
        (after, after + STEP, f'"id":"urn:uuid:{id}"'.encode()),
    ).fetchone()
    if found is not None:
        return Row(*found), None
    return None, after + STEP if after + STEP < top else None


def made_before(connection: sqlite3.Connection, time: float) -> int:
    """The greatest row id that is surely older than a time: bisected, for rows are stored in the order of time."""
    low, high = 0, connection.execute("SELECT max(id) FROM events").fetchone()[0] or 0
    while low < high:
        middle = (low + high + 1) // 2
        row = connection.execute(
            "SELECT id, stored FROM events WHERE id >= ? ORDER BY id LIMIT 1", (middle,)
        ).fetchone()
        if row is not None and row[1] < time:
            low = row[0]
        else:
            high = middle - 1
    return low


def selected(connection: sqlite3.Connection, selection: Selection) -> list[int]:
    """Row ids that a selection names, oldest first."""
    number = STATES.index(selection.state)
    reason = "" if selection.reason is None else " AND reason = :reason"
    since = "" if selection.since is None else " AND changed >= :since"
    if selection.rowids is not None:
        statement = f"SELECT id FROM events WHERE id = :id AND state = {number}{reason}{since}"  # noqa: S608 - constants
        wanted: Sequence[int | None] = sorted(set(selection.rowids))
    else:
        statement = f"SELECT id FROM events WHERE state = {number}{reason}{since} ORDER BY id"  # noqa: S608 - constants
        wanted = [None]
    values = {"reason": selection.reason, "since": selection.since}
    return [row[0] for id_ in wanted for row in connection.execute(statement, {**values, "id": id_})]


def sent_before(
    connection: sqlite3.Connection, first: int, last: int, rows: int, size: int
) -> tuple[list[Row], int | None]:
    """Sent rows of these row ids, at most `rows` and `size` bytes (one at least), and where to go on, if anywhere."""
    taken: list[Row] = []
    total = 0
    with closing(
        connection.execute(
            f"SELECT {_ROW}, crc FROM events WHERE id >= ? AND id <= ? AND state IN (1, 2) ORDER BY id LIMIT ?",  # noqa: S608 - constants
            (first, last, STEP),
        )
    ) as found:
        for looked, (*values, crc) in enumerate(found, 1):
            row = Row(*values)
            if looked == STEP or (taken and (len(taken) >= rows or total + len(row.payload) > size)):
                return taken, row.rowid
            if crc == checksum(row.channel, row.name, row.payload):
                taken.append(row)
                total += len(row.payload)
    return taken, None


def epochs(connection: sqlite3.Connection, epoch: int | None = None, last: int = 0) -> list[EpochState]:
    """Every epoch on file, oldest first; `last` is the newest sequence of the one that runs, if one does."""
    found = []
    for stream, number, base, stored, confirmed in connection.execute(
        "SELECT name, epoch, base, last, confirmed FROM epochs JOIN streams ON streams.id = epochs.stream"
        " ORDER BY epoch"
    ).fetchall():
        top = max(stored, last) if number == epoch else stored
        found.append(EpochState(stream, number, top, _pending(connection, base, top), confirmed))
    return found


def _pending(connection: sqlite3.Connection, base: int, last: int) -> int:
    return int(
        connection.execute(
            "SELECT count(*) FROM events WHERE state = 0 AND id > ? AND id <= ?", (base, base + last)
        ).fetchone()[0]
    )
