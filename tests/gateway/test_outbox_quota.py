"""Nearly full: what was sent goes first, then what a channel's policy gives up, declared; what is kept never."""

from __future__ import annotations

import asyncio
from base64 import b85encode
from pathlib import Path
from random import Random

import pytest

from gateway.config.site import Outbox as Settings
from gateway.model import Channel, Draft, Work
from gateway.outbox.store import Outbox, open_outbox
from gateway.outbox.values import Receipt

BOUND = 60.0
MiB = 2**20


class Box:
    """One outbox of 4 MiB, and what it declared lost."""

    def __init__(self, folder: Path, **policies: str) -> None:
        self.folder = folder
        self.settings = Settings(max_size=4 * MiB, linger=0.0, **policies)
        self.lost: list[tuple[int, int, int, str]] = []

    def open(self):
        return open_outbox(self.folder, "rfid", self.settings, machine_id="box-1", declare=self._declare)

    def _declare(self, stream, epoch, first, last, *, count, reason, time) -> Draft:
        self.lost.append((first, last, count, reason))
        return Draft("loss", None, bytes(16), b'"type":"readpoint.loss.v1"')


def work(channel: Channel, number: int) -> Work:
    pad = b85encode(Random(number).randbytes(800)).replace(b"\\", b"/")
    return Work((Draft(channel, "dock-1", bytes(16), b'"n":%d,"pad":"%s"' % (number, pad)),))


async def store(outbox: Outbox, channel: Channel, count: int) -> None:
    """In commits of some; bounded, for a full outbox stores nothing."""
    async with asyncio.timeout(BOUND):
        for number in range(count):
            outbox.put(work(channel, number))
            if number % 50 == 49:
                await outbox.flush()
        await outbox.flush()


async def numbers(outbox: Outbox, channel: str) -> set[int]:
    return {entry.sequence for entry in await outbox.rows(limit=100_000) if entry.channel == channel}


async def test_sent_events_go_before_anything_waits_and_the_confirmed_ones_first(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        for _ in range(20):
            await store(outbox, "epcis", 200)
            async with asyncio.timeout(BOUND):
                rows = await outbox.claim("live", 500, 4 * MiB)
            outbox.settle([row.rowid for row in rows])
            await outbox.flush()
            upto = rows[-1].sequence - 300
            if upto > 0:
                await outbox.acknowledge(Receipt(outbox.stream, 1, upto))
            assert not outbox.stats.full
            left = await numbers(outbox, "epcis")
            assert set(range(max(1, upto + 1), rows[-1].sequence + 1)) <= left, "sent went before confirmed"
        assert outbox.stats.bytes < 0.95 * outbox.stats.quota
    assert box.lost == []


async def test_the_oldest_measurements_are_dropped_and_declared_and_location_events_stay(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, "epcis", 300)
        await store(outbox, "telemetry", 6000)
        assert not outbox.stats.full
        left = await numbers(outbox, "telemetry")
        assert await numbers(outbox, "epcis") == set(range(1, 301))
        assert len(left) > 500
        assert min(left) > 301
        gone = sum(count for _, _, count, _ in box.lost)
        declared = await numbers(outbox, "loss")
        assert {reason for *_, reason in box.lost} == {"full"}
        assert gone == 6000 - len(left)
        assert len(declared) == len(box.lost)
        every = {number for first, last, _, _ in box.lost for number in range(first, last + 1)}
        assert every | left | declared | set(range(1, 301)) >= set(range(1, max(left) + 1)), "an undeclared hole"
        sent = set()
        while rows := await outbox.claim("live", 1000, 4 * MiB):
            sent |= {row.sequence for row in rows}
        assert left <= sent | left
        assert outbox.stats.pending == len(await outbox.rows("pending", limit=100_000))
    async with box.open() as outbox:
        assert outbox.stats.stored == len(await outbox.rows(limit=100_000))


async def test_a_channel_that_refuses_takes_no_new_events_and_says_so(tmp_path):
    box = Box(tmp_path, telemetry_when_full="refuse")
    async with box.open() as outbox:
        await store(outbox, "telemetry", 6000)
        assert not outbox.stats.full
        left = await numbers(outbox, "telemetry")
        assert {reason for *_, reason in box.lost} == {"refused"}
        assert set(range(1, 1000)) <= left
        refused = {number for first, last, _, _ in box.lost for number in range(first, last + 1)}
        claimed = set()
        while rows := await outbox.claim("live", 1000, 4 * MiB):
            claimed |= {row.sequence for row in rows if row.channel == "telemetry"}
        assert claimed == left
        assert not claimed & refused


@pytest.mark.parametrize("policy", ["keep"])
async def test_a_channel_that_keeps_waits_in_memory(tmp_path, policy):
    box = Box(tmp_path, telemetry_when_full=policy)
    async with box.open() as outbox:
        for number in range(6000):
            outbox.put(work("telemetry", number))
        async with asyncio.timeout(BOUND):
            while not outbox.stats.full:
                await outbox.epochs()
        assert box.lost == []
        async with asyncio.timeout(BOUND):
            taken = 0
            while taken < 6000:
                rows = await outbox.claim("live", 500, 4 * MiB)
                outbox.settle([row.rowid for row in rows])
                taken += len(rows)
                if not rows:
                    await outbox.changed()


async def test_the_hours_of_room_follow_the_rate(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.outbox.quota._MINUTE", 0.0)
    async with Box(tmp_path).open() as outbox:
        await store(outbox, "epcis", 100)
        assert outbox.stats.hours is None or outbox.stats.hours > 0
        await store(outbox, "epcis", 200)
        assert outbox.stats.hours is not None
        assert outbox.stats.hours > 0
