"""A gateway's outbox and uplink with a backlog, as a process of their own: how fast it drains beside live events.

Usage: python -m tests.backlog FOLDER PORT BACKLOG LIVE. Stores, waits for a line on stdin, drains while LIVE events a
second are recorded, and prints one line of JSON: seconds, latencies of live events to their PUBACK, resident bytes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from gateway.config.site import Outbox as OutboxSettings
from gateway.outbox.store import Outbox, Row, open_outbox
from gateway.uplink.link import uplink
from tests.brokers import site_for, work

PAGE = 4096
STORED_AT_ONCE = 500


def resident() -> int:
    """proc(5): the second field of statm, in pages."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


class Watch:
    """When live events were stored and settled, and how much of the backlog is left."""

    def __init__(self, outbox: Outbox, backlog: int) -> None:
        self.latencies: list[float] = []
        self.left = backlog
        self.drained = asyncio.Event()
        self._live: dict[int, float] = {}
        self._settle = outbox.settle
        outbox.listen(self._stored)
        outbox.settle = self._settled  # type: ignore[method-assign]

    def _stored(self, rows: Sequence[Row]) -> None:
        now = time.monotonic()
        self._live.update(dict.fromkeys((row.rowid for row in rows), now))

    def _settled(self, rowids: Sequence[int], state: str = "sent") -> None:
        now = time.monotonic()
        for rowid in rowids:
            stored = self._live.pop(rowid, None)
            if stored is None:
                self.left -= 1
            else:
                self.latencies.append(now - stored)
        if self.left <= 0:
            self.drained.set()
        self._settle(rowids, state)  # type: ignore[arg-type]


async def live(outbox: Outbox, rate: int) -> None:
    """For ever."""
    begun, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - begun) * rate) - sent
        sent += due
        if due:
            outbox.put(work(due, "dock-1"))
        await asyncio.sleep(0.02)


async def main(folder: Path, port: int, backlog: int, rate: int) -> None:
    async with open_outbox(folder, "rfid", OutboxSettings(max_size=8 << 30), machine_id="test") as outbox:
        for _ in range(backlog // STORED_AT_ONCE):
            outbox.put(work(STORED_AT_ONCE))
            await outbox.drained(20)
        await outbox.flush()
        print("stored", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        watch = Watch(outbox, backlog)
        memory = [resident()]
        async with uplink(*site_for(port), outbox, version="1") as link:
            await link.until(lambda status: status.state == "online")
            begun = time.monotonic()
            while watch.left == backlog:  # noqa: ASYNC110 - from then on what is recorded is live
                await asyncio.sleep(0.01)
            feeding = asyncio.create_task(live(outbox, rate))
            while not watch.drained.is_set():
                await asyncio.wait({asyncio.create_task(watch.drained.wait())}, timeout=0.2)
                memory.append(resident())
            seconds = time.monotonic() - begun
            feeding.cancel()
            await outbox.flush()
            await link.sender.drain()
        ordered = sorted(watch.latencies)
        told = {
            "seconds": seconds,
            "live": len(ordered),
            "p99": ordered[int(len(ordered) * 0.99)],
            "begin": memory[0],
            "most": max(memory),
            "recorded": outbox.stats.appended,
        }
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *map(int, sys.argv[2:])))
