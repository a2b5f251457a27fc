"""Damage: a flipped bit costs one row and is declared; a disk that fails ends the outbox at once."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Work
from gateway.outbox.database import FILE, begin, open_file
from gateway.outbox.ledger import SENT, Ledger
from gateway.outbox.store import OutboxFailed, open_outbox

BOUND = 30.0


def work(number: int, size: int = 0) -> Work:
    return Work(
        (
            Draft(
                "epcis",
                "dock-1",
                number.to_bytes(16, "big"),
                b'"n":%d,"pad":"%s"' % (number, os.urandom(size // 2).hex().encode()),
            ),
        )
    )


def outbox_in(folder: Path, **options):
    return open_outbox(folder, "rfid", Settings(linger=0.001), machine_id="box-1", **options)


def into(losses: list[tuple[object, ...]]):
    """Declares losses, and notes them."""

    def declare(stream, epoch, first, last, *, count, reason, time):
        losses.append((stream, epoch, first, last, count, reason))
        return Draft("loss", None, bytes(16), b'"type":"readpoint.loss.v1"')

    return declare


@pytest.mark.parametrize(
    "damage",
    [
        "payload = CAST(substr(payload, 1, length(payload) - 3) || 'x' || substr(payload, -2) AS BLOB)",
        "payload = x'01ff'",
        "payload = x''",
        "channel = 'health'",
        "name = 'dock-3'",
        "crc = crc + 1",
    ],
)
async def test_a_damaged_row_is_never_sent_and_its_number_is_declared(tmp_path, damage):
    losses = []
    async with outbox_in(tmp_path) as outbox:
        for number in range(1, 5):
            outbox.put(work(number))
        stream, epoch = outbox.stream, outbox.epoch
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute(f"UPDATE events SET {damage} WHERE sequence = 2")
    async with outbox_in(tmp_path, declare=into(losses)) as outbox:
        rows = await outbox.claim("historical", 9, 1 << 20)
        assert [row.sequence for row in rows] == [1, 3, 4]
        async with asyncio.timeout(BOUND):
            while not outbox.stats.dead:
                await outbox.changed()
        assert losses == [(stream, epoch, 2, 2, 1, "corrupt")]
        assert outbox.stats.corrupt == 1
        [dead] = await outbox.rows("dead")
        assert (dead.sequence, dead.reason) == (2, "corrupt")
        [loss] = await outbox.claim("live", 9, 1 << 20)
        assert loss.channel == "loss"


@pytest.mark.parametrize("flip", ["epoch = epoch + 16", "epoch = epoch - 1", "sequence = sequence + 64"])
async def test_numbers_beside_a_damaged_event_are_damaged_too_and_its_own_is_declared(tmp_path, flip):
    """In the second of three epochs, so that there is another one to be taken for it."""
    losses = []
    for _ in range(2):
        async with outbox_in(tmp_path) as outbox:
            for number in range(1, 5):
                outbox.put(work(number))
            stream, epoch = outbox.stream, outbox.epoch
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute(f"UPDATE events SET crc = crc + 1, {flip} WHERE epoch = 2 AND sequence = 2")
    async with outbox_in(tmp_path, declare=into(losses)) as outbox:
        assert len(await outbox.claim("historical", 9, 1 << 20)) == 7
        async with asyncio.timeout(BOUND):
            while not outbox.stats.dead:
                await outbox.changed()
    assert losses == [(stream, epoch, 2, 2, 1, "corrupt")]


@pytest.mark.parametrize("flip", ["epoch = epoch + 16", "epoch = epoch - 1", "sequence = sequence + 64"])
def test_what_leaves_the_file_is_told_by_its_row_id_where_its_numbers_are_damaged(tmp_path, flip):
    lost = []
    declare = into(lost)
    for now in (1.0, 2.0):
        with closing(open_file(tmp_path / FILE)) as connection:
            life = begin(connection, "rfid", "box-1", now)
            ledger = Ledger(connection, life, declare)
            with ledger.transaction():
                rows = ledger.append((draft for number in range(4) for draft in work(number).drafts), now, "synced")
    with closing(open_file(tmp_path / FILE)) as connection:
        ledger = Ledger(connection, begin(connection, "rfid", "box-1", 3.0), declare)
        with ledger.transaction():
            ledger.settle([row.rowid for row in rows[2:]], SENT, 3.0)
            connection.execute(f"UPDATE events SET {flip} WHERE epoch = 2 AND sequence IN (2, 3)")
            ledger.drop([rows[0].rowid, rows[1].rowid], "full", 3.0, "synced")
            ledger.purge(4.0, 100)
        assert [loss[1:5] for loss in lost] == [(2, 1, 2, 2)]
        assert connection.execute("SELECT epoch, gone FROM epochs ORDER BY epoch").fetchall() == [
            (1, 0),
            (2, 4),
            (3, 0),
        ]
        assert ledger.counts == (5, 5, 0)


@pytest.mark.parametrize("at", [18, 47])
@pytest.mark.parametrize("bit", range(8))
async def test_a_bit_of_the_header_that_sqlite_only_refuses_costs_nothing(tmp_path, at, bit):
    async with outbox_in(tmp_path) as outbox:
        outbox.put(work(1))
        await outbox.flush()
        before = outbox.stream
    content = bytearray((tmp_path / FILE).read_bytes())
    content[at] ^= 1 << bit
    (tmp_path / FILE).write_bytes(content)
    async with outbox_in(tmp_path) as outbox:
        outbox.put(work(2))
        await outbox.flush()
        assert outbox.stream == before
        assert len(await outbox.claim("historical", 9, 1 << 20)) == 1
    assert not (tmp_path / "quarantine").exists()


@pytest.mark.parametrize("column", ["name", "machine"])
async def test_a_name_of_a_stream_that_is_no_text_is_set_aside_by_the_first_start(tmp_path, column):
    async with outbox_in(tmp_path) as outbox:
        outbox.put(work(1))
        await outbox.flush()
        before = outbox.stream
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute(f"UPDATE streams SET {column} = CAST(x'80ff41' AS TEXT)")
    async with outbox_in(tmp_path) as outbox:
        assert outbox.stream != before
        assert [one.name[:6] for one in (tmp_path / "quarantine").iterdir()] == ["000001"]


@contextmanager
def largest_file(size: int):
    """Writes beyond that offset fail with EFBIG: an I/O error that is not a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_failed_write_reaches_whoever_holds_the_outbox(tmp_path):
    async def hold() -> None:
        async with outbox_in(tmp_path) as outbox:
            outbox.put(work(1))
            await outbox.flush()
            with largest_file(512 * 1024):
                outbox.put(work(2, size=1 << 20))
                await asyncio.Event().wait()

    with pytest.raises(OutboxFailed, match="disk I/O error"):
        await asyncio.wait_for(hold(), BOUND)
    async with outbox_in(tmp_path) as outbox:
        assert [row.sequence for row in await outbox.claim("historical", 9, 1 << 24)] == [1]


async def test_a_failed_write_reaches_whoever_waits_for_it(tmp_path):
    async def hold() -> None:
        async with outbox_in(tmp_path) as outbox:
            with largest_file(512 * 1024):
                outbox.put(work(2, size=1 << 20))
                async with asyncio.TaskGroup() as group:
                    group.create_task(outbox.flush())
                    group.create_task(outbox.drained(1))

    with pytest.raises((OutboxFailed, ExceptionGroup)) as caught:
        await asyncio.wait_for(hold(), BOUND)
    assert isinstance(caught.value, OutboxFailed) or caught.value.subgroup(OutboxFailed)


async def test_a_bug_in_the_writer_s_thread_is_not_swallowed(tmp_path):
    async def hold() -> None:
        async with outbox_in(tmp_path) as outbox:
            outbox.put(Work((Draft("epcis", "dock-1", b"", "text, not bytes"),)))
            await asyncio.Event().wait()

    with pytest.raises(OutboxFailed) as caught:
        await asyncio.wait_for(hold(), BOUND)
    assert isinstance(caught.value.__cause__, TypeError)
