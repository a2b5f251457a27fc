"""A segment whose outbox has no room: it stays small, ends in time and says why, or goes on when there is room."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from drivers.contract import Batch, Read
from gateway import pipeline
from gateway.answers import Parts
from gateway.config.site import Gateway, Outbox, Segment, Site, Uplink
from gateway.inbox import Inbox
from gateway.model import Port, ReadPoint, Rules
from gateway.outbox.store import OutboxFailed
from gateway.segment import running
from tests.brokers import free_tcp_port

BOUND = 60.0
POINT = ReadPoint("belt-1", "urn:epc:id:sgln:9521141.12345.belt1", "checkpoint", dedup=0.001)
BATCH = 100
LIMIT = 4_000
"""Reads that may wait in the inbox here."""


@contextlib.asynccontextmanager
async def segment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Parts]:
    """One checkpoint, nobody to send to, and room for some thousand events, none of them packed."""
    monkeypatch.setattr("gateway.outbox.ledger.pack", bytes)
    monkeypatch.setattr("gateway.segment.Inbox", partial(Inbox, limit=LIMIT))
    settings = Outbox(max_size=4 << 20, linger=0.001)
    rules = Rules({"belt-1": POINT}, (Port("belt-reader", None, "belt-1"),))
    rfid = Segment("rfid", Uplink("127.0.0.1", free_tcp_port(), secure=False), settings, rules=rules)
    gateway = Gateway("gw-07", "dc1", state_dir=folder / "state", run_dir=folder / "run")
    async with asyncio.timeout(2 * BOUND):
        async with running(Site(gateway, {"rfid": rfid}, {"belt-1": POINT}, {}), "rfid", "test") as parts:
            yield parts


def put(parts: Parts, first: int) -> None:
    """A report of new tags."""
    now = time.time()
    reads = [Read("epc", b"\x30" + number.to_bytes(11, "big"), now, 1, -60.0) for number in range(first, first + BATCH)]
    parts.inbox.put("belt-reader", Batch(reads))


async def fill(parts: Parts) -> int:
    """Reports until the outbox is full and the inbox sheds; how many tags."""
    tags = 0
    async with asyncio.timeout(BOUND):
        while not (parts.outbox.stats.full and parts.inbox.dropped):
            put(parts, tags)
            tags += BATCH
            await asyncio.sleep(0)
    return tags


async def test_a_full_outbox_keeps_memory_bounded_and_goes_on_when_there_is_room(tmp_path, monkeypatch):
    async with segment(tmp_path, monkeypatch) as parts:
        tags = await fill(parts)
        assert parts.inbox.waiting <= LIMIT
        assert parts.outbox.backlog <= pipeline.WORKS + LIMIT // BATCH
        decided = parts.pipeline.decided
        assert decided < tags - parts.inbox.dropped, "the pipeline takes no more than the outbox"
        taken = 0
        async with asyncio.timeout(BOUND):
            while taken < tags - parts.inbox.dropped:
                rows = await parts.outbox.claim("live", 500, 1 << 20)
                parts.outbox.settle([row.rowid for row in rows])
                taken += len(rows)
                if not rows:
                    await parts.outbox.changed()
        assert not parts.inbox.waiting


async def test_a_segment_without_room_ends_in_time_and_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.outbox.writer._CLOSE_GRACE", 0.2)
    monkeypatch.setattr("gateway.segment.GRACE", 0.2)

    async def body() -> None:
        async with segment(tmp_path, monkeypatch) as parts:
            await fill(parts)

    # Its time-out is the bound.
    with pytest.raises(OutboxFailed, match="works could not be stored before the end: outbox quota used up"):
        await body()
