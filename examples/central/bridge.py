"""From the centre's database to an EPCIS 2.0 repository: POST {repository}/capture, in order, at least once.

    python -m examples.central.bridge --database central.sqlite3 --capture https://epcis.example/capture

What goes into a document is decided and stored before it is sent: however often it is sent again, it is the same.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from .capture import Post, poster
from .databases import Postgres, Sqlite, connect
from .epcis import crossing, document, merge, next_group, take_back
from .store import Store

HOLD = 15.0
"""Seconds that a passage waits for those who are still missing of it, and all behind it."""

MOST, WINDOW = 100, 2000
"""Events in a document; events looked at, which is also the largest passage that is merged whole."""

REFUSED = {400, 413, 422}
"""Answers that are about the document. All others are about the moment, and it is sent again."""

Json = dict[str, Any]

_WAITING = """SELECT position, payload FROM events e WHERE type = 'readpoint.epcis.v1' AND position > $2
    AND NOT EXISTS (SELECT 1 FROM exported x WHERE x.id = e.id) ORDER BY position LIMIT $1"""

_TAKEN_BACK = """SELECT 1 FROM events c JOIN exported x ON x.id = c.id
    WHERE c.event = $1 AND c.source = $2 AND c.transition = 'corrected'"""
_MERGED = """SELECT m.body FROM events e JOIN exported x ON x.id = e.id JOIN merged m ON m.as_event = x.as_event
    WHERE e.event = $1 AND e.source = $2"""
_SAID = "SELECT source FROM events WHERE event = $1 AND transition <> 'corrected'"


class Bridge:
    """`collect` makes documents of what is new, `deliver` sends the oldest of them."""

    def __init__(self, database: Sqlite | Postgres, post: Post, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._transaction = database.run, database.transaction
        self._post, self._clock = post, clock
        self._since: dict[tuple[str, str] | None, float] = {}
        self._done = 0
        self.held = False
        """Whether a passage is being waited for."""

    async def collect(self) -> int:
        """The events of one more document, which is stored with the note that they are in it. 0: nothing is due."""
        async with self._transaction():
            newest = (await self._run("SELECT max(position) FROM events"))[0][0] or 0
            found = await self._run(_WAITING, WINDOW, self._done)
            self._done = found[0][0] - 1 if found else newest
            waiting = [json.loads(text) for _, text in found]
            self._meet(waiting)
            made: list[Json] = []
            while waiting and len(made) < MOST:
                group, whole = next_group(waiting)
                self.held = not whole and self._clock() - self._since[crossing(group[0])] < HOLD
                if self.held:
                    break
                made += await self._export(group)
                ids = {event["id"] for event in group}
                waiting = [event for event in waiting if event["id"] not in ids]
            if made:
                text = json.dumps(document(made, datetime.now(UTC).isoformat(timespec="milliseconds")))
                newest = (await self._run("SELECT max(position) FROM outgoing"))[0][0] or 0
                await self._run("INSERT INTO outgoing VALUES ($1, $2)", newest + 1, text)
        return len(made)

    def _meet(self, waiting: list[Json]) -> None:
        """All passages in sight are waited for at the same time, each from when its first event came."""
        now, names = self._clock(), {crossing(event) for event in waiting}
        self._since = {name: self._since.get(name, now) for name in names}

    async def _export(self, group: list[Json]) -> list[Json]:
        """What a group goes out as: one event; two where a part of a merged one is taken back; none where the
        correction went out before."""
        if "errorDeclaration" in group[0]["data"]:
            return await self._correct(group[0])
        valid = []
        for event in group:
            if await self._run(_TAKEN_BACK, event["data"]["eventID"], event["source"]):
                await self._note(event, event["data"]["eventID"])
            else:
                valid.append(event)
        if not valid:
            return []
        name = f"urn:uuid:{uuid.uuid4()}" if valid[1:] else valid[0]["data"]["eventID"]
        made = merge(valid, name)
        for event in valid:
            await self._note(event, name)
        if valid[1:]:
            await self._run("INSERT INTO merged VALUES ($1, $2)", name, json.dumps(made))
        return [made]

    async def _correct(self, correction: Json) -> list[Json]:
        of = correction["data"]["eventID"], correction["source"]
        found = await self._run(_MERGED, *of)
        if found:
            return await self._take_back(json.loads(found[0][0]), correction)
        await self._note(correction, of[0])
        said_by = {source for (source,) in await self._run(_SAID, of[0])}
        return [merge([correction], of[0])] if of[1] in (said_by or {of[1]}) else []  # another's is not for it to say

    async def _take_back(self, merged: Json, correction: Json) -> list[Json]:
        name = f"urn:uuid:{uuid.uuid4()}"
        declared, left = take_back(merged, correction, name)
        await self._note(correction, declared["eventID"])
        await self._run("DELETE FROM merged WHERE as_event = $1", declared["eventID"])
        if left is None:
            return [declared]
        await self._run("UPDATE exported SET as_event = $1 WHERE as_event = $2", name, declared["eventID"])
        await self._run("INSERT INTO merged VALUES ($1, $2)", name, json.dumps(left))
        return [declared, left]

    async def _note(self, event: Json, name: str) -> None:
        await self._run("INSERT INTO exported VALUES ($1, $2, $3)", event["id"], event["data"]["eventID"], name)

    async def deliver(self) -> int:
        """Send the oldest document: the HTTP status of the answer, 0 where none came, 204 where none waits."""
        found = await self._run("SELECT position, document FROM outgoing ORDER BY position LIMIT 1")
        if not found:
            return 204
        position, text = found[0]
        whole = json.loads(text)
        events = whole["epcisBody"]["eventList"]
        size = len(events)
        while True:
            whole["epcisBody"]["eventList"] = events[:size]
            status = await self._post(json.dumps(whole).encode())
            if status not in REFUSED or size == 1:
                break
            size = (size + 1) // 2  # whichever it is that they do not take: it comes to stand alone
        if not (200 <= status < 300 or status in REFUSED):
            return status
        async with self._transaction():
            if status in REFUSED:
                newest = "(SELECT coalesce(min(position), 0) - 1 FROM rejected WHERE position < 0)"
                why = ("capture", f"HTTP {status}", json.dumps(events[0]))
                await self._run(f"INSERT INTO rejected VALUES (coalesce({newest}, -1), $1, $2, $3)", *why)
            whole["epcisBody"]["eventList"] = events[size:]
            await self._run("DELETE FROM outgoing WHERE position = $1", position)
            if events[size:]:
                await self._run("INSERT INTO outgoing VALUES ($1, $2)", position, json.dumps(whole))
        return status


async def serve(asked: argparse.Namespace) -> None:
    """Until cancelled. A repository that is away is asked again after 1 s, then ever later, up to a minute."""
    database = await connect(asked.database)
    await Store(database).open()
    bridge, pause = Bridge(database, poster(asked.capture, asked.token)), 1.0
    while True:
        collected = await bridge.collect()
        while (status := await bridge.deliver()) != 204:
            if 200 <= status < 300 or status in REFUSED:
                pause = 1.0
                if status in REFUSED:
                    print(f"refused with {status}: see the table `rejected`", file=sys.stderr, flush=True)
                continue
            print(f"no success: {status or 'no answer'}; again in {pause:g} s", file=sys.stderr, flush=True)
            await asyncio.sleep(pause)
            pause = min(60.0, pause * 2)
        if not collected:
            await asyncio.sleep(1)


def main() -> None:
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--database", default="central.sqlite3", help="of the subscriber")
    words.add_argument("--capture", required=True, help="https://…/capture")
    words.add_argument("--token", help="sent as Authorization: Bearer")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(words.parse_args()))


if __name__ == "__main__":
    main()
