"""The centre's tables: each event once, and the placement of the contract's rule, in whatever order they came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from .databases import Postgres, Sqlite
from .rows import Row


def _rule(upto: str = "true") -> str:
    """The rule of placement for an object ($1) as its segment ($2) has it: the greatest placement that nobody took
    back, and whether its own stream has ended it there. Nothing that is history is thrown away: what came late finds
    its place in it.
    """
    valid = f"""(SELECT * FROM events e WHERE object = $1 AND source = $2 AND {upto.format("e")}
        AND transition <> 'corrected' AND NOT EXISTS (SELECT 1 FROM events c WHERE c.event = e.event
        AND c.source = e.source AND c.transition = 'corrected' AND {upto.format("c")}))"""
    return f"""SELECT object, source, read_point, at, epoch, sequence, stream, CASE WHEN EXISTS (
            SELECT 1 FROM {valid} d WHERE transition = 'departed' AND d.stream = p.stream
            AND d.read_point = p.read_point AND (d.at, d.epoch, d.sequence) > (p.at, p.epoch, p.sequence)
        ) THEN 1 ELSE 0 END FROM (
            SELECT * FROM {valid} v WHERE transition IN ('arrived', 'moved')
            ORDER BY at DESC, epoch DESC, sequence DESC, stream DESC LIMIT 1) p"""


_NOW = _rule()
_THEN = _rule("NOT ({0}.stream = $3 AND ({0}.epoch, {0}.sequence) > ($4, $5))")
"""Up to a position of a stream: what it said later, corrections too, was not known then."""

_ISLANDS = """SELECT stream, epoch, min(sequence), max(sequence), min(topic) FROM
    (SELECT *, sequence - row_number() OVER (PARTITION BY stream, epoch ORDER BY sequence) AS island FROM events) e
    GROUP BY stream, epoch, island"""
_COLUMNS = ", ".join(Row._fields)
_VALUES = ", ".join(f"${at}" for at in range(2, len(Row._fields) + 2))

Place = tuple[str, str, int, int]
"""(home, stream, epoch, sequence)"""


class Store:
    """Call it inside `transaction()`; what leaves that without an error is on disk."""

    def __init__(self, database: Sqlite | Postgres) -> None:
        self._run, self._many = database.run, database.many
        self._view, self._alone = database.VIEW, database.ALONE
        self.transaction = database.transaction
        self._position = 0

    async def open(self) -> None:
        """Make the tables where they are not."""
        async with self.transaction():
            await self._run(self._alone)
            for statement in Path(__file__).with_name("store.sql").read_text().split(";\n"):
                if statement.strip():
                    await self._run(statement.replace("CREATE VIEW", self._view))
        newest = "SELECT max(position) FROM (SELECT position FROM events UNION ALL SELECT position FROM rejected) p"
        self._position = (await self._run(newest))[0][0] or 0

    async def put(self, rows: Sequence[Row]) -> list[bool]:
        """Which are new: an id, or a number of a stream, that is there already is not stored again."""
        before = self._position
        self._position += len(rows)
        await self._many(
            f"INSERT INTO events (position, {_COLUMNS}) VALUES ($1, {_VALUES}) ON CONFLICT DO NOTHING",
            [(position, *row) for position, row in enumerate(rows, before + 1)],
        )
        stored = set(await self._column("SELECT position FROM events WHERE position > $1", before))
        return [position in stored for position, _ in enumerate(rows, before + 1)]

    async def reject(self, topic: str, why: str, event: object, place: Place | None) -> bool:
        """Keep what is not valid for whoever looks into it: in ASCII, which every database takes. False where it is
        there already: what has the same place in its stream is the same event.
        """
        try:
            text = json.dumps(event)
        except RecursionError:
            text = '"nested too deep to be told"'
        name = " ".join(map(str, place)) if place else hashlib.sha256(f"{topic!a} {text}".encode()).hexdigest()
        if await self._run("SELECT 1 FROM refused WHERE name = $1", name):
            return False
        self._position += 1
        said = (ascii(topic), ascii(why), text)
        await self._run("INSERT INTO refused VALUES ($1, $2, $3, $4, $5)", name, *(place or [None] * 4))
        await self._run("INSERT INTO rejected VALUES ($1, $2, $3, $4)", self._position, *said)
        return True

    async def place(self, rows: Iterable[Row]) -> None:
        """Place anew each object that these events tell of, as its segment has it."""
        keys = sorted({(row.object, row.source) for row in rows if row.object is not None})
        await self._many("DELETE FROM placed WHERE object = $1 AND source = $2", keys)
        await self._many(f"INSERT INTO placed {_NOW}", keys)

    async def placements(self) -> dict[str, str]:
        """Where everything is: object → read point."""
        return {one[0]: one[1] for one in await self._run("SELECT object, read_point FROM placements")}

    async def present(self, source: str, as_of: dict[str, Any], read_point: str) -> set[str]:
        """Who was there, by the events of one segment up to that position: who is, but for what came since."""
        position = as_of["stream"], int(as_of["epoch"]), int(as_of["sequence"])
        here = "SELECT object FROM placed WHERE source = $1 AND read_point = $2 AND ended = 0"
        since = "SELECT DISTINCT object FROM events WHERE stream = $1 AND (epoch, sequence) > ($2, $3)"
        held = set(await self._column(here, source, read_point))
        for thing in await self._column(f"{since} AND object IS NOT NULL", *position):
            held.discard(thing)
            held |= {
                one[0]
                for one in await self._run(_THEN, thing, source, *position)
                if one[2] == read_point and not one[7]
            }
        return held

    async def islands(self) -> Sequence[Any]:
        """(stream, epoch, first, last, a topic) of each run of numbers that are there."""
        return await self._run(_ISLANDS)

    async def losses(self) -> Sequence[Any]:
        """(topic, event) of what was declared lost."""
        return await self._run("SELECT topic, payload FROM events WHERE type = 'readpoint.loss.v1'")

    async def refused(self) -> Sequence[Any]:
        """The places of events that were rejected."""
        return await self._run("SELECT home, stream, epoch, sequence FROM refused WHERE home IS NOT NULL")

    async def zones(self) -> list[str]:
        """The topics on which objects were placed."""
        return await self._column("SELECT DISTINCT topic FROM events WHERE transition IN ('arrived', 'moved')")

    async def _column(self, statement: str, *values: object) -> list[Any]:
        return [one for (one,) in await self._run(statement, *values)]
