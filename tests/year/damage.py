"""What befalls the outbox of a stopped gateway: it was made by an older version; some of its pages rot."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.outbox import migrations
from gateway.outbox.database import FILE, PAGE


def make_older(folder: Path, version: int) -> None:
    """The same rows in a file as an older version of the schema has them."""
    path, old = folder / FILE, folder / "older.db"
    steps = {number: script for number, script in migrations.scripts().items() if number <= version}
    with closing(sqlite3.connect(old, isolation_level=None)) as made:
        made.execute(f"PRAGMA page_size = {PAGE}")
        made.execute("PRAGMA journal_mode = WAL")
        migrations.migrate(made, str(old), steps)
        made.execute("ATTACH DATABASE ? AS newer", (str(path),))
        made.execute("BEGIN")
        for (name,) in made.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall():
            newer = _columns(made, "newer", name)
            shared = ", ".join(column for column in _columns(made, "main", name) if column in newer)
            made.execute(f"INSERT INTO main.{name} ({shared}) SELECT {shared} FROM newer.{name}")
        made.execute("COMMIT")
        made.execute("DETACH DATABASE newer")
        made.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for part in folder.glob("older.db-*"):
        part.unlink()
    for part in folder.glob(f"{FILE}-*"):
        part.unlink()
    old.replace(path)


def _columns(connection: sqlite3.Connection, schema: str, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({table})").fetchall()]


def version(folder: Path) -> int:
    """The schema's version of a stopped gateway's outbox."""
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def rot(folder: Path, luck: random.Random, pages: int = 8) -> None:
    """Destroy the page that begins the table of what is present, which each start reads, and some of any others."""
    path = folder / FILE
    with closing(sqlite3.connect(path)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'presence'").fetchone()[0]
    count = path.stat().st_size // PAGE
    with path.open("r+b") as file:
        for page in [root, *(luck.randrange(count // 4, count) for _ in range(pages))]:
            file.seek((page - 1) * PAGE)
            file.write(luck.randbytes(PAGE))
