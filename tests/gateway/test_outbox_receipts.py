"""What the centre says it has: believed only where it can be true, and never at the cost of a row."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import tempfile
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Work
from gateway.outbox import receipts, runs
from gateway.outbox.database import FILE
from gateway.outbox.runs import Runs
from gateway.outbox.store import Outbox, open_outbox
from gateway.outbox.values import Receipt

BOUND = 30.0
HOUR = 3600.0


class Box:
    """An outbox with a clock to be set, whose declarations are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = 1_790_000_000.0
        self.declared: list[tuple[int, int, int, str]] = []

    def open(self, **options: object):
        settings = Settings(linger=0.0, **options)
        return open_outbox(
            self.folder, "rfid", settings, machine_id="box-1", clock=lambda: self.now, declare=self._declare
        )

    def _declare(self, stream, epoch, first, last, *, count, reason, time) -> Draft:
        assert count == last - first + 1
        self.declared.append((epoch, first, last, reason))
        return Draft("loss", None, bytes(16), b'"n":0')


async def store(outbox: Outbox, count: int) -> None:
    for number in range(count):
        outbox.put(Work((Draft("epcis", "dock-1", bytes(16), b'"n":%d' % number),)))
    await outbox.flush()


async def send(outbox: Outbox, count: int) -> list[int]:
    """Claim and settle; the sequences."""
    rows = await outbox.claim("live", count, 1 << 20)
    outbox.settle([row.rowid for row in rows])
    outbox.put(Work())
    await outbox.flush()
    return [row.sequence for row in rows]


async def states(outbox: Outbox) -> dict[int, str]:
    return {entry.sequence: entry.state for entry in await outbox.rows(limit=100_000)}


async def sweep(box: Box, seconds: float) -> dict[tuple[int, int], str]:
    """So much later the outbox is opened again: what is left once nothing more is removed."""
    box.now += seconds
    async with box.open() as outbox, asyncio.timeout(BOUND):
        await store(outbox, 1)
        await outbox.flush()
        entries = await outbox.rows(limit=100_000)
        return {(entry.epoch, entry.sequence): entry.state for entry in entries if entry.epoch == 1}


async def test_a_confirmed_row_goes_after_an_hour_and_no_other(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 10)
        assert await send(outbox, 8) == list(range(1, 9))
        verdict = await outbox.acknowledge(Receipt(outbox.stream, 1, 5))
        assert verdict == (None, (), True)
        assert await states(outbox) | {} == dict.fromkeys(range(1, 9), "sent") | {9: "pending", 10: "pending"}
        await store(outbox, 0)
    async with box.open() as outbox:
        confirmed = dict.fromkeys(range(1, 6), "confirmed")
        assert await states(outbox) == confirmed | dict.fromkeys((6, 7, 8), "sent") | {9: "pending", 10: "pending"}
        assert [entry.sequence for entry in await outbox.rows("confirmed")] == [1, 2, 3, 4, 5]
        assert [entry.sequence for entry in await outbox.rows("sent")] == [6, 7, 8]
        assert (await outbox.epochs())[0].confirmed == 5
    assert len(await sweep(box, HOUR - 60)) == 10
    assert sorted(await sweep(box, 120)) == [(1, number) for number in range(6, 11)]
    assert sorted(await sweep(box, 72 * HOUR)) == [(1, 9), (1, 10)]


async def test_what_is_missing_keeps_everything_from_there_on(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 10)
        await send(outbox, 10)
        verdict = await outbox.acknowledge(Receipt(outbox.stream, 1, 9, [(6, 7), (3, 3)]))
        assert verdict == (None, ((3, 3), (6, 7)), True)
        rows, then = await outbox.again(6, 7, 10, 1 << 20)
        assert ([row.sequence for row in rows], then) == ([6, 7], None)
        rows, then = await outbox.again(1, 10, 4, 1 << 20)
        assert ([row.sequence for row in rows], then) == ([1, 2, 3, 4], 5)
        rows, then = await outbox.again(1, 10, 100, 1)
        assert ([row.sequence for row in rows], then) == ([1], 2)
        await outbox.flush()
        assert set((await states(outbox)).values()) <= {"sent", "confirmed"}
    async with box.open() as outbox:
        assert (await outbox.epochs())[0].confirmed == 2
    assert box.declared == []


async def test_what_is_gone_is_declared_once_and_a_dead_letter_by_its_reason(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 10)
        await send(outbox, 6)
        await outbox.acknowledge(Receipt(outbox.stream, 1, 4))
        [row] = await outbox.claim("live", 1, 1 << 20)
        outbox.dead([row.rowid], "0x99")
        await outbox.flush()
    box.declared.clear()
    await sweep(box, 2 * HOUR)
    async with box.open() as outbox:
        stream = outbox.stream
        for _ in range(3):
            verdict = await outbox.acknowledge(Receipt(stream, 1, 0, [(2, 3), (1, 9)]))
            assert verdict.ignored is None
            outbox.put(Work())
            await outbox.flush()
        await store(outbox, 1)
        assert sorted(box.declared) == [(1, 1, 4, "full"), (1, 7, 7, "dead-letter")]
        assert (await states(outbox))[8] == "pending"


async def test_what_was_sent_and_is_damaged_since_is_declared_when_it_is_asked_for(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 6)
        await send(outbox, 6)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute("UPDATE events SET payload = x'01ff' WHERE sequence = 4")
    async with box.open() as outbox:
        await outbox.acknowledge(Receipt(outbox.stream, 1, 6, [(3, 5)]))
        rows, _ = await outbox.again(3, 5, 10, 1 << 20)
        assert [row.sequence for row in rows] == [3, 5]
        outbox.put(Work())
        await outbox.flush()
    assert box.declared == [(1, 4, 4, "corrupt")]


@pytest.mark.parametrize(
    ("receipt", "says"),
    [
        (Receipt("other", 1, 1), "for the stream 'other'"),
        (Receipt("", 3, 1), "epoch 3 has never begun"),
        (Receipt("", 2, 11), "number 11 of epoch 2 was never issued"),
        (Receipt("", 2, 1, [(1, 2**63 - 1)]), "was never issued"),
        (Receipt("", 2, 7), "number 7 of epoch 2 was never sent"),
        (Receipt("", 2, 9, [(7, 8)]), "number 9 of epoch 2 was never sent"),
    ],
)
async def test_a_receipt_that_cannot_be_true_changes_nothing(tmp_path, receipt, says):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 3)
    async with box.open() as outbox:
        await store(outbox, 10)
        await send(outbox, 6)
        verdict = await outbox.acknowledge(receipt._replace(stream=receipt.stream or outbox.stream))
        assert says in verdict.ignored
        assert verdict.again == ()
        await store(outbox, 1)
        assert outbox.stats.confirmed == 0
    assert box.declared == []


async def test_a_row_on_its_way_is_not_confirmed_before_the_broker_has_it(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 10)
        rows = await outbox.claim("live", 6, 1 << 20)
        outbox.settle([row.rowid for row in rows[:2]])
        await outbox.flush()
        assert (await outbox.acknowledge(Receipt(outbox.stream, 1, 6))).ignored is None
        await store(outbox, 1)
        assert outbox.stats.confirmed <= 2
        outbox.settle([row.rowid for row in rows[2:]])
        await store(outbox, 1)
        await outbox.flush()
        assert (await outbox.acknowledge(Receipt(outbox.stream, 1, 6))).ignored is None


async def test_an_epoch_that_is_over_and_done_with_is_no_fault_of_the_centres(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        stream = outbox.stream
    async with box.open() as outbox:
        pass
    async with box.open() as outbox:
        assert (await outbox.acknowledge(Receipt(stream, 1, 5))).known is False


NUMBERS = st.integers(0, 60) | st.sampled_from([2**31, 2**62, 2**63 - 1])
RANGES = st.lists(st.tuples(NUMBERS, NUMBERS).map(lambda pair: (min(pair), max(pair))), max_size=5)
STEPS = st.one_of(
    st.tuples(st.just("store"), st.integers(1, 6)),
    st.tuples(st.just("send"), st.integers(1, 6)),
    st.tuples(st.just("hold"), st.integers(1, 3)),
    st.tuples(st.just("bury"), st.integers(1, 2)),
    st.tuples(st.just("later"), st.sampled_from([60.0, 2 * HOUR, 80 * HOUR])),
    st.tuples(st.just("ack"), st.booleans(), st.integers(0, 5), NUMBERS, RANGES),
)


async def _fuzz(folder: Path, steps: list[tuple]) -> None:
    """Every number of every epoch is pending, sent, dead, declared, or was sent and is gone."""
    box = Box(folder)
    issued: set[tuple[int, int]] = set()
    sent: set[tuple[int, int]] = set()
    async with AsyncExitStack() as stack:
        outbox = await stack.enter_async_context(box.open())
        for name, *values in steps:
            if name == "store":
                await store(outbox, *values)
            elif name in {"send", "hold", "bury"}:
                rows = await outbox.claim("historical" if name == "hold" else "live", values[0], 1 << 20)
                if name == "send":
                    outbox.settle([row.rowid for row in rows])
                    sent |= {(row.epoch, row.sequence) for row in rows}
                elif name == "bury":
                    outbox.dead([row.rowid for row in rows], "0x99")
            elif name == "later":
                await stack.aclose()
                box.now += values[0]
                outbox = await stack.enter_async_context(box.open())
            else:
                ours, epoch, upto, missing = values
                verdict = await outbox.acknowledge(Receipt(outbox.stream if ours else "x", epoch, upto, missing))
                for first, last in verdict.again:
                    rows, _ = await outbox.again(first, last, 100, 1 << 20)
                    assert {(row.epoch, row.sequence) for row in rows} <= sent
            await outbox.flush()
            issued |= {(entry.epoch, entry.sequence) for entry in await outbox.rows(limit=10_000)}
            on_file = {(entry.epoch, entry.sequence): entry.state for entry in await outbox.rows(limit=10_000)}
            assert issued - set(on_file) <= sent, "a row that was not delivered is gone"
            assert {key for key, state in on_file.items() if state == "confirmed"} <= sent
        assert len(outbox._writer._receipts._answered) <= runs.MOST


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_whatever_a_centre_says_costs_no_row_that_was_not_delivered(steps):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_fuzz(Path(folder), steps))


async def test_a_centre_that_asks_for_every_other_number_is_answered_so_often_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(receipts, "MOST", 5)
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 100)
        await send(outbox, 100)
        await outbox.acknowledge(Receipt(outbox.stream, 1, 99))
    await sweep(box, 2 * HOUR)
    async with box.open() as outbox:
        for number in range(1, 99, 2):
            await outbox.acknowledge(Receipt(outbox.stream, 1, 99, [(number, number)]))
        await store(outbox, 1)
    assert len(box.declared) == 5


async def test_so_many_rows_are_looked_at_for_all_that_a_receipt_says_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(receipts, "LOOKS", 6)
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 20)
        rows = await outbox.claim("live", 20, 1 << 20)
        for row in rows:
            outbox.dead([row.rowid], "0x99")
        async with asyncio.timeout(BOUND):
            while outbox.stats.dead < 20:
                await outbox.changed()
        box.declared.clear()
        ranges = [(1, 4), (5, 8), (9, 20)]
        for upto in (6, 12):
            await outbox.acknowledge(Receipt(outbox.stream, 1, 20, ranges))
            await store(outbox, 1)
            assert [first for _, first, _, _ in box.declared] == list(range(1, upto + 1))
            ranges = [(7, 8), (9, 20)]


async def test_an_older_file_is_looked_into_and_brought_up(tmp_path):
    box = Box(tmp_path)
    async with box.open() as outbox:
        await store(outbox, 3)
        await send(outbox, 2)
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as connection:
        connection.execute("ALTER TABLE epochs DROP COLUMN confirmed")
        connection.execute("DROP TABLE salvaged")
        connection.execute("ALTER TABLE presence DROP COLUMN seal")
        connection.execute("PRAGMA user_version = 2")
    from gateway.outbox.inspect import stopped

    with stopped(tmp_path) as outside:
        assert outside.count() == {"pending": 1, "sent": 2, "confirmed": 0, "dead": 0}
        assert json.loads(outside.show(1, 3).payload)["sequence"] == "3"
    async with box.open() as outbox:
        assert (await outbox.acknowledge(Receipt(outbox.stream, 1, 2))).ignored is None


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 6)), max_size=40), st.integers(0, 90), st.integers(0, 20))
def test_runs_are_sets(added, first, length):
    known, numbers = Runs(), set()
    for low, more in added:
        known.add(low, low + more)
        numbers |= set(range(low, low + more + 1))
    pieces = list(known)
    assert {one for low, high in pieces for one in range(low, high + 1)} == numbers
    assert all(high + 1 < low for (_, high), (low, _) in itertools.pairwise(pieces))
    outside = [one for low, high in known.outside(first, first + length) for one in range(low, high + 1)]
    assert outside == [one for one in range(first, first + length + 1) if one not in numbers]


def test_runs_stay_few_and_err_on_the_side_of_more(monkeypatch):
    monkeypatch.setattr(runs, "MOST", 3)
    known = Runs()
    for number in (10, 20, 30, 40):
        known.add(number, number)
    assert list(known) == [(10, 20), (30, 30), (40, 40)]
