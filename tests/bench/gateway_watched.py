"""The gateway as `run` runs it, with stopwatches on its outboxes.

Usage: python -m tests.bench.gateway_watched SITE LOG [all]

Into LOG goes, line by line so that nothing is kept in memory: `a` arrival of a report (Unix seconds) and the ids of the
events it decided, `r` the row and id of a stored event, `s` the time of a PUBACK and its rows, `n` how many events and
telemetry messages were stored. Of ids and rows only every sixteenth, unless all are asked for: where events are many,
to write down all would cost as much as a stage of the gateway.

What a deadline decides (a passage, a departure) has no report of its own: the last one before it counts, which makes
its time rather too long.
"""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TextIO

from gateway.answers import Parts
from gateway.app import VERSION
from gateway.config.load import load
from gateway.footprint import kept_small
from gateway.inbox import Received
from gateway.model import Work
from gateway.outbox.store import Row
from gateway.segment import running

ID = b'"id":"urn:uuid:'
LAST = 35 + len(ID)
"""The id's last hex digit, which is random."""

NUMBERED = ("epcis", "telemetry")


class Stopwatches:
    """Writes down what the outbox of a segment is told, and when: of `every` event, or of each sixteenth."""

    def __init__(self, log: TextIO, segment: str, *, every: bool) -> None:
        self._log = log
        self._segment = segment
        self._mask = 0 if every else 15
        self._digits = b"0123456789abcdef" if every else b"0"
        self._arrival = 0.0
        self._watched: set[int] = set()

    def received(self, received: Received) -> None:
        self._arrival = received.time

    def put(self, work: Work) -> None:
        ids = [draft.id.hex() for draft in work.drafts if not draft.id[-1] & self._mask and draft.channel in NUMBERED]
        if ids:
            self._log.write(f"a {self._arrival} {' '.join(ids)}\n")

    def stored(self, rows: Sequence[Row]) -> None:
        self._log.write(f"n {sum(row.channel in NUMBERED for row in rows)}\n")
        for row in rows:
            at = row.payload.find(ID)
            if row.payload[at + LAST] in self._digits and row.channel in NUMBERED:
                self._watched.add(row.rowid)
                uuid = row.payload[at + len(ID) : at + LAST + 1].decode()
                self._log.write(f"r {self._segment}-{row.rowid} {uuid}\n")

    def settled(self, rowids: Sequence[int]) -> None:
        mine = self._watched.intersection(rowids)
        self._watched -= mine
        self._log.write(f"s {time.time()} {' '.join(f'{self._segment}-{row}' for row in mine)}\n")


def latencies(log: Path, since: float = 1.0, until: float = math.inf) -> dict[str, float]:
    """Seconds from arrival to PUBACK of each event by its id, of those whose report arrived between these times.

    One whose PUBACK never came took for ever.
    """
    arrived: dict[str, float] = {}
    rows: dict[str, str] = {}
    puback: dict[str, float] = {}
    for line in log.read_text().splitlines():
        kind, first, *rest = line.split(" ")
        if kind == "a":
            arrived.update(dict.fromkeys(rest, float(first)))
        elif kind == "r":
            rows[rest[0].replace("-", "")] = first
        elif kind == "s":
            puback.update(dict.fromkeys(rest, float(first)))
    return {
        event: puback.get(rows.get(event, ""), math.inf) - arrival
        for event, arrival in arrived.items()
        if since <= arrival < until
    }


def stored(log: Path) -> int:
    """Events and telemetry messages stored."""
    return sum(int(line[2:]) for line in log.read_text().splitlines() if line.startswith("n "))


def watch(parts: Parts, watches: Stopwatches) -> None:
    """Put the stopwatches on a segment that runs."""
    outbox = parts.outbox
    put, settle = outbox.put, outbox.settle

    def watched_put(work: Work) -> None:
        watches.put(work)
        put(work)

    def watched_settle(rowids: Sequence[int], state: str = "sent") -> None:
        watches.settled(rowids)
        settle(rowids, state)

    outbox.put, outbox.settle = watched_put, watched_settle
    outbox.listen(watches.stored)
    parts.pipeline.taps.add(watches.received)


async def main() -> None:
    site = load(Path(sys.argv[1])).site
    every = "all" in sys.argv[3:]
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with Path(sys.argv[2]).open("w") as log:  # noqa: ASYNC230 - a page at a time into the cache
        async with kept_small(), AsyncExitStack() as nest:
            for name in site.segments:
                parts = await nest.enter_async_context(running(site, name, VERSION))
                watch(parts, Stopwatches(log, name, every=every))
            gc.collect()
            gc.freeze()
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
