"""The durable queue on real files: what is put comes out once, in order, and stays until it is settled."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from pathlib import Path

import pytest

from gateway.config.site import Outbox as Settings
from gateway.model import Absent, Draft, Identity, Present, Sighting, Work
from gateway.outbox import high_water
from gateway.outbox.store import OutboxError, Selection, open_outbox

BOUND = 30.0
QUICK = Settings(linger=0.001)
PALLET = Identity(
    "urn:epc:id:sscc:952012.03456789123", "sscc", "instance", "https://id.gs1.org/00/095201234567891235", 0
)


def draft(number: int, *, channel="epcis", name="dock-1", size=0) -> Draft:
    made = uuid.UUID(int=(0x0192F7C16B2E << 80) | (7 << 76) | (2 << 62) | number)
    body = f'"id":"urn:uuid:{made}","data":{{"number":{number},"pad":"{"x" * size}"}}'
    return Draft(channel, name, made.bytes, body.encode())


def work(*numbers: int, **options) -> Work:
    return Work(tuple(draft(number, **options) for number in numbers))


def number_of(row) -> int:
    return json.loads(row.payload)["data"]["number"]


def outbox_in(folder: Path, settings: Settings = QUICK, **options):
    return open_outbox(folder, "rfid", settings, machine_id="box-1", **options)


async def test_a_stored_event_is_a_numbered_cloudevent(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(1, 2))
        await outbox.flush()
        first, second = await outbox.claim("live", 10, 1 << 20)
        event = json.loads(second.payload)
        assert list(event)[:5] == ["specversion", "stream", "epoch", "sequence", "clock"]
        assert (event["specversion"], event["stream"], event["epoch"]) == ("1.0", outbox.stream, outbox.epoch)
        assert event["sequence"] == str(second.sequence) == "2"
        assert event["clock"] in {"synchronized", "holdover"}
        assert (first.sequence, first.channel, first.name) == (1, "epcis", "dock-1")
        assert second.rowid > first.rowid


async def test_presence_is_stored_with_its_event(tmp_path):
    there = Present(PALLET, "dock-1", 100.0, 100.5)
    other = Present(PALLET, "belt-1", 101.0, 101.5)
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(Work((draft(1),), (there, other)))
        outbox.put(Work((draft(2),), (Absent(PALLET.uri, "dock-1"),)))
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert outbox.presence() == [other]
        outbox.put(Work((), (there, Absent(PALLET.uri, "belt-1"), other, Absent(PALLET.uri, "dock-1"))))
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert outbox.presence() == [other]


async def test_last_seen_is_written_with_the_next_commit_and_revives_nobody(tmp_path):
    there = Present(PALLET, "dock-1", 100.0, 100.0)
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(Work((draft(1),), (there,)))
        await outbox.flush()
        outbox.touch([Sighting(PALLET.uri, "dock-1", 160.0), Sighting(PALLET.uri, "belt-1", 100.0)])
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert outbox.presence() == [Present(PALLET, "dock-1", 100.0, 160.0)]


async def test_callbacks_and_listeners_hear_of_the_commit_that_covers_them(tmp_path):
    told, heard = asyncio.Event(), []
    async with outbox_in(tmp_path / "rfid") as outbox:
        stop = outbox.listen(heard.extend)
        outbox.put(Work((draft(1), draft(2)), stored=(told.set,)))
        await asyncio.wait_for(told.wait(), BOUND)
        assert outbox.stats.pending == 2
        assert [number_of(row) for row in heard] == [1, 2]
        stop()
        outbox.put(work(3))
        await outbox.flush()
    assert len(heard) == 2


async def test_works_put_together_share_a_commit(tmp_path):
    async with outbox_in(tmp_path / "rfid", Settings(linger=0.2)) as outbox:
        before = outbox.stats.commits
        for number in range(100):
            outbox.put(work(number))
        assert outbox.backlog == 100
        await asyncio.wait_for(outbox.drained(1), BOUND)
        assert outbox.stats.appended == 100
        assert outbox.stats.commits <= before + 2


async def test_claims_go_up_within_their_bounds_and_never_overlap(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(*range(10), size=1000))
        await outbox.flush()
        by_count = await outbox.claim("live", 3, 1 << 20)
        by_size = await outbox.claim("live", 100, 2500)
        at_least_one = await outbox.claim("live", 100, 1)
        rest = await outbox.claim("live", 100, 1 << 20)
        assert [[number_of(row) for row in rows] for rows in (by_count, by_size, at_least_one, rest)] == [
            [0, 1, 2],
            [3, 4],
            [5],
            [6, 7, 8, 9],
        ]
        outbox.release([row.rowid for row in by_size])
        assert [number_of(row) for row in await outbox.claim("live", 100, 1 << 20)] == [3, 4]


async def test_after_a_reconnect_the_backlog_is_another_lane(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(1, 2, 3, 4))
        await outbox.flush()
        in_flight = await outbox.claim("live", 1, 1 << 20)
        sent = await outbox.claim("live", 1, 1 << 20)
        outbox.settle([row.rowid for row in sent])
        await outbox.begin_live()
        outbox.put(work(5))
        await outbox.flush()
        assert [number_of(row) for row in await outbox.claim("live", 9, 1 << 20)] == [5]
        assert [number_of(row) for row in await outbox.claim("historical", 9, 1 << 20)] == [3, 4]
        outbox.release([row.rowid for row in in_flight])
        assert await outbox.claim("live", 9, 1 << 20) == []
        assert [number_of(row) for row in await outbox.claim("historical", 9, 1 << 20)] == [1]


async def test_what_was_not_settled_is_pending_again_after_a_restart(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(1, 2, 3))
        await outbox.flush()
        rows = await outbox.claim("live", 2, 1 << 20)
        outbox.settle([rows[0].rowid])
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert (outbox.stats.pending, outbox.stats.sent) == (2, 1)
        assert await outbox.claim("live", 9, 1 << 20) == []
        assert [number_of(row) for row in await outbox.claim("historical", 9, 1 << 20)] == [2, 3]


async def test_changed_tells_a_waiter_of_new_and_released_rows(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        waiting = asyncio.create_task(outbox.changed())
        outbox.put(work(1))
        await asyncio.wait_for(waiting, BOUND)
        rows = await outbox.claim("live", 9, 1 << 20)
        waiting = asyncio.create_task(outbox.changed())
        outbox.release([rows[0].rowid])
        await asyncio.wait_for(waiting, BOUND)
        assert len(await outbox.claim("live", 9, 1 << 20)) == 1


async def test_a_cancelled_claim_leaves_nothing_in_hand(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(1))
        await outbox.flush()
        claiming = asyncio.create_task(outbox.claim("live", 9, 1 << 20))
        await asyncio.sleep(0)  # lets the task ask, and no more
        claiming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claiming
        async with asyncio.timeout(BOUND):
            while not await outbox.claim("live", 9, 1 << 20):
                await outbox.changed()


async def test_a_dead_letter_is_declared_and_can_be_sent_again(tmp_path):
    losses = []

    def declare(stream, epoch, first, last, *, count, reason, time):
        losses.append((stream, epoch, first, last, count, reason))
        return draft(900 + len(losses), channel="loss", name=None)

    async with outbox_in(tmp_path / "rfid", declare=declare) as outbox:
        outbox.put(work(1, 2, 3, 4))
        await outbox.flush()
        rows = await outbox.claim("live", 9, 1 << 20)
        outbox.dead([rows[0].rowid, rows[1].rowid, rows[3].rowid], "0x99: payload format invalid")
        async with asyncio.timeout(BOUND):
            while outbox.stats.dead < 3:
                await outbox.changed()
        assert losses == [
            (outbox.stream, outbox.epoch, 1, 2, 2, "dead-letter"),
            (outbox.stream, outbox.epoch, 4, 4, 1, "dead-letter"),
        ]
        declared = await outbox.claim("live", 9, 1 << 20)
        assert [(row.channel, row.sequence) for row in declared] == [("loss", 5), ("loss", 6)]
        outbox.settle([rows[0].rowid])  # an answer that comes too late
        outbox.put(Work())
        await outbox.flush()
        dead = await outbox.rows("dead")
        assert [(row.sequence, row.reason) for row in dead] == [(n, "0x99: payload format invalid") for n in (1, 2, 4)]
        selection = Selection(reason="0x99: payload format invalid")
        assert await outbox.resend(selection, dry_run=True) == 3
        assert await outbox.resend(Selection(reason="another")) == 0
        assert await outbox.resend(selection) == 3
        again = await outbox.claim("live", 9, 1 << 20)
        assert [row.payload for row in again] == [rows[0].payload, rows[1].payload, rows[3].payload]
        assert outbox.stats.dead == 0
        outbox.dead([row.rowid for row in declared], "0x99: payload format invalid")
        await outbox.flush()
        outbox.put(work(7))
        await outbox.flush()
        assert len(losses) == 2, "a refused declaration is not declared in turn"


async def test_rows_can_be_looked_at_by_state_number_and_id(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(*range(1, 11)))
        await outbox.flush()
        sent = await outbox.claim("live", 4, 1 << 20)
        outbox.settle([row.rowid for row in sent])
        outbox.put(work(11))
        await asyncio.wait_for(outbox.flush(), BOUND)
        everything = await outbox.rows(limit=100)
        assert [entry.sequence for entry in everything] == list(range(1, 12))
        page = await outbox.rows(limit=3, after=everything[5].rowid)
        assert [entry.sequence for entry in page] == [7, 8, 9]
        assert everything[0].size == len(sent[0].payload)
        assert await outbox.show(sequence=2) == sent[1]
        assert await outbox.show(epoch=outbox.epoch, sequence=99) is None
        assert await outbox.show(epoch=outbox.epoch + 1, sequence=1) is None
        assert await outbox.show(id=uuid.UUID(bytes=draft(3).id)) == sent[2]
        assert await outbox.show(id=uuid.UUID(bytes=draft(77).id)) is None
        assert [(epoch.epoch, epoch.last) for epoch in await outbox.epochs()] == [(outbox.epoch, 11)]
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(12))
        await outbox.flush()
        old, new = await outbox.epochs()
        assert (old.last, old.pending, new.last, new.pending) == (11, 7, 1, 1)
        assert [entry.sequence for entry in await outbox.rows("sent")] == [1, 2, 3, 4]
        assert [entry.epoch for entry in await outbox.rows("pending")] == [old.epoch] * 7 + [new.epoch]


async def test_sent_rows_go_when_their_time_is_over_and_numbers_go_on(tmp_path):
    now = [1_800_000_000.0]
    settings = Settings(linger=0.001, keep_sent=3600.0)
    async with outbox_in(tmp_path / "rfid", settings, clock=lambda: now[0]) as outbox:
        outbox.put(work(1, 2, 3))
        await outbox.flush()
        rows = await outbox.claim("live", 2, 1 << 20)
        outbox.settle([row.rowid for row in rows])
        first = outbox.epoch
    now[0] += 1800.0
    async with outbox_in(tmp_path / "rfid", settings, clock=lambda: now[0]) as outbox:
        outbox.put(work(4))
        await outbox.flush()
        assert (outbox.stats.stored, outbox.stats.sent) == (4, 2)
        rows = await outbox.claim("historical", 9, 1 << 20) + await outbox.claim("live", 9, 1 << 20)
        outbox.settle([row.rowid for row in rows])
    now[0] += 3601.0
    async with outbox_in(tmp_path / "rfid", settings, clock=lambda: now[0]) as outbox:
        outbox.put(work(5))
        await outbox.flush()
        assert (outbox.stats.stored, outbox.stats.pending) == (1, 1)
        [entry] = await outbox.rows()
        assert (entry.sequence, entry.rowid) == (1, 5)
        assert entry.epoch > first + 1, "an hour out of use: it may have come back from a backup"


async def test_a_clock_that_is_set_ahead_makes_no_sent_row_old(tmp_path, monkeypatch):
    """By a day: the centre may still ask for what was sent a moment ago."""
    for often in ("_EVERY", "_SWEEP_EVERY"):
        monkeypatch.setattr(f"gateway.outbox.retention.{often}", 0.0)
    now = [1_800_000_000.0]
    settings = Settings(linger=0.001, keep_sent=3600.0)
    async with outbox_in(tmp_path / "rfid", settings, clock=lambda: now[0]) as outbox:
        outbox.put(work(1, 2, 3))
        await outbox.flush()
        outbox.settle([row.rowid for row in await outbox.claim("live", 9, 1 << 20)])
        for number in range(4, 8):
            outbox.put(work(number))
            await outbox.flush()
            if number == 5:
                now[0] += 86_400.0
        assert (outbox.stats.stored, outbox.stats.sent) == (7, 3)


async def test_an_idle_outbox_writes_nothing(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(1))
        await outbox.flush()
        async with asyncio.timeout(30):
            while (mark := high_water.read(tmp_path / "rfid")) is None or mark.last < 1:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.02)
        written = _written(tmp_path / "rfid")
        for _ in range(20):
            await outbox.claim("live", 1, 1)
            outbox.touch([Sighting(PALLET.uri, "dock-1", 2.0)])
            await outbox.rows()
        assert _written(tmp_path / "rfid") == written


def _written(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((item.name, item.stat().st_mtime_ns, item.stat().st_size) for item in os.scandir(folder))


async def test_a_closed_outbox_says_so(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        pass
    with pytest.raises(OutboxError, match="closed"):
        outbox.put(work(1))
    with pytest.raises(OutboxError, match="closed"):
        await outbox.claim("live", 1, 1)


async def test_the_body_s_own_error_comes_out_and_what_was_put_is_stored(tmp_path):
    async def body() -> None:
        async with outbox_in(tmp_path / "rfid") as outbox:
            outbox.put(work(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await body()
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert outbox.stats.pending == 1


async def test_rows_that_come_back_after_the_end_are_pending_at_the_next_opening(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        outbox.put(work(1))
        await outbox.flush()
        rows = await outbox.claim("live", 10, 1 << 20)
    outbox._give_back(rows)  # what a claim does that was cancelled and is answered late
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert [number_of(row) for row in await outbox.claim("historical", 10, 1 << 20)] == [1]


async def test_a_position_is_that_of_what_was_put_before_it(tmp_path):
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert await outbox.position() == 0
        outbox.put(Work((draft(1), draft(2))))
        before = asyncio.ensure_future(outbox.position())
        await asyncio.sleep(0)
        outbox.put(Work((draft(3),)))
        # All of it is one commit, and yet the third event is behind the position.
        assert await before == 2
        assert await outbox.position() == 3
    async with outbox_in(tmp_path / "rfid") as outbox:
        assert await outbox.position() == 0
