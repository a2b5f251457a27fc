"""Schema versions: numbered .sql files, each applied once, whole or not at all."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import lru_cache
from importlib.resources import files

from gateway.outbox.seal import first
from gateway.outbox.values import OutboxError

APPLICATION_ID = 0x52504F42
"""`RPOB` in the database header (https://www.sqlite.org/fileformat2.html, offset 68)."""


def scripts() -> dict[int, str]:
    """The schema files by version: `schema/0001.sql` is version 1."""
    folder = files("gateway.outbox").joinpath("schema")
    return {
        int(entry.name[:-4]): entry.read_text(encoding="utf-8")
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".sql")
    }


def identify(connection: sqlite3.Connection, path: str, newest: int) -> int:
    """The schema version of a database, 0 for a new one. `OutboxError` if it is not ours or from a newer readpoint."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (application or tables):
        raise OutboxError(f"{path}: this database is not an outbox of readpoint; move it away, or change state_dir")
    if version > newest:
        raise OutboxError(
            f"{path}: made by a newer readpoint (schema {version}, this one knows {newest}); install that version again"
        )
    return version


def is_whole(connection: sqlite3.Connection, version: int) -> bool:
    """Whether the tables are those of this version, word for word: SQLite trusts what the file says of them."""
    return _tables(connection) == _made(version)


@lru_cache
def _made(version: int) -> frozenset[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        _teach(connection)
        for number, script in sorted(scripts().items()):
            if number <= version:
                connection.executescript(script)
        return _tables(connection)


def _teach(connection: sqlite3.Connection) -> None:
    """The function that version 5 asks for."""
    connection.create_function("seal", 10, first, deterministic=True)


def _tables(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str]]:
    """Without blanks and quotes, which versions of SQLite write differently."""
    return frozenset(
        (kind, name, "".join(sql.replace('"', "").split()))
        for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
    )


def migrate(connection: sqlite3.Connection, path: str, steps: Mapping[int, str] | None = None) -> int:
    """Bring a database to the newest version, one transaction a step; gives the version it had before."""
    known = scripts() if steps is None else steps
    version = identify(connection, path, max(known))
    _teach(connection)
    for number in sorted(step for step in known if step > version):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE; {known[number]}\n;"
                f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {number:d}; COMMIT;"
            )
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return version
