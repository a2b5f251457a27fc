"""From the inbox to the outbox: what is decided is decided in the time of arrival."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from drivers.contract import Batch, Measurement, Read, Status
from gateway.config.site import Gateway, Outbox
from gateway.identity.resolve import Resolver
from gateway.inbox import Inbox
from gateway.location.engine import Engine
from gateway.messages import Composer
from gateway.model import Identity, Port, Present, ReadPoint, Rules, Transition
from gateway.outbox.inspect import stopped
from gateway.outbox.store import Outbox as OpenOutbox
from gateway.outbox.store import open_outbox
from gateway.pipeline import Pipeline

TAG = bytes.fromhex("3074257bf7194e4000001a85")
START = 1_790_000_000.0
AISLE = ReadPoint(
    name="aisle-a", uri="urn:epc:id:sgln:9521141.12345.aislea", kind="zone", presence_timeout=2.0, dwell=0.5
)
RULES = Rules({"aisle-a": AISLE}, (Port("reader", 1, "aisle-a"),))


@pytest.mark.parametrize("reloaded", [False, True])
async def test_a_wait_for_the_disk_makes_nobody_depart(tmp_path: Path, *, reloaded: bool) -> None:
    """Reads of ten seconds have waited while a minute went by: the tag was there for ten seconds, without a gap.

    A configuration that comes meanwhile changes nothing of that.
    """
    now = START
    async with open_outbox(tmp_path, "rfid", Outbox(), clock=lambda: now) as outbox:
        inbox = Inbox(lambda: now)
        engine = Engine(RULES, Resolver().resolve)
        pipeline = Pipeline(
            inbox, engine, Composer(Gateway("gw-07", "dc1"), "rfid", RULES.read_points), outbox, lambda: now
        )
        inbox.put("reader", Batch((Status(None, "online", "", now),)))
        for _ in range(20):
            now += 0.5
            inbox.put("reader", Batch((Read("epc", TAG, now, 1, -50.0),)))
        now += 60.0
        inbox.close()
        if reloaded:
            pipeline.taps.add(lambda received: pipeline.apply(RULES) if received.time == START + 5.0 else None)
        await pipeline.run()
    with stopped(tmp_path) as rows:
        events = [json.loads(payload)["data"] for payload in rows.payloads()]
    said = [(event["readpoint:observation"]["transition"], event["eventTime"]) for event in events]
    assert said == [("arrived", "2026-09-21T14:13:20.500Z"), ("departed", "2026-09-21T14:13:30.000Z")]


@pytest.mark.parametrize("reloaded", [False, True])
async def test_very_much_that_is_told_at_the_start_is_told_by_and_by(tmp_path: Path, *, reloaded: bool) -> None:
    """A box that took over another one's disk: all that is present is told again, and others have their turn."""
    there = [
        Present(Identity(f"urn:n:{number}", "raw", "instance"), "aisle-a", START, START, "zone")
        for number in range(5000)
    ]
    async with open_outbox(tmp_path, "rfid", Outbox(), clock=lambda: START) as outbox:
        inbox = Inbox(lambda: START)
        engine = Engine(RULES, Resolver().resolve, there, renewed=True, assume_online=False)
        composer = Composer(Gateway("gw-07", "dc1"), "rfid", RULES.read_points)
        pipeline = Pipeline(inbox, engine, composer, outbox, lambda: START)
        running, turns = asyncio.create_task(pipeline.run()), 0
        async with asyncio.timeout(60.0):
            while not pipeline.begun.is_set():
                await asyncio.sleep(0)
                turns += 1
                if reloaded and turns == 3:
                    pipeline.apply(Rules({}, ()))
        assert turns >= 10 or reloaded
        inbox.close()
        await running
    with stopped(tmp_path) as rows:
        events = [json.loads(payload) for payload in rows.payloads()]
    told = [(one["subject"], one["data"]["readpoint:observation"]["transition"]) for one in events]
    arrived = [(one.object.uri, "arrived") for one in there]
    left = [(one.object.uri, "departed") for one in there]
    assert told[:5000] == arrived
    assert told[5000:] == (left if reloaded else [])


class HostClock:
    """The host's clock, which may be set."""

    def __init__(self) -> None:
        self.set_by = 0.0

    def __call__(self) -> float:
        return time.time() + self.set_by


@asynccontextmanager
async def deciding(folder: Path, clock: HostClock, kind: str) -> AsyncIterator[tuple[Pipeline, Inbox, OpenOutbox]]:
    point = ReadPoint("p", "urn:epc:id:sgln:9521141.12345.0", kind, presence_timeout=60.0)  # type: ignore[arg-type]
    rules = Rules({"p": point}, (Port("reader", 1, "p"),))
    async with open_outbox(folder, "rfid", Outbox(), clock=clock) as outbox:
        inbox = Inbox(clock)
        composer = Composer(Gateway("gw-07", "dc1"), "rfid", rules.read_points)
        pipeline = Pipeline(inbox, Engine(rules, Resolver(1000).resolve), composer, outbox, clock)
        task = asyncio.create_task(pipeline.run())
        yield pipeline, inbox, outbox
        inbox.close()
        await task


def tag(number: int, now: float) -> Read:
    return Read("epc", bytes.fromhex("3034257bf7194e40") + number.to_bytes(4, "big"), now, 1, -50.0)


async def test_a_huge_batch_does_not_hold_the_loop(tmp_path: Path) -> None:
    tags, turns, told = 20_000, 0, asyncio.Event()
    async with deciding(tmp_path, HostClock(), "checkpoint") as (pipeline, inbox, _):
        now = time.time()
        inbox.put("reader", Batch([Status(None, "online", "", now)]))
        inbox.put("reader", Batch([tag(number, now) for number in range(tags)], told.set))
        async with asyncio.timeout(60.0):
            while pipeline.decided < tags:
                await asyncio.sleep(0)
                turns += 1
            await told.wait()
    assert pipeline.decided == tags
    assert turns > 10, "between the first event of a batch and its last, others had their turn"


async def test_a_clock_that_is_set_makes_no_events(tmp_path: Path) -> None:
    clock = HostClock()
    async with deciding(tmp_path, clock, "zone") as (pipeline, inbox, outbox):
        for by in (0.0, 86_400.0, -3600.0, 0.0):
            clock.set_by = by
            decided = asyncio.Event()
            inbox.put("reader", Batch([Status(None, "online", "", clock())]))
            inbox.put("reader", Batch([tag(1, clock())]))
            pipeline.taps = {lambda received, told=decided.set: told()}
            async with asyncio.timeout(60.0):
                await decided.wait()
                while inbox.waiting:  # noqa: ASYNC110 - it has no event to wait for
                    await asyncio.sleep(0.01)
        await outbox.flush()
        rows = await outbox.claim("live", 100, 1_000_000)
    kinds = [json.loads(row.payload)["data"]["readpoint:observation"]["transition"] for row in rows]
    assert kinds == ["arrived"]


async def test_at_the_end_the_file_knows_when_each_was_seen_last(tmp_path: Path) -> None:
    clock = HostClock()
    now = clock()
    async with deciding(tmp_path, clock, "zone") as (_, inbox, _):
        for ago in (2.0, 1.0):
            inbox.put("reader", Batch([tag(1, now - ago)]))
    async with open_outbox(tmp_path, "rfid", Outbox()) as outbox:
        assert [(one.since, one.last_seen, one.kind) for one in outbox.presence()] == [(now - 2.0, now - 1.0, "zone")]


async def test_what_is_shed_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with deciding(tmp_path, HostClock(), "checkpoint") as (pipeline, inbox, _):
        writing_back = asyncio.create_task(pipeline.write_back(0.01))
        await asyncio.sleep(0)
        inbox.put("reader", Batch([tag(1, time.time())] * 100_001))
        async with asyncio.timeout(60.0):
            while not caplog.messages:  # noqa: ASYNC110 - a log has no event to wait for
                await asyncio.sleep(0.01)
        writing_back.cancel()
    assert caplog.messages == ["reads were shed: devices read faster than this box decides and stores"]
    assert vars(caplog.records[0])["reads"] == 100_001


async def test_what_was_measured_is_stored_and_decides_nothing(tmp_path: Path) -> None:
    clock = HostClock()
    now = clock()
    told = asyncio.Event()
    async with deciding(tmp_path, clock, "checkpoint") as (pipeline, inbox, outbox):
        volts = [Measurement("voltage", 230.0 + number, "VLT", "good", now) for number in range(2)]
        inbox.put("reader", Batch([Status(None, "online", "", now)]))
        inbox.put("reader", Batch([volts[0], tag(1, now), volts[1]], told.set))
        async with asyncio.timeout(60.0):
            await told.wait()
        rows = await outbox.claim("live", 100, 1_000_000)
        decided = pipeline.decided
    assert [(row.channel, row.name) for row in rows] == [("telemetry", "reader"), ("epcis", "p")]
    points = json.loads(rows[0].payload)["data"]["points"]
    assert [point["value"] for point in points] == [230.0, 231.0]
    assert decided == 1


async def test_a_flood_of_measurements_waits_for_the_disk(tmp_path: Path) -> None:
    told = asyncio.Event()
    async with deciding(tmp_path, HostClock(), "checkpoint") as (_, inbox, outbox):
        now = time.time()
        inbox.put("meter", Batch([Measurement("power", 1.5, "KWT", "good", now)] * 20_000, told.set))
        async with asyncio.timeout(60.0):
            await told.wait()
        rows = await outbox.claim("live", 1000, 10_000_000)
    assert sum(len(json.loads(row.payload)["data"]["points"]) for row in rows) == 20_000


async def test_signals_are_given_when_the_events_are_stored_and_not_before(tmp_path: Path) -> None:
    """As the outbox counts them at that moment."""
    told: list[tuple[str, int]] = []
    done = asyncio.Event()
    async with deciding(tmp_path, HostClock(), "checkpoint") as (pipeline, inbox, outbox):

        def committed(transitions: Sequence[Transition]) -> None:
            told.extend((one.kind, outbox.stats.appended) for one in transitions)
            if len(told) >= 3:
                done.set()

        pipeline.committed = committed
        now = time.time()
        inbox.put("reader", Batch([Status(None, "online", "", now), *(tag(number, now) for number in range(3))]))
        async with asyncio.timeout(60.0):
            await done.wait()
    assert [kind for kind, _ in told] == ["observed"] * 3
    assert all(stored >= index for index, (_, stored) in enumerate(told, 1))
