"""A start that ends while a damaged file is set aside: the next one goes on from there, and no event is forgotten."""

from __future__ import annotations

import asyncio
import errno
import json
import random
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Work
from gateway.outbox import database, high_water, patrol, quarantine
from gateway.outbox.mailbox import Mailbox
from gateway.outbox.recovery import _Courier
from gateway.outbox.salvage import Chunk, Salvage
from gateway.outbox.store import Outbox, OutboxFailed, open_outbox

BOUND = 60.0
EVENTS = 300


def event(number: int, size: int) -> Draft:
    """Of that size, and half of it where it is stored."""
    pad = random.Random(number).randbytes(size // 2).hex().encode()
    return Draft("epcis", "dock-1", bytes(16), b'"n":%d,"pad":"%b"' % (number, pad))


class Box:
    """One folder with a file of which a page is destroyed, and what its lives declare lost."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.folder = folder
        self._settings = settings or Settings(linger=0.0)
        self.lost: list[tuple[str, int]] = []
        self.dies = False

    def open(self):
        return open_outbox(
            self.folder,
            "rfid",
            self._settings,
            machine_id="box-1",
            clock=lambda: 1_790_000_000.0,
            declare=self._declare,
        )

    def _declare(self, stream, _epoch, first, last, **_) -> Draft:
        if self.dies:
            raise OSError(errno.EIO, "power is gone")
        self.lost += [(stream, number) for number in range(first, last + 1)]
        return Draft("loss", None, bytes(16), b'"type":"readpoint.loss.v1"')

    async def fill(self) -> str:
        async with self.open() as outbox:
            for number in range(EVENTS):
                outbox.put(Work((event(number, 600),)))
            await outbox.flush()
            return outbox.stream

    def hurt(self) -> None:
        with (self.folder / database.FILE).open("r+b") as file:
            file.seek(file.seek(0, 2) // 2 // database.PAGE * database.PAGE)
            file.write(b"\xa5" * database.PAGE)

    async def kept(self, outbox: Outbox) -> list[tuple[str, int]]:
        """What is in the file once all is saved that can be."""
        async with asyncio.timeout(BOUND):
            while quarantine.unsaved(self.folder):  # noqa: ASYNC110 - another thread unlinks it
                await asyncio.sleep(0.02)
        await outbox.flush()
        rows = [await outbox.show(epoch=row.epoch, sequence=row.sequence) for row in await outbox.rows(limit=10_000)]
        return [(json.loads(row.payload)["stream"], row.sequence) for row in rows if row and row.channel == "epcis"]


async def all_there(box: Box, stream: str, fewest: int = EVENTS // 2) -> None:
    async with box.open() as outbox:
        kept = await box.kept(outbox)
        assert outbox.stream != stream
        assert len(kept) > fewest
        assert sorted(kept + box.lost) == [(stream, number) for number in range(1, EVENTS + 1)], (
            "once each, or declared"
        )


async def until_it_dies(box: Box) -> None:
    async with box.open(), asyncio.timeout(BOUND):
        await asyncio.Event().wait()


@pytest.mark.parametrize("moved", [0, 1])
async def test_while_its_files_are_moved(tmp_path, monkeypatch, moved):
    box = Box(tmp_path)
    stream = await box.fill()
    box.hurt()
    rename, calls = Path.rename, []

    def failing(path: Path, to: Path) -> Path:
        calls.append(path)
        if len(calls) > moved:
            raise OSError(errno.EIO, "power is gone")
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(Exception, match="power is gone"):
        async with box.open():
            pass
    monkeypatch.undo()
    assert (tmp_path / database.FILE).exists()
    await all_there(box, stream)


async def test_before_the_new_file_knows_of_the_damaged_one(tmp_path):
    box = Box(tmp_path)
    stream = await box.fill()
    box.hurt()
    connection, renewed = quarantine.open_or_set_aside(tmp_path, 1_790_000_000.0)
    connection.close()
    assert renewed
    await all_there(box, stream)


async def test_before_there_is_a_new_file(tmp_path):
    box = Box(tmp_path)
    stream = await box.fill()
    box.hurt()
    connection, _ = quarantine.open_or_set_aside(tmp_path, 1_790_000_000.0)
    connection.close()
    for file in tmp_path.glob(f"{database.FILE}*"):
        file.unlink()
    (tmp_path / "damaged").write_text("it was")
    await all_there(box, stream)


@pytest.mark.parametrize("lost", ["file", "tail", "backup"])
async def test_before_what_is_missing_was_declared(tmp_path, lost):
    box = Box(tmp_path)
    stream = await box.fill()
    file, mark = tmp_path / database.FILE, tmp_path / high_water.NAME
    water = high_water.read(tmp_path)
    first, last = {"file": (1, EVENTS), "tail": (EVENTS + 1, EVENTS + 5), "backup": (2, 7)}[lost]
    if lost == "file":
        file.unlink()
    elif lost == "tail":
        water = water._replace(last=last)
    else:
        water = water._replace(epoch=3, base=EVENTS, first=first, last=last)
    mark.write_bytes(water.encode())
    box.dies = True
    for _ in range(3):
        with pytest.raises(OutboxFailed, match="power is gone"):
            await until_it_dies(box)
        assert mark.read_bytes() == water.encode()
    box.dies = False
    for _ in range(2):
        async with box.open() as outbox:
            await outbox.flush()
            assert outbox.epoch > water.epoch
    assert box.lost == [(stream, number) for number in range(first, last + 1)]


async def test_none_of_many_damaged_files_goes_before_it_is_saved(tmp_path, monkeypatch):
    box, streams = Box(tmp_path), []
    monkeypatch.setattr(Salvage, "start", lambda _: None)
    for _ in range(quarantine.KEPT + 2):
        streams.append(await box.fill())
        box.hurt()
    async with box.open():
        pass
    monkeypatch.undo()
    assert len(quarantine.unsaved(tmp_path)) == quarantine.KEPT + 2
    async with box.open() as outbox:
        found = await box.kept(outbox)
    every = [(stream, number) for stream in streams for number in range(1, EVENTS + 1)]
    assert sorted(found + box.lost) == sorted(every), "once each, or declared"
    assert len(list((tmp_path / quarantine.FOLDER).glob(f"*/{database.FILE}"))) == quarantine.KEPT


async def test_while_it_is_being_saved_declares_nothing_twice(tmp_path, monkeypatch):
    """Every seventh event is damaged: what is gone comes in many declarations."""
    box = Box(tmp_path)
    stream = await box.fill()
    with closing(sqlite3.connect(tmp_path / database.FILE)) as connection, connection:
        connection.execute("UPDATE events SET crc = crc + 1 WHERE sequence % 7 = 0")
    (tmp_path / "damaged").write_text("it was")
    monkeypatch.setattr("gateway.outbox.salvage.CHUNK", 5)
    for most in range(1, 32, 6):
        brought = []
        monkeypatch.setattr(_Courier, "bring", _ends_after(most, brought, _Courier.bring))
        async with box.open(), asyncio.timeout(BOUND):
            while len(brought) < most and quarantine.unsaved(tmp_path):  # noqa: ASYNC110 - another thread
                await asyncio.sleep(0.005)
        monkeypatch.undo()
        monkeypatch.setattr("gateway.outbox.salvage.CHUNK", 5)
    await all_there(box, stream, fewest=1)
    assert len(box.lost) == EVENTS // 7


async def test_where_there_is_little_room_what_was_sent_makes_some(tmp_path, monkeypatch):
    """A chunk of what is saved may need more than is kept free."""
    box = Box(tmp_path, Settings(linger=0.0, max_size=1 << 20))
    async with box.open() as outbox:
        for number in range(120):
            outbox.put(Work((event(number, 5000),)))
        await outbox.flush()
        stream = outbox.stream
    (tmp_path / "damaged").write_text("it was")
    monkeypatch.setattr(Salvage, "start", lambda _: None)
    async with box.open() as outbox:
        for number in range(150):
            outbox.put(Work((event(number, 5000),)))
        await outbox.flush()
        outbox.settle([row.rowid for row in await outbox.claim("live", 150, 1 << 22)])
    monkeypatch.undo()
    async with box.open() as outbox:
        kept = await box.kept(outbox)
    assert [number for name, number in kept if name == stream] == list(range(1, 121))
    assert box.lost == []


def _ends_after(most: int, brought: list[Chunk], bring):
    """The process ends when so many chunks are stored."""

    def some(courier: _Courier, chunk: Chunk) -> bool:
        if len(brought) == most:
            return False
        brought.append(chunk)
        return bring(courier, chunk)

    return some


async def test_before_anything_was_decided_what_was_present_is_still_not_known(tmp_path):
    box = Box(tmp_path)
    await box.fill()
    box.hurt()
    for _ in range(3):
        async with box.open() as outbox:
            await box.kept(outbox)
            assert outbox.fresh
    async with box.open() as outbox:
        outbox.put(Work((Draft("epcis", "dock-1", bytes(16), b'"n":1'),)))
    async with box.open() as outbox:
        assert not outbox.fresh


async def test_after_a_start_that_was_too_short_for_all_of_a_large_file(tmp_path, monkeypatch):
    """Damage among rows that were sent long ago: nobody reads them, and they are found all the same."""
    monkeypatch.setattr(database, "_CHECKED_WHOLE", 8 * database.PAGE)
    monkeypatch.setattr(patrol, "PAUSE", 0.005)
    monkeypatch.setattr(patrol, "STEP", 20)
    box = Box(tmp_path)
    stream = await box.fill()
    async with box.open() as outbox:
        outbox.settle([row.rowid for row in await outbox.claim("historical", EVENTS, 1 << 20)])
    box.hurt()
    with pytest.raises(OutboxFailed, match=r"malformed|never stored"):
        await until_it_dies(box)
    await all_there(box, stream)


def test_what_there_is_no_room_for_is_offered_again():
    mailbox, closed, chunk = Mailbox(), threading.Event(), Chunk([], [(1, 2)])
    answers, offered, brought = [True, False], [], []

    def store(some: Chunk) -> bool:
        offered.append(some)
        return answers.pop()

    courier = threading.Thread(
        target=lambda: brought.append(_Courier(store, mailbox, closed).bring(chunk)), daemon=True
    )
    courier.start()
    while len(offered) < 2:
        mailbox.wait(BOUND)
        while mailbox.commands:
            mailbox.commands.popleft()()
    courier.join(BOUND)
    assert (offered, brought) == ([chunk, chunk], [True])
