"""From the centre's database to an EPCIS 2.0 repository: POST {repository}/capture, in order, at least once.

    python -m examples.central.bridge --database central.sqlite3 --capture https://epcis.example/capture

What goes into a document is decided and stored before it is sent: however often it is sent again, it is the same.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from .databases import Postgres, Sqlite, connect
from .epcis import document, merge, next_group, passage, take_back
from .store import Store

HOLD = 15.0
"""Seconds that a passage waits for those who are still missing of it, and all behind it."""

MOST, WINDOW = 100, 2000
"""Events in a document; events looked at, which is also the largest passage that is merged whole."""

REFUSED = {400, 413, 422}
"""Answers that are about the document. All others are about the moment, and it is sent again."""

Json = dict[str, Any]
Post = Callable[[bytes], Awaitable[int]]

_WAITING = """SELECT position, payload FROM events e WHERE type = 'readpoint.epcis.v1' AND position > $2
    AND NOT EXISTS (SELECT 1 FROM exported x WHERE x.id = e.id) ORDER BY position LIMIT $1"""


class Bridge:
    """`collect` makes documents of what is new, `deliver` sends the oldest of them."""

    def __init__(self, database: Sqlite | Postgres, post: Post, clock: Callable[[], float] = time.monotonic) -> None:
        self._run, self._transaction = database.run, database.transaction
        self._post, self._clock = post, clock
        self._since: dict[str, float] = {}
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
            made: list[Json] = []
            while waiting and len(made) < MOST:
                group, whole = next_group(waiting)
                self.held = not whole and self._patient(group[0])
                if self.held:
                    break
                self._since.clear()
                made += await self._export(group)
                ids = {event["id"] for event in group}
                waiting = [event for event in waiting if event["id"] not in ids]
            if made:
                text = json.dumps(document(made, datetime.now(UTC).isoformat(timespec="milliseconds")))
                newest = (await self._run("SELECT max(position) FROM outgoing"))[0][0] or 0
                await self._run("INSERT INTO outgoing VALUES ($1, $2)", newest + 1, text)
        return len(made)

    def _patient(self, event: Json) -> bool:
        name = (passage(event) or {})["id"]
        since = self._since.setdefault(name, self._clock())
        return self._clock() - since < HOLD

    async def _export(self, group: list[Json]) -> list[Json]:
        """What a group goes out as: one event; two where a part of a merged one is taken back."""
        [first, *more] = group
        name = f"urn:uuid:{uuid.uuid4()}" if more else first["data"]["eventID"]
        if "errorDeclaration" in first["data"]:
            found = await self._run(
                "SELECT m.body FROM exported x JOIN merged m ON m.as_event = x.as_event WHERE x.event = $1",
                first["data"]["eventID"],
            )
            if found:
                return await self._take_back(json.loads(found[0][0]), first)
        made = merge(group, name)
        for event in group:
            await self._note(event, name)
        if more:
            await self._run("INSERT INTO merged VALUES ($1, $2)", name, json.dumps(made))
        return [made]

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


def poster(capture: str, token: str | None = None, timeout: float = 30.0) -> Post:
    """Sends a document to that address; 0 where no answer came."""
    headers = {"Content-Type": "application/json", "GS1-EPCIS-Version": "2.0.0", "GS1-CBV-Version": "2.0.0"}
    if token:
        headers["Authorization"] = f"Bearer {token}"

    def send(body: bytes) -> int:
        request = urllib.request.Request(capture, body, headers, method="POST")  # noqa: S310 - the operator's address
        try:
            with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:  # noqa: S310 - same
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return int(error.code)
        except (OSError, ValueError):
            return 0

    context = ssl.create_default_context() if capture.startswith("https:") else None
    return lambda body: asyncio.to_thread(send, body)


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
