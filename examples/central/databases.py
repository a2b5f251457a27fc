"""SQLite and PostgreSQL behind the same words: `run` a statement with $1, $2 …, or `many`, inside `transaction`."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from typing import Any

import asyncpg  # type: ignore[import-untyped]


class Sqlite:
    """One file; `:memory:` for tests."""

    VIEW = "CREATE VIEW IF NOT EXISTS"
    ALONE = "SELECT 1"  # whoever begins a transaction is

    def __init__(self, path: str) -> None:
        self._sql = sqlite3.connect(path, isolation_level=None)
        self._sql.execute("PRAGMA journal_mode = WAL")

    async def run(self, statement: str, *values: object) -> Sequence[Any]:
        return self._sql.execute(statement, {str(at): value for at, value in enumerate(values, 1)}).fetchall()

    async def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        self._sql.executemany(statement, [{str(at): value for at, value in enumerate(row, 1)} for row in rows])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        self._sql.execute("BEGIN IMMEDIATE")
        with ExitStack() as undo:
            undo.callback(self._sql.execute, "ROLLBACK")
            yield
            undo.pop_all()
        self._sql.execute("COMMIT")

    async def close(self) -> None:
        self._sql.close()


class Postgres:
    """One connection: what is stored is in order, and there is one who stores."""

    VIEW = "CREATE OR REPLACE VIEW"
    ALONE = "SELECT pg_advisory_xact_lock(7211)"  # a number of our own: tables are made by one at a time

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def run(self, statement: str, *values: object) -> Sequence[Any]:
        found: Sequence[Any] = await self._connection.fetch(statement, *values)
        return found

    async def many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        """In one go: what costs is the way there and back."""
        await self._connection.executemany(statement, list(rows))

    def transaction(self) -> Any:
        return self._connection.transaction()

    async def close(self) -> None:
        await self._connection.close()


async def connect(address: str) -> Sqlite | Postgres:
    """`postgresql://…`, else the path of an SQLite file."""
    return Postgres(await asyncpg.connect(address)) if address.startswith("postgresql:") else Sqlite(address)
