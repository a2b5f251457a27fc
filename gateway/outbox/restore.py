"""What was saved from a damaged outbox goes into the new one, numbers and ids as they were; the rest is declared."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable
from typing import NamedTuple

from gateway.outbox.claims import Claims
from gateway.outbox.database import Life, transaction
from gateway.outbox.ledger import DEAD, PENDING, Counts, Ledger, Loss
from gateway.outbox.retention import STEP
from gateway.outbox.room import Room, is_full
from gateway.outbox.salvage import Books, Chunk, Saved, size_of, stream_of
from gateway.outbox.values import Row


class _Epoch(NamedTuple):
    base: int
    last: int
    confirmed: int


def seed(connection: sqlite3.Connection, books: Books, now: float) -> None:
    """A new file knows the epochs of the damaged one, with no row of them yet; what follows is another stream."""
    # All or nothing: of a file that knows some of its epochs, the next start would count on too low.
    with transaction(connection):
        for name in dict.fromkeys(one.stream for one in books.epochs):
            connection.execute("INSERT INTO streams (name, machine, created) VALUES (?, '', ?)", (name, now))
        connection.executemany(
            "INSERT INTO epochs (epoch, stream, started, base, last, gone, confirmed)"
            " VALUES (?, (SELECT id FROM streams WHERE name = ?), ?, ?, ?, ?, ?)",
            [(one.epoch, one.stream, one.started, one.base, one.last, one.last, one.confirmed) for one in books.epochs],
        )


class Restoring:
    """Takes chunks, each in a transaction of its own. Its thread is the writer's."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        ledger: Ledger,
        life: Life,
        claims: Claims,
        room: Room,
        clock: Callable[[], float],
    ) -> None:
        self._sql = connection
        self._ledger = ledger
        self._life = life
        self._claims = claims
        self._room = room
        self._clock = clock

    def __call__(self, chunk: Chunk, clock: str) -> list[Row] | None:
        """The declarations it made; None where there was no room."""
        needed = size_of(chunk)
        if needed and not self._room.admits(needed):
            self._make_room()
            return None
        try:
            with self._ledger.transaction():
                rows, pending = restore(self._sql, self._ledger, self._life, chunk, self._clock(), clock)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            self._make_room()
            return None
        if pending:
            self._claims.reopen(min(pending))
        return rows

    def _make_room(self) -> None:
        """Delete a step of what was sent: what is saved may not have been, and may need more than is kept free."""
        try:
            with self._ledger.transaction():
                looked, _ = self._ledger.purge(math.inf, STEP)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            return
        if looked < STEP:
            self._ledger.sweep_again()


def restore(
    connection: sqlite3.Connection, ledger: Ledger, life: Life, chunk: Chunk, now: float, clock: str
) -> tuple[list[Row], list[int]]:
    """Store a chunk, in the caller's transaction: the declarations made, and the row ids that are pending now."""
    known = {
        epoch: _Epoch(base, last, confirmed)
        for epoch, base, last, confirmed in connection.execute(
            "SELECT epoch, base, last, confirmed FROM epochs WHERE epoch < ?", (life.epoch,)
        )
    }
    gone, astray = list(chunk.gone), []
    pending = []
    for row in chunk.rows:
        rowid, epoch, sequence, state = row[:4]
        if not (epoch in known or _adopt(connection, life, row)):
            gone.append((rowid, rowid))
            continue
        at = known.setdefault(epoch, _Epoch(rowid - sequence, sequence, 0)).base + sequence
        if _put(connection, life, at, row):
            _count(ledger, row)
            pending += [at] if state == PENDING else []
        elif at != rowid and not _is_there(connection, at, epoch, sequence):
            astray.append(Loss(epoch, sequence, sequence))
    _note(connection, chunk)
    losses = [loss for first, last in gone for loss in _losses(known, first, last)]
    return ledger.declare(losses + astray, "corrupt", now, clock), pending


def _put(connection: sqlite3.Connection, life: Life, at: int, row: Saved) -> bool:
    """Store a row where its event says it belongs, whatever the damaged file said; False where there is one."""
    if not 0 < at <= life.base:
        return False
    put = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    if not connection.execute(put, (at, *row[1:])).rowcount:
        return False
    connection.execute(
        "UPDATE epochs SET gone = gone + max(0, ?1 - last) - 1, last = max(last, ?1) WHERE epoch = ?2", (row[2], row[1])
    )
    return True


def _is_there(connection: sqlite3.Connection, at: int, epoch: int, sequence: int) -> bool:
    found = connection.execute("SELECT epoch, sequence FROM events WHERE id = ?", (at,)).fetchone()
    return bool(found == (epoch, sequence))


def _note(connection: sqlite3.Connection, chunk: Chunk) -> None:
    """How far the salvage is. Older files are done: they are saved one after the other."""
    if chunk.aside:
        connection.execute("DELETE FROM salvaged WHERE aside < ?", (chunk.aside,))
        connection.execute(
            "INSERT INTO salvaged (aside, upto) VALUES (?1, ?2) ON CONFLICT (aside) DO UPDATE SET upto = max(upto, ?2)",
            (chunk.aside, chunk.upto),
        )


def _adopt(connection: sqlite3.Connection, life: Life, row: Saved) -> bool:
    """An epoch of which the books say nothing: the row itself names its stream."""
    rowid, epoch, sequence = row[:3]
    name = stream_of(row)
    if name is None or epoch >= life.epoch or rowid > life.base:
        return False
    connection.execute(
        "INSERT OR IGNORE INTO streams (id, name, machine, created) VALUES (?, ?, '', 0)", (-epoch, name)
    )
    connection.execute(
        "INSERT INTO epochs (epoch, stream, started, base, last, gone)"
        " VALUES (?, (SELECT id FROM streams WHERE name = ?), ?, ?, ?, ?)",
        (epoch, name, row[4], rowid - sequence, sequence, sequence),
    )
    life.streams[epoch] = name
    return True


def _count(ledger: Ledger, row: Saved) -> None:
    state = row[3]
    stored, pending, dead = ledger.counts
    ledger.written += len(row[-1])
    ledger.counts = Counts(stored + 1, pending + (state == PENDING), dead + (state == DEAD))


def _losses(known: dict[int, _Epoch], first: int, last: int) -> list[Loss]:
    """The numbers of these row ids that were issued, and that the centre has not said it has."""
    return [
        Loss(epoch, low - one.base, high - one.base)
        for epoch, one in known.items()
        if (low := max(first, one.base + one.confirmed + 1)) <= (high := min(last, one.base + one.last))
    ]
