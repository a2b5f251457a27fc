"""No room: the quota, the disk. It says so, keeps everything, empties itself, and goes on when there is room."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import pytest

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Work
from gateway.outbox.store import Outbox, OutboxFailed, Row, open_outbox
from gateway.outbox.values import Lane

BOUND = 60.0
MiB = 2**20
EVENTS = 5000


def work(number: int, size: int = 1000) -> Work:
    """One event that does not pack: its size is what it takes."""
    pad = Random(number).randbytes(size)  # no JSON, which nobody asks here: every byte of a text packs a little
    return Work((Draft("epcis", "dock-1", number.to_bytes(16, "big"), b'"n":%d,"pad":"%s"' % (number, pad)),))


def outbox_in(folder: Path, settings: Settings, **options):
    return open_outbox(folder, "rfid", settings, machine_id="box-1", **options)


async def until_full(outbox: Outbox) -> None:
    """Until it says that it is full. Each question is answered after what the writer did before."""
    async with asyncio.timeout(BOUND):
        while not outbox.stats.full:
            await outbox.epochs()


async def take_all(outbox: Outbox, wanted: int, lane: Lane = "live") -> list[Row]:
    """Claim and settle until so many rows have come, as an uplink would."""
    taken: list[Row] = []
    async with asyncio.timeout(BOUND):
        while len(taken) < wanted:
            rows = await outbox.claim(lane, 100, MiB)
            outbox.settle([row.rowid for row in rows])
            taken += rows
            if not rows:
                await outbox.changed()
    return taken


async def test_a_used_up_quota_holds_works_back_and_settling_lets_them_in(tmp_path):
    settings = Settings(max_size=4 * MiB, linger=0.001)
    async with outbox_in(tmp_path, settings) as outbox:
        for number in range(EVENTS):
            outbox.put(work(number))
        await until_full(outbox)
        assert "quota used up" in outbox.stats.cause
        assert "max_size" in outbox.stats.cause
        assert outbox.backlog > 0
        assert outbox.stats.pending + outbox.backlog == EVENTS
        used = sum(item.stat().st_size for item in tmp_path.iterdir())
        assert used <= 4 * MiB + 4096
        rows = await take_all(outbox, EVENTS)
        assert [row.sequence for row in rows] == list(range(1, EVENTS + 1))
        assert [b'"n":%d,' % number in row.payload for number, row in enumerate(rows)] == [True] * EVENTS
        await asyncio.wait_for(outbox.drained(1), BOUND)
        assert not outbox.stats.full
        assert outbox.stats.cause is None


async def test_a_dead_letter_is_declared_from_the_reserve_of_a_full_outbox(tmp_path):
    declared = []

    def declare(stream, epoch, first, last, *, count, reason, time):
        declared.append((first, last))
        return Draft("loss", None, bytes(16), b'"type":"readpoint.loss.v1"')

    async with outbox_in(tmp_path, Settings(max_size=4 * MiB, linger=0.001), declare=declare) as outbox:
        for number in range(EVENTS):
            outbox.put(work(number))
        await until_full(outbox)
        rows = await outbox.claim("live", 3, MiB)
        outbox.dead([row.rowid for row in rows], "0x99")
        async with asyncio.timeout(BOUND):
            while outbox.stats.dead < 3:
                await outbox.changed()
        assert declared == [(1, 3)]
        await take_all(outbox, EVENTS - 2)
        await asyncio.wait_for(outbox.drained(1), BOUND)


async def test_what_never_found_room_is_told_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.outbox.writer._CLOSE_GRACE", 0.2)

    async def body() -> None:
        async with outbox_in(tmp_path, Settings(max_size=4 * MiB, linger=0.001)) as outbox:
            for number in range(EVENTS):
                outbox.put(work(number))
            await until_full(outbox)

    with pytest.raises(OutboxFailed, match="works could not be stored before the end: outbox quota used up"):
        await body()


def fill_up_with_epochs(file: Path, quota: int) -> None:
    """One after the other until the next one needs another page, and there is none."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {quota // page}")
        with suppress(sqlite3.OperationalError):
            while True:
                connection.execute(
                    "INSERT INTO epochs (epoch, stream, started, base, last)"
                    " SELECT max(epoch) + 1, max(stream), max(started), max(base), 1 FROM epochs"
                )


async def test_an_outbox_opens_however_full_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.outbox.writer._CLOSE_GRACE", 0.0)
    settings = Settings(max_size=MiB, linger=0.001)
    with suppress(OutboxFailed):  # what found no room is told at the end
        async with outbox_in(tmp_path, settings) as outbox:
            for number in range(EVENTS):
                outbox.put(work(number))
            await until_full(outbox)
    fill_up_with_epochs(tmp_path / "outbox.db", outbox.stats.quota)
    async with outbox_in(tmp_path, settings) as outbox:
        await take_all(outbox, outbox.stats.pending, "historical")
        outbox.put(work(EVENTS))
        await asyncio.wait_for(outbox.drained(1), BOUND)


@pytest.fixture
def small_disk(tmp_path):
    """A tmpfs of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(tmp_path)], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"mounting is not allowed here: {mounted.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def fill(disk: Path) -> None:
    """Leave no block free."""
    with (disk / "somebody-else-s").open("wb", buffering=0) as filler, suppress(OSError):
        while True:
            filler.write(bytes(4096))
    assert os.statvfs(disk).f_bavail == 0


@pytest.mark.root
async def test_a_full_disk_holds_works_back_until_there_is_room(small_disk):
    filler = small_disk / "somebody-else-s"
    filler.write_bytes(bytes(8 * MiB))
    async with outbox_in(small_disk / "rfid", Settings(linger=0.001)) as outbox:
        for number in range(13_000):
            outbox.put(work(number))
        await until_full(outbox)
        assert "disk full" in outbox.stats.cause
        assert outbox.stats.pending + outbox.backlog == 13_000
        filler.unlink()
        await asyncio.wait_for(outbox.drained(1), BOUND)
        assert not outbox.stats.full
        rows = await take_all(outbox, 13_000)
        assert [row.sequence for row in rows] == list(range(1, 13_001))


@pytest.mark.root
async def test_a_full_disk_can_still_be_emptied(small_disk):
    (small_disk / "somebody-else-s").write_bytes(bytes(8 * MiB))
    async with outbox_in(small_disk / "rfid", Settings(linger=0.001)) as outbox:
        for number in range(20_000):
            outbox.put(work(number))
        await until_full(outbox)
        rows = await take_all(outbox, 20_000)
        assert [row.sequence for row in rows] == list(range(1, 20_001))
        await asyncio.wait_for(outbox.drained(1), BOUND)


@pytest.mark.root
async def test_more_is_settled_at_once_than_a_full_disk_has_room_for(small_disk):
    """Settling small rows writes nearly every page of the file to the WAL: what does not fit whole goes in pieces."""
    (small_disk / "somebody-else-s").write_bytes(bytes(8 * MiB))
    async with outbox_in(small_disk / "rfid", Settings(linger=0.001)) as outbox:
        for number in range(30_000):
            outbox.put(work(number, size=250))
        await until_full(outbox)
        stored = outbox.stats.pending
        claimed = [row.rowid for row in await outbox.claim("live", stored, 1 << 30)]
        assert len(claimed) == stored > 5000
        for first in range(0, stored, 100):
            outbox.settle(claimed[first : first + 100])
        rows = await take_all(outbox, 30_000 - stored)
        assert [row.sequence for row in rows] == list(range(stored + 1, 30_001))
        await asyncio.wait_for(outbox.drained(1), BOUND)


@pytest.mark.root
async def test_an_outbox_opens_on_a_full_disk_and_sends_what_it_has(small_disk):
    async with outbox_in(small_disk / "rfid", Settings(linger=0.001)) as outbox:
        for number in range(100):
            outbox.put(work(number))
    fill(small_disk)
    async with outbox_in(small_disk / "rfid", Settings(linger=0.001)) as outbox:
        assert outbox.stats.pending == 100
        rows = await outbox.claim("historical", 100, MiB)
        outbox.settle([row.rowid for row in rows])
        outbox.put(work(100))
        await take_all(outbox, 1)
        await asyncio.wait_for(outbox.drained(1), BOUND)


@pytest.mark.root
@pytest.mark.parametrize(("max_size", "size"), [(64 * MiB, 1000), (16 * MiB, 8000)])
async def test_the_disk_fills_up_while_the_log_is_empty(small_disk, max_size, size):
    """What the log then takes must fit into the ballast: with nobody's help it goes into the file."""
    async with outbox_in(small_disk / "rfid", Settings(linger=0.001, max_size=max_size)) as outbox:
        outbox.put(work(0))
        await outbox.flush()
        fill(small_disk)
        for number in range(1, 8000 // (size // 1000)):
            outbox.put(work(number, size=size))
            if number % 20 == 0:
                await outbox.epochs()
        await until_full(outbox)
        count = outbox.stats.pending + outbox.backlog
        assert count == 8000 // (size // 1000)
        rows = await take_all(outbox, count)
        assert [row.sequence for row in rows] == list(range(1, count + 1))
        await asyncio.wait_for(outbox.drained(1), BOUND)


async def test_the_ballast_follows_the_quota(tmp_path):
    async with outbox_in(tmp_path, Settings(linger=0.001)) as outbox:
        outbox.put(work(1))
    ballast = tmp_path / "ballast"
    assert ballast.stat().st_size == 4 * MiB
    async with outbox_in(tmp_path, Settings(linger=0.001, max_size=MiB)) as outbox:
        assert ballast.stat().st_size == MiB // 8
        assert outbox.stats.pending == 1
