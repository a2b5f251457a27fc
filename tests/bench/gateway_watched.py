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
from collections import deque
from collections.abc import Sequence
from contextlib import AsyncExitStack
from operator import attrgetter
from pathlib import Path
from typing import TextIO, TypeVar

from gateway.answers import Parts
from gateway.app import VERSION
from gateway.config.load import load
from gateway.footprint import kept_small
from gateway.ids import text
from gateway.inbox import Received
from gateway.model import Draft, Work
from gateway.outbox.store import Row
from gateway.segment import running

T = TypeVar("T", Draft, Row)

NUMBERED = frozenset(("epcis", "telemetry"))
CHANNEL = attrgetter("channel")


class Stopwatches:
    """Writes down what the outbox of a segment is told, and when: of `every` event, or of each sixteenth.

    Events are stored in the order in which they were put, so those that are watched are found by counting.
    """

    def __init__(self, log: TextIO, segment: str, *, every: bool) -> None:
        self._log = log
        self._segment = segment
        self._every = 1 if every else 16
        self._arrival = 0.0
        self._put = self._stored = 0
        self._chosen: deque[tuple[int, bytes]] = deque()
        """Of those put and not yet stored: their numbers and ids."""
        self._watched: set[int] = set()

    def received(self, received: Received) -> None:
        self._arrival = received.time

    def put(self, work: Work) -> None:
        drafts = _numbered(work.drafts)
        chosen = [(self._put + at, drafts[at].id) for at in range(-self._put % self._every, len(drafts), self._every)]
        self._put += len(drafts)
        if chosen:
            self._chosen += chosen
            self._log.write(f"a {self._arrival} {' '.join(uuid.hex() for _, uuid in chosen)}\n")

    def stored(self, rows: Sequence[Row]) -> None:
        rows = _numbered(rows)
        self._log.write(f"n {len(rows)}\n")
        while self._chosen and self._chosen[0][0] < self._stored + len(rows):
            number, uuid = self._chosen.popleft()
            row = rows[number - self._stored]
            assert text(uuid).encode() in row.payload, "stored in the order in which they were put"
            self._watched.add(row.rowid)
            self._log.write(f"r {self._segment}-{row.rowid} {uuid.hex()}\n")
        self._stored += len(rows)

    def settled(self, rowids: Sequence[int]) -> None:
        mine = self._watched.intersection(rowids)
        self._watched -= mine
        self._log.write(f"s {time.time()} {' '.join(f'{self._segment}-{row}' for row in mine)}\n")


def _numbered(told: Sequence[T]) -> Sequence[T]:
    """Those that are events or telemetry: nearly always all."""
    return told if NUMBERED.issuperset(map(CHANNEL, told)) else [one for one in told if CHANNEL(one) in NUMBERED]


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
            rows[rest[0]] = first
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
    """Put the stopwatches on a segment that runs, and of which nothing waits to be stored."""
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
                while parts.outbox.backlog:
                    await parts.outbox.flush()
                watch(parts, Stopwatches(log, name, every=every))
            gc.collect()
            gc.freeze()
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
