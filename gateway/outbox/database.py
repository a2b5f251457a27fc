"""The file: how it is opened, which stream and epoch this start is."""

from __future__ import annotations

import hashlib
import os
import secrets
import sqlite3
from pathlib import Path
from typing import NamedTuple

from gateway.outbox import migrations
from gateway.outbox.values import OutboxError

FILE = "outbox.db"
PAGE = 1024
"""Bytes a page of a new file: with an event or two a commit, what is written is the pages touched, not what changed."""

_CACHE_KIB = 2048
_EPOCHS = 100
"""Epochs remembered although none of their rows is left: a centre that was away asks for them."""

_DAMAGED = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


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
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")


def open_file(path: Path) -> sqlite3.Connection:
    """The one connection, its schema up to date. Exclusive: nobody else reads or writes, and there is no shared memory.

    `OutboxError` if the file is not ours, too new, no database, or not to be written.
    """
    try:
        return _open(path)
    except (sqlite3.DatabaseError, OSError) as error:
        damaged = isinstance(error, sqlite3.Error) and error.sqlite_errorcode & 0xFF in _DAMAGED
        remedy = (
            "move the file away to start a new stream, and keep it: it may be saved"
            if damaged
            else "look whether the disk is full, read-only or failing"
        )
        raise OutboxError(f"{path}: {error}; {remedy}") from error


def _open(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        migrations.identify(connection, str(path), max(migrations.scripts()))
        _configure(connection)
        migrations.migrate(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def begin(connection: sqlite3.Connection, segment: str, machine_id: str, now: float) -> Life:
    """Start the next epoch, durably; of a new stream if the file is new or was another machine's."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        life = _begin(connection, segment, hashlib.sha256(machine_id.encode()).hexdigest(), now)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return life


def _begin(connection: sqlite3.Connection, segment: str, machine: str, now: float) -> Life:
    streams = connection.execute("SELECT id, name, machine FROM streams ORDER BY id DESC LIMIT 2").fetchall()
    if not streams or streams[0][2] != machine:
        name = f"{segment}-{secrets.token_hex(4)}"
        connection.execute("INSERT INTO streams (name, machine, created) VALUES (?, ?, ?)", (name, machine, now))
        streams = connection.execute("SELECT id, name, machine FROM streams ORDER BY id DESC LIMIT 2").fetchall()
    epoch, base = _next_epoch(connection)
    connection.execute(
        "INSERT INTO epochs (epoch, stream, started, base) VALUES (?, ?, ?, ?)", (epoch, streams[0][0], now, base)
    )
    names = dict(
        connection.execute("SELECT epoch, name FROM epochs JOIN streams ON streams.id = epochs.stream").fetchall()
    )
    return Life(streams[0][1], streams[1][1] if len(streams) > 1 else None, epoch, base, names)


def _next_epoch(connection: sqlite3.Connection) -> tuple[int, int]:
    """Close the newest epoch's books, forget those whose rows are all gone, and give the next number and base."""
    newest = connection.execute("SELECT epoch, base, last FROM epochs ORDER BY epoch DESC LIMIT 1").fetchone()
    if newest is None:
        return 1, 0
    epoch, base, last = newest
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
    return epoch + 1, base + last
