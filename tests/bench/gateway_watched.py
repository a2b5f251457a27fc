"""The gateway as `run` runs it, with stopwatches on its outbox. Usage: python -m tests.bench.gateway_watched SITE LOG.

Into LOG goes, line by line so that nothing is kept in memory: `a` arrival of a report (Unix seconds) and the ids of the
events it decided, `r` the row and id of a stored event, `s` the time of a PUBACK and its rows, `n` how many events were
stored. Of ids and rows only every sixteenth: to write down all would cost as much as a stage of the gateway.
"""

from __future__ import annotations

import asyncio
import gc
import math
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from gateway.app import VERSION
from gateway.config.load import load
from gateway.inbox import Received
from gateway.model import Work
from gateway.outbox.store import Row
from gateway.segment import running

ID = b'"id":"urn:uuid:'
LAST = 35 + len(ID)
"""The id's last hex digit, which is random."""

_ZERO = ord("0")


class Stopwatches:
    """Writes down what the outbox is told, and when."""

    def __init__(self, log: TextIO) -> None:
        self._log = log
        self._arrival = 0.0
        self._watched: set[int] = set()

    def received(self, received: Received) -> None:
        self._arrival = received.time

    def put(self, work: Work) -> None:
        ids = [draft.id.hex() for draft in work.drafts if not draft.id[-1] & 15]
        if ids:
            self._log.write(f"a {self._arrival} {' '.join(ids)}\n")

    def stored(self, rows: Sequence[Row]) -> None:
        self._log.write(f"n {sum(row.channel == 'epcis' for row in rows)}\n")
        for row in rows:
            at = row.payload.find(ID)
            if row.payload[at + LAST] == _ZERO:
                self._watched.add(row.rowid)
                self._log.write(f"r {row.rowid} {row.payload[at + len(ID) : at + LAST + 1].decode()}\n")

    def settled(self, rowids: Sequence[int]) -> None:
        mine = self._watched.intersection(rowids)
        self._watched -= mine
        self._log.write(f"s {time.time()} {' '.join(map(str, mine))}\n")


def latencies(log: Path, since: float = 1.0) -> dict[str, float]:
    """Seconds from arrival to PUBACK of each event by its id, of those whose report arrived since then.

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
        if arrival >= since
    }


def stored(log: Path) -> int:
    """Location events stored."""
    return sum(int(line[2:]) for line in log.read_text().splitlines() if line.startswith("n "))


async def main() -> None:
    site = load(Path(sys.argv[1])).site
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    with Path(sys.argv[2]).open("w") as log:  # noqa: ASYNC230 - a page at a time into the cache
        watches = Stopwatches(log)
        async with running(site, "rfid", VERSION) as parts:
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
            gc.collect()
            gc.freeze()
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
