"""The file: how it is opened, which stream and epoch this start is."""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from gateway.outbox import header, migrations
from gateway.outbox.room import is_full
from gateway.outbox.values import OutboxDamaged, OutboxError

FILE = "outbox.db"
PAGE = 1024
"""Bytes a page of a new file: with an event or two a commit, what is written is the pages touched, not what changed."""

_CACHE_KIB = 1024
_START = 2.0
_PAUSE = 3600.0
"""Seconds out of use after which a file may have come back from a backup."""

_EPOCHS = 100
"""Epochs remembered although none of their rows is left: a centre that was away asks for them."""

_CHECKED_WHOLE = 32 * 2**20
"""Bytes of a file that is read in less than a second."""

_NO_TEXT = "Could not decode to UTF-8"
"""What Python's module says of a text in a row; it is no error of SQLite's."""

_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_TOOBIG}
"""TOOBIG: a row that says of itself it is longer than any may be."""


class Life(NamedTuple):
    """This start of the outbox. `base` + sequence = row id; `streams` names the stream of every epoch on file."""

    stream: str
    previous: str | None
    epoch: int
    base: int
    streams: dict[int, str]


def prepare(folder: Path) -> None:
    """Make the segment's folder, readable by its owner alone, and make its name durable."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """fsync(2) of a folder: the names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {PAGE}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # The writer checkpoints by itself: SQLite would swallow a checkpoint's failed fsync.
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    # Debian builds SQLite to overwrite what is deleted with zeros: pages written for nothing.
    connection.execute("PRAGMA secure_delete = OFF")
    # What a statement may have to undo: in a file it is written twice, on a disk that may be another one, and full.
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def open_file(path: Path) -> sqlite3.Connection:
    """The one connection, its schema up to date. Exclusive: nobody else reads or writes, and there is no shared memory.

    `OutboxDamaged` if it is damaged, `OutboxError` if it is not ours, too new, or not to be written.
    """
    try:
        return _open(path)
    except (sqlite3.DatabaseError, UnicodeDecodeError, OSError) as error:
        if is_damage(error):
            raise OutboxDamaged(f"{path}: {error}") from error
        raise OutboxError(f"{path}: {error}; look whether the disk is full, read-only or failing") from error


def is_damage(error: Exception) -> bool:
    """Whether the file contradicts itself, or has a text that is none.

    Where that text is in what SQLite says of it, Python's module cannot even make its error.
    """
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        return code & 0xFF in _DAMAGED or (not code and str(error).startswith(_NO_TEXT))
    return isinstance(error, UnicodeDecodeError)


def is_small(path: Path) -> bool:
    """Whether a start checks all of it."""
    return path.stat().st_size <= _CHECKED_WHOLE


def _check(connection: sqlite3.Connection, path: Path) -> None:
    """Small files whole, of large ones all but the events: these are looked over later."""
    tables = ("",) if is_small(path) else ("(streams)", "(epochs)", "(presence)")
    for table in tables:
        said = connection.execute(f"PRAGMA quick_check{table}").fetchone()[0]
        if said != "ok":
            raise OutboxDamaged(f"{path}: {' '.join(said.splitlines()[:2])}")


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    header.mend(path)
    connection = sqlite3.connect(path, isolation_level=None)
    with ExitStack() as undo:
        undo.callback(connection.close)
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        newest = max(migrations.scripts())
        version = migrations.identify(connection, str(path), newest)
        _configure(connection)
        _check(connection, path)
        _check_tables(connection, path, version)
        migrations.migrate(connection, str(path))
        _check_tables(connection, path, newest)
        _check_texts(connection)
        _bring_in(connection)
        undo.pop_all()
    return connection


def _check_tables(connection: sqlite3.Connection, path: Path, version: int) -> None:
    if not migrations.is_whole(connection, version):
        raise OutboxDamaged(f"{path}: its tables are not those that were made")


def _check_texts(connection: sqlite3.Connection) -> None:
    """Every start reads these; that a text is none, `quick_check` does not look at."""
    for table in ("streams", "salvaged"):
        connection.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - constants


def _bring_in(connection: sqlite3.Connection) -> None:
    """Write what the log holds into the file, and begin the log afresh.

    After a failed fsync(2) the log may hold commits that are in the page cache alone and never get to the disk; a
    commit behind them would go with them in a power cut.
    """
    try:
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    except sqlite3.OperationalError as error:
        if not is_full(error):
            raise


def begin(
    connection: sqlite3.Connection,
    segment: str,
    machine_id: str,
    now: float,
    floor: tuple[int, int] = (0, 0),
    identity: str = "",
) -> Life:
    """Start the next epoch, durably; of a new stream if the file is new, or was another machine's or identity's.

    `floor` is an epoch and a row id that were used before, whatever the file says. A file of before names the
    machine alone.
    """
    machine, whose = (hashlib.sha256(name.encode()).hexdigest() for name in (machine_id, f"{machine_id} {identity}"))
    with transaction(connection):
        if identity:
            connection.execute(
                "UPDATE streams SET machine = ? WHERE id = (SELECT max(id) FROM streams) AND machine = ?",
                (whose, machine),
            )
        return _begin(connection, segment, whose if identity else machine, now, floor)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    with ExitStack() as undo:
        undo.callback(_roll_back, connection)
        yield
        connection.execute("COMMIT")
        undo.pop_all()


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        # What broke the transaction is the error to show, not that it cannot be rolled back either.
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _begin(connection: sqlite3.Connection, segment: str, machine: str, now: float, floor: tuple[int, int]) -> Life:
    streams = connection.execute("SELECT id, name, machine FROM streams ORDER BY id DESC LIMIT 2").fetchall()
    if not streams or streams[0][2] != machine:
        name = f"{segment}-{secrets.token_hex(4)}"
        connection.execute("INSERT INTO streams (name, machine, created) VALUES (?, ?, ?)", (name, machine, now))
        streams = connection.execute("SELECT id, name, machine FROM streams ORDER BY id DESC LIMIT 2").fetchall()
    epoch, base = _next_epoch(connection, now)
    epoch, base = max(epoch, floor[0] + 1), max(base, floor[1])
    connection.execute(
        "INSERT INTO epochs (epoch, stream, started, base) VALUES (?, ?, ?, ?)", (epoch, streams[0][0], now, base)
    )
    names = dict(
        connection.execute("SELECT epoch, name FROM epochs JOIN streams ON streams.id = epochs.stream").fetchall()
    )
    return Life(streams[0][1], streams[1][1] if len(streams) > 1 else None, epoch, base, names)


def newest(connection: sqlite3.Connection, epoch: int | None = None) -> tuple[str, int, int, int] | None:
    """Stream, epoch, base and last sequence of the newest epoch, or of that one, as the file has them."""
    found = connection.execute(
        "SELECT name, epoch, base, CASE WHEN epoch < (SELECT max(epoch) FROM epochs) THEN last"
        " ELSE max(last, coalesce((SELECT max(id) FROM events), 0) - base) END"
        " FROM epochs JOIN streams ON streams.id = epochs.stream"
        " WHERE ?1 IS NULL OR epoch = ?1 ORDER BY epoch DESC LIMIT 1",
        (None if epoch is None else min(epoch, 2**63 - 1),),
    ).fetchone()
    return None if found is None else (found[0], found[1], found[2], found[3])


def _leap(connection: sqlite3.Connection, started: float, now: float) -> int:
    """Epochs to leave out, so that a backup that comes back gives none of the numbers that were given after it.

    A start takes two seconds at least: since the last thing in the file there were no more than these.
    """
    stored = connection.execute("SELECT stored FROM events ORDER BY id DESC LIMIT 1").fetchone()
    used = max(started, stored[0] if stored else 0.0)
    idle = now - used
    return int(idle / _START) if used and idle > _PAUSE else 0


def _next_epoch(connection: sqlite3.Connection, now: float) -> tuple[int, int]:
    """Close the newest epoch's books, forget those whose rows are all gone, and give the next number and base."""
    newest = connection.execute("SELECT epoch, base, last, started FROM epochs ORDER BY epoch DESC LIMIT 1").fetchone()
    if newest is None:
        return 1, 0
    epoch, base, last, started = newest
    highest = connection.execute("SELECT max(id) FROM events").fetchone()[0]
    last = max(last, (highest or 0) - base)
    connection.execute("UPDATE epochs SET last = ? WHERE epoch = ?", (last, epoch))
    # What is gone and was never confirmed the centre may still ask for: it is told that it is gone.
    connection.execute("DELETE FROM epochs WHERE last = gone AND confirmed >= last AND epoch < ?", (epoch,))
    connection.execute(
        "DELETE FROM epochs WHERE last = gone AND epoch < (SELECT min(epoch) FROM"
        " (SELECT epoch FROM epochs ORDER BY epoch DESC LIMIT ?))",
        (_EPOCHS,),
    )
    return epoch + 1 + _leap(connection, started, now), base + last
