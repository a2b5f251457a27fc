"""An outbox into which events are recorded all the while, and the account of what became of them."""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gateway.outbox.inspect import stopped
from gateway.outbox.store import Outbox
from tests.brokers import Subscriber, work
from tests.ledger import Event, Ledger

BOUND = 60.0
_STEP = 0.02

More = Callable[[int], Awaitable[None]]
"""Waits until so many more events are recorded."""


@asynccontextmanager
async def recording(outbox: Outbox, rate: int) -> AsyncIterator[More]:
    """`rate` events a second are stored while inside."""
    grown = asyncio.Condition()

    async def record() -> None:
        loop = asyncio.get_running_loop()
        begun, stored = loop.time(), 0
        while True:
            due = int((loop.time() - begun) * rate) - stored
            stored += due
            if due:
                outbox.put(work(due))
                await outbox.flush()
                async with grown:
                    grown.notify_all()
            await asyncio.sleep(_STEP)

    async def more(events: int) -> None:
        enough = outbox.stats.appended + events
        async with asyncio.timeout(BOUND), grown:
            await grown.wait_for(lambda: outbox.stats.appended >= enough)

    task = asyncio.create_task(record(), name="recording")
    try:
        yield more
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await outbox.flush()


def account(folder: Path, *heard: Subscriber) -> Ledger:
    """What the outbox of a gateway that has ended recorded, and what became of it."""
    ledger = Ledger()
    with stopped(folder) as outbox:
        payloads = list(outbox.payloads())
        states = [entry.state for entry in outbox.rows(limit=10**9)]
    for payload, state in zip(payloads, states, strict=True):
        event = json.loads(payload)
        ledger.record(event)
        ledger.keep(event, state)
    for event in arrived(*heard):
        ledger.deliver(event)
    return ledger


async def accounts(folder: Path, *heard: Subscriber) -> Ledger:
    """All that was recorded there is accounted for, once all has arrived that is on its way."""
    await heard[-1].until(lambda: account(folder, *heard).lost == [], BOUND)
    ledger = account(folder, *heard)
    print(ledger)
    assert ledger.faults == []
    return ledger


def arrived(*heard: Subscriber) -> list[Event]:
    """Every event as often as it came."""
    return [event for one in heard for event in list(one.events)]


def turns(events: Sequence[Event]) -> int:
    """In how many rising sequences the first arrivals on one topic come, at least: each lane is one.

    That many numbers stand in falling order, and no more (Dilworth): the longest falling sequence is sought.
    """
    seen: set[str] = set()
    ends: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for event in events:
        if event["id"] in seen:
            continue
        seen.add(event["id"])
        data = event["data"]
        name = data["readPoint"]["id"] if "readPoint" in data else data.get("device", "")
        falling = ends[event["type"], name]
        number = (-event["epoch"], -int(event["sequence"]))
        at = bisect_left(falling, number)
        falling[at : at + 1] = [number]
    return max(map(len, ends.values()))
