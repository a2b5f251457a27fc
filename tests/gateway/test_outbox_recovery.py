"""A damaged file, a lost tail, a backup that comes back: work goes on, what is whole is saved, the rest is declared."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
from base64 import b85encode
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Work
from gateway.outbox import database, high_water, quarantine
from gateway.outbox.high_water import HighWater
from gateway.outbox.store import Outbox, OutboxFailed, open_outbox
from gateway.outbox.values import Receipt

BOUND = 60.0


class Box:
    """One folder, its lives, and what they declared lost."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_790_000_000.0
        self.lost: set[tuple[str, int, int]] = set()

    def open(self, machine: str = "box-1"):
        return open_outbox(
            self.folder,
            "rfid",
            Settings(linger=0.0),
            machine_id=machine,
            clock=lambda: self.now,
            declare=self._declare,
        )

    def _declare(self, stream, epoch, first, last, *, count, reason, time) -> Draft:
        assert (reason, count) == ("corrupt", last - first + 1)
        self.lost |= {(stream, epoch, number) for number in range(first, last + 1)}
        return Draft("loss", None, bytes(16), b'"type":"readpoint.loss.v1"')

    @property
    def file(self) -> Path:
        return self.folder / database.FILE


async def store(outbox: Outbox, count: int, size: int = 600) -> None:
    """Events that do not pack, in commits of some."""
    for number in range(count):
        pad = b85encode(Random(number).randbytes(size)).replace(b"\\", b"/")
        outbox.put(Work((Draft("epcis", "dock-1", bytes(16), b'"n":%d,"pad":"%s"' % (number, pad)),)))
        if number % 100 == 99:
            await outbox.flush()
    await outbox.flush()


async def saved(outbox: Outbox) -> None:
    """Until all that can be is saved."""
    async with asyncio.timeout(BOUND):
        while quarantine.unsaved(outbox._folder):  # noqa: ASYNC110 - another thread unlinks it
            await asyncio.sleep(0.02)
    await outbox.flush()


async def held(outbox: Outbox) -> dict[tuple[str, int, int], str]:
    """What is in the file, by (stream, epoch, sequence) as the payloads say it."""
    found = {}
    for entry in await outbox.rows(limit=100_000):
        row = await outbox.show(epoch=entry.epoch, sequence=entry.sequence)
        said = json.loads(row.payload)
        assert (said["epoch"], said["sequence"]) == (entry.epoch, str(entry.sequence))
        if entry.channel != "loss":
            found[said["stream"], entry.epoch, entry.sequence] = entry.state
    return found


async def test_a_destroyed_page_costs_its_rows_and_they_are_declared(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        before = outbox.stream
        await store(outbox, 1000)
        rows = await outbox.claim("live", 100, 1 << 20)
        outbox.settle([row.rowid for row in rows])
        outbox.put(Work())
        await outbox.flush()
        await outbox.acknowledge(Receipt(outbox.stream, 1, 50))
    with box.file.open("r+b") as file:
        size = file.seek(0, 2)
        for at in (size // 3, size // 2, size // 2 + database.PAGE):
            file.seek(at // database.PAGE * database.PAGE)
            file.write(b"\xa5" * database.PAGE)
    async with box.open() as outbox:
        assert outbox.stream != before
        assert outbox.previous_stream == before
        assert outbox.fresh
        await store(outbox, 3)
        assert [row.sequence for row in await outbox.claim("live", 3, 1 << 20)] == [1, 2, 3]
        await saved(outbox)
        found = await held(outbox)
        ours = {key for key in found if key[0] == before}
        assert all(found[before, 1, number] in {"sent", "confirmed"} for number in range(1, 90))
        assert 900 < len(ours) < 1000
        assert ours | box.lost >= {(before, 1, number) for number in range(1, 1001)}, "an undeclared hole"
        assert not ours & box.lost
        pending = {key for key, state in found.items() if state == "pending" and key[0] == before}
        taken = set()
        while rows := await outbox.claim("historical", 100, 1 << 20):
            taken |= {(before, row.epoch, row.sequence) for row in rows if row.channel != "loss"}
        assert taken == pending
        assert outbox.stats.pending == sum(entry.state == "pending" for entry in await outbox.rows(limit=10_000))
    async with box.open() as outbox:
        assert outbox.stats.saved is None
        assert (outbox.previous_stream, outbox.fresh) == (before, False)


@pytest.mark.parametrize("rubbish", [b"no database at all, long enough to look like a header of some kind" * 40, b""])
async def test_a_file_that_is_none_is_set_aside_and_what_was_pending_is_declared(tmp_path, rubbish):
    box = Box(tmp_path)
    async with box.open() as outbox:
        before = outbox.stream
        await store(outbox, 10)
        rows = await outbox.claim("live", 4, 1 << 20)
        outbox.settle([row.rowid for row in rows])
    box.file.write_bytes(rubbish)
    async with box.open() as outbox:
        await store(outbox, 1)
        await saved(outbox)
        assert (outbox.stream != before, outbox.previous_stream, outbox.epoch) == (True, before, 2)
        assert box.lost == {(before, 1, number) for number in range(5, 11)}
        assert ("set aside" in outbox.stats.saved) if rubbish else outbox.stats.saved is None
    assert [one.read_bytes() for one in (tmp_path / "quarantine").glob("*/outbox.db")] == [rubbish] * bool(rubbish)


async def test_that_all_is_saved_is_told_without_waiting_for_the_next_event(tmp_path: Path) -> None:
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 3)
    box.file.write_bytes(b"x" * 5000)
    async with box.open() as outbox, asyncio.timeout(BOUND):
        while "what was whole is saved" not in (outbox.stats.saved or ""):  # noqa: ASYNC110 - nothing else happens here
            await asyncio.sleep(0.02)


async def test_without_any_mark_a_new_stream_counts_far_above_the_old_one(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 3)
        before = outbox.stream
    box.file.write_bytes(b"x" * 5000)
    (tmp_path / high_water.NAME).unlink()
    async with box.open() as outbox:
        await store(outbox, 3)
        await saved(outbox)
        assert outbox.stream != before
        assert outbox.epoch > 1000
        assert len(await outbox.rows()) == 3


async def test_the_newest_three_are_kept(tmp_path):
    box = Box(tmp_path)
    for number in range(5):
        async with box.open() as outbox:
            await saved(outbox)
        box.file.write_bytes(b"%d" % number * 4000)
    async with box.open() as outbox:
        await saved(outbox)
    kept = sorted((tmp_path / "quarantine").glob("*/outbox.db"))
    assert [one.read_bytes()[:1] for one in kept] == [b"2", b"3", b"4"]


async def test_damage_met_while_it_runs_is_set_aside_at_the_next_start(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "_CHECKED_WHOLE", 8 * database.PAGE)
    box = Box(tmp_path)
    async with box.open() as outbox:
        before = outbox.stream
        await store(outbox, 300)
    with closing(sqlite3.connect(box.file)) as connection:
        root = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events_pending'").fetchone()[0]
    page = bytearray(box.file.read_bytes())
    page[(root - 1) * database.PAGE : root * database.PAGE] = b"\xa5" * database.PAGE
    box.file.write_bytes(page)
    for _ in range(2):
        try:
            async with box.open() as outbox:
                await saved(outbox)
                await outbox.claim("historical", 100, 1 << 20)
                break
        except (OutboxFailed, sqlite3.DatabaseError):
            continue
    else:
        raise AssertionError("it never starts again")
    async with box.open() as outbox:
        assert outbox.stream != before
        assert len(await held(outbox)) == 300


async def test_a_lost_tail_is_found_and_declared(tmp_path):
    """A flipped bit in the write-ahead log drops all commits from there on, and SQLite calls the file whole."""
    box, hurt = Box(tmp_path / "box"), Box(tmp_path / "hurt")
    async with box.open() as outbox:
        stream = outbox.stream
        for _ in range(3):
            await store(outbox, 10)
        async with asyncio.timeout(BOUND):
            while (mark := high_water.read(box.folder)) is None or mark.last < 30:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.02)
        shutil.copytree(box.folder, hurt.folder)
    log = hurt.folder / f"{database.FILE}-wal"
    data = bytearray(log.read_bytes())
    data[data.rindex(b"dock-1")] ^= 1
    log.write_bytes(data)
    async with hurt.open() as outbox:
        await store(outbox, 1)
        found = await held(outbox)
        kept = {number for name, epoch, number in found if (name, epoch) == (stream, 1)}
        assert 0 < len(kept) < 30
        assert hurt.lost == {(stream, 1, number) for number in range(1, 31)} - {(stream, 1, number) for number in kept}
    hurt.lost.clear()
    async with hurt.open() as outbox:
        assert hurt.lost == set()


async def test_a_week_old_backup_gives_no_number_twice(tmp_path):
    box, back = Box(tmp_path / "box"), Box(tmp_path / "back")
    async with box.open() as outbox:
        await store(outbox, 5)
        await outbox.flush()
    shutil.copytree(box.folder, back.folder)
    given = set()
    for _ in range(20):
        box.now += 8 * 3600.0
        async with box.open() as outbox:
            await store(outbox, 5)
            given |= {(outbox.stream, outbox.epoch, number) for number in range(1, 6)}
            last = Receipt(outbox.stream, outbox.epoch, 5)
    back.now = box.now
    async with back.open() as outbox:
        await store(outbox, 5)
        assert (outbox.stream, outbox.epoch) not in {(stream, epoch) for stream, epoch, _ in given}
        assert (await outbox.acknowledge(last)).ignored is not None or (await outbox.epochs())[-1].confirmed == 0


async def test_an_older_file_beside_a_newer_mark_goes_on_above_it(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        stream = outbox.stream
        await store(outbox, 5)
    old = box.file.read_bytes()
    async with box.open() as outbox:
        await store(outbox, 7)
        rows = await outbox.claim("live", 3, 1 << 20)
        outbox.settle([row.rowid for row in rows])
    box.file.write_bytes(old)
    async with box.open() as outbox:
        await store(outbox, 1)
        assert outbox.epoch == 3
        assert box.lost == {(stream, 2, number) for number in range(4, 8)}
        assert outbox.stats.pending == 7


async def test_a_cloned_image_is_another_stream_and_is_not_confirmed_by_the_first(tmp_path):
    box, clone = Box(tmp_path / "box"), Box(tmp_path / "clone")
    async with box.open() as outbox:
        await store(outbox, 5)
    shutil.copytree(box.folder, clone.folder)
    async with box.open() as one, clone.open("box-2") as two:
        await store(one, 5)
        await store(two, 5)
        assert one.stream != two.stream
        assert two.previous_stream == one.stream
        await one.claim("live", 5, 1 << 20)
        await two.claim("live", 5, 1 << 20)
        receipt = Receipt(one.stream, one.epoch, 5)
        assert (await one.acknowledge(receipt)).ignored is None
        assert "for the stream" in (await two.acknowledge(receipt)).ignored


@given(st.text("0123456789abcdef", min_size=8, max_size=8), st.lists(st.integers(0, 2**63), min_size=4, max_size=4))
def test_a_mark_is_read_as_it_was_written_and_damaged_not_at_all(mark, numbers):
    water = HighWater(mark, *numbers)
    data = water.encode()
    assert len(data) == 64
    assert high_water.decode(data) == water
    for at in (0, 9, 20, 40, 63):
        assert high_water.decode(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]) is None
    assert high_water.decode(data[:-1]) is None
