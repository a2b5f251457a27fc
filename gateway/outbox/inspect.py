"""A stopped or copied outbox, from outside: the same questions without a gateway."""

from __future__ import annotations

import os
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from gateway.model import Present
from gateway.outbox import database, migrations, queries
from gateway.outbox.lock import exclusive
from gateway.outbox.presence import Presence
from gateway.outbox.values import STATES, Entry, OutboxError, OutboxLocked, Row, Selection, State

T = TypeVar("T")


class Stopped:
    """Read-only answers from the file of an outbox that nobody runs."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._sql = connection
        self.damaged = 0
        """Rows of what was present that were not believed when it was asked for."""

    def rows(
        self,
        state: State | None = None,
        limit: int = 100,
        after: int = 0,
        reason: str | None = None,
        since: float | None = None,
    ) -> list[Entry]:
        """Rows after row id `after`, oldest first, in a state or in all, for a reason, in that state since then."""
        found: list[Entry] = []
        step: int | None = after
        while step is not None and len(found) < limit:
            more, step = queries.entries(self._sql, state, limit - len(found), step, reason, since)
            found += more
        return found

    def show(self, epoch: int | None, sequence: int) -> Row | None:
        """One event by its number; in the newest epoch, if none is said."""
        if epoch is None:
            epoch = self._sql.execute("SELECT max(epoch) FROM epochs").fetchone()[0] or 0
        return queries.by_number(self._sql, epoch, sequence)

    def find(self, id: uuid.UUID) -> Row | None:  # noqa: A002 - CloudEvents' word
        """One event by its id: reads the file until it is found."""
        step: int | None = 0
        while step is not None:
            row, step = queries.by_id(self._sql, id, step)
            if row is not None:
                return row
        return None

    def look(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer to a question of `queries` or `told`."""
        return question(self._sql)

    def present(self) -> list[Present]:
        """What was present at the last commit."""
        found, self.damaged = Presence(self._sql).load()
        return found

    def payloads(self) -> Iterator[bytes]:
        """Every event in the file, as stored, oldest first."""
        return (row[0] for row in self._sql.execute("SELECT plain(payload) FROM events ORDER BY id"))

    def resend(self, selection: Selection, *, dry_run: bool = False) -> int:
        """Make the selected rows pending, for the gateway that starts next; how many. Only where it may be changed."""
        rowids = queries.selected(self._sql, selection)
        if not dry_run:
            with self._sql:
                self._sql.executemany(
                    "UPDATE events SET state = 0, changed = ?, reason = NULL WHERE id = ?",
                    [(time.time(), rowid) for rowid in rowids],
                )
        return len(rowids)

    def count(self) -> dict[State, int]:
        """Rows by state, counted one by one."""
        found: dict[State, int] = {"pending": 0, "sent": 0, "confirmed": 0, "dead": 0}
        state = queries.state_of(self._sql)
        for number, count in self._sql.execute(f"SELECT {state}, count(*) FROM events GROUP BY 1"):  # noqa: S608 - constants
            found[STATES[number]] = count
        return found


@contextmanager
def stopped(path: Path, *, change: bool = False) -> Iterator[Stopped]:
    """Open the outbox in a folder, or the file of a copied one. `OutboxLocked` while a gateway runs on it.

    It is opened for reading only, unless to `change` it, which only its owner may.
    """
    if change and path.exists():
        owned(path)
    folder, path = (None, path) if path.is_file() else (path, path / database.FILE)
    if not path.is_file():
        raise OutboxError(f"{path}: there is no outbox here; is state_dir right, and did this segment ever run?")
    with nullcontext() if folder is None else exclusive(folder, time.time(), make=change):
        try:
            with closing(sqlite3.connect(path) if change else _read_only(path)) as connection:
                if migrations.identify(connection, str(path), max(migrations.scripts())) == 0:
                    raise OutboxError(f"{path}: this outbox is empty")
                queries.prepare(connection)
                connection.text_factory = _text
                yield Stopped(connection)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise _refusal(path, error) from error


def owned(path: Path) -> None:
    """`OutboxError` unless that is ours: files that another user makes beside it, root too, shut the gateway out."""
    owner = path.stat().st_uid
    if os.geteuid() != owner:
        raise OutboxError(f"{path} is of user {owner}: ask as that user, so that the gateway can open its files again")


def _refusal(path: Path, error: sqlite3.DatabaseError | UnicodeDecodeError) -> OutboxError:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_BUSY:
            return OutboxLocked(f"{path}: a gateway has it open: ask that one, or copy its folder once it has ended")
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return OutboxError(f"{path}: {error}: ask as the user whose file it is, or copy it to where you may write")
    rest = "a gateway that starts keeps what is whole and sets the rest aside"
    return OutboxError(f"{path}: cannot be read: {error}; {rest}")


def _text(stored: bytes) -> str:
    """Of a damaged row, what can be read."""
    return stored.decode(errors="replace")


def _read_only(path: Path) -> sqlite3.Connection:
    # After a clean end there is no WAL, and nothing need be made beside the file to read it.
    killed = path.with_name(f"{path.name}-wal").exists()
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{'' if killed else '&immutable=1'}", uri=True)
