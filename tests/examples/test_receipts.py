"""What the centre says that it has: to whom first, how often, by which clock, and of what it could not take."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.central.databases import Sqlite, connect
from examples.central.sequences import PATIENCE, REPEAT, Runs
from examples.central.store import Store
from examples.central.streams import ACKS
from examples.central.subscriber import Central
from tests import postgres
from tests.examples.events import Json, golden, numbered, payload, placed, topic
from tests.examples.test_central import STREAM, A, Now, central, online


def acks(one: Central) -> list[tuple[int, int, list[list[int]]]]:
    said = [json.loads(text) for where, text in one.tick() if where.endswith("/ack")]
    return [(ack["epoch"], ack["upto"], ack["missing"]) for ack in said]


def lost(sequence: int, first: int, last: int) -> Json:
    made = numbered(golden("loss")["payload"], 17, sequence)
    made["data"] |= {"stream": STREAM, "epoch": 17, "from": first, "to": last, "count": last - first + 1}
    return made


async def take(one: Central, *events: Json) -> None:
    await one.take([(topic(event), payload(event)) for event in events])


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), min_size=1), st.integers(1, 50))
def test_runs_know_what_is_new_to_them(ranges: list[tuple[int, int]], upto: int) -> None:
    runs, there = Runs(), set[int]()
    for first, more in ranges:
        new = set(range(first, first + more + 1))
        assert runs.add(first, first + more) == len(new - there)
        there |= new
    assert [number for number in range(60) if number in runs] == sorted(there)
    assert runs.whole(upto) == (not runs.holes(upto)) == (set(range(1, upto + 1)) <= there)


async def test_many_epochs_are_said_newest_first_and_no_more_at_once_than_a_gateway_takes() -> None:
    now = Now()
    one = await central(now)
    await take(one, *(placed("arrived", A, "aislea", epoch, epoch, 1) for epoch in range(1, 21)))
    await online(one, {"epoch": 3, "last": 1, "pending": 0})
    ticks = []
    for _ in range(5):
        ticks.append([epoch for epoch, _, _ in acks(one)])
        now.time += 1.0
    assert [epoch for tick in ticks for epoch in tick] == list(range(20, 0, -1))
    assert max(len(tick) for tick in ticks) == ACKS <= 8
    now.time += REPEAT
    assert [epoch for epoch, _, _ in acks(one)] == [20, 3]  # the newest, and the one that the gateway waits for


async def test_holes_of_many_epochs_are_all_asked_for() -> None:
    """And the newest epoch is told of what came, all the while."""
    now = Now()
    one = await central(now)
    await take(one, *(placed("arrived", A, "aislea", epoch, epoch, 2) for epoch in range(1, 41)))
    await online(one)
    asked: set[int] = set()
    for second in range(20):
        await take(one, placed("arrived", A, "aislea", 99, 41, second + 1))
        told = acks(one)
        assert told[0][:2] == (41, second + 1)
        asked |= {epoch for epoch, _, missing in told if missing == [[1, 1]]}
        now.time += 1.0
    assert asked == set(range(1, 41))


async def test_a_box_that_is_no_more_is_not_asked_each_second() -> None:
    """Nobody may be there who could answer for its stream."""
    now = Now()
    one = await central(now)
    await take(one, placed("arrived", A, "aislea", 2, 17, 2, "rfid-00000001"), placed("arrived", A, "aislea", 1, 9, 1))
    await online(one)
    asked = []
    for _ in range(240):
        asked += [epoch for epoch, _, missing in acks(one) if missing]
        now.time += 1.0
    assert asked == [17] * 4


async def test_a_clock_that_is_set_back_delays_nothing() -> None:
    wall, steady = Now(), Now()
    one = Central(Sqlite(":memory:"), wall, steady=steady)
    await one.start()
    await online(one)
    await take(one, placed("arrived", A, "aislea", 1, 17, 1))
    for _ in range(10):
        one.tick()
        steady.time += 1.0
    wall.time -= 3600.0
    await take(one, placed("arrived", A, "aislea", 5, 17, 5))
    seen = []
    for _ in range(8):
        seen += [missing for _, _, missing in acks(one) if missing]
        steady.time += 1.0
    assert seen[0] == [[2, 4]]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_an_event_that_is_refused_is_not_asked_for_again(database: str) -> None:
    if database == "postgresql" and postgres.BIN is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres.postgres() if database == "postgresql" else contextlib.nullcontext(":memory:") as address:
        now = Now()
        kept = await connect(address)
        one = Central(kept, now, steady=now)
        await one.start()
        await online(one)
        bad = placed("arrived", A, "aislea", 2, 17, 2) | {"time": "2016-12-31T23:59:60Z"}
        await take(one, placed("arrived", A, "aislea", 1, 17, 1), bad, placed("arrived", A, "aislea", 3, 17, 3))
        assert one.kpis.alarms() == ["1 refused: see the table `rejected`"]
        await take(one, bad | {"historical": True})  # as it is sent again
        assert (one.kpis.count["rejected"], one.kpis.count["repeated"], one.kpis.alarms()) == (1, 1, [])
        again = Central(kept, now, steady=now)
        await again.start()
        await online(again)
        for centre in (one, again):
            centre.tick()
            now.time += PATIENCE
            centre.tick()
            assert centre.report()["missing"] == 0
        assert [tuple(row) for row in await kept.run("SELECT count(*) FROM rejected")] == [(1,)]
        await kept.close()


async def test_a_state_that_is_refused_answers_for_no_event() -> None:
    one = await central()
    await take(one, placed("arrived", A, "aislea", 1, 17, 1), placed("arrived", A, "aislea", 3, 17, 3))
    state = golden("state-online")["payload"] | {"stream": STREAM, "epoch": 17, "sequence": "2", "data": {}}
    await take(one, state)
    assert (one.kpis.count["rejected"], one.report()["missing"]) == (1, 1)


async def test_nobody_answers_for_another_with_what_is_refused() -> None:
    one = await central()
    await take(one, placed("arrived", A, "aislea", 1, 17, 1), placed("arrived", A, "aislea", 1, 17, 3))
    bad = placed("arrived", A, "aislea", 2, 17, 2, "yard-00000001") | {"stream": STREAM}
    await take(one, bad, bad)
    assert (one.kpis.count["rejected"], one.kpis.count["repeated"], one.report()["missing"]) == (1, 1, 1)


@given(st.randoms(use_true_random=False))
def test_lost_is_what_never_came(mix: random.Random) -> None:
    """However often it is declared, and whether it comes after all, as a dead letter that is resent."""
    told = [lost(8, 2, 5), lost(9, 4, 7), placed("arrived", A, "aislea", 3, 17, 3)]
    told += [placed("arrived", A, "aislea", 1, 17, 1), placed("arrived", A, "aislea", 5, 17, 5)]
    deliveries = told + mix.sample(told, 2)
    mix.shuffle(deliveries)

    async def play() -> None:
        one = await central()
        for event in deliveries:
            await take(one, event)
        again = Central(one.database)
        await again.start()
        for centre in (one, again):
            assert (centre.kpis.count["lost"], centre.report()["missing"]) == (4, 0)  # 2, 4, 6, 7

    asyncio.run(play())


@pytest.mark.skipif(postgres.BIN is None, reason="PostgreSQL is not installed: apt-get install postgresql")
async def test_two_that_start_at_the_same_time_both_find_their_tables() -> None:
    """The subscriber and the bridge, on a database that is empty."""
    with postgres.postgres() as address:
        both = [await connect(address) for _ in range(2)]
        for _ in range(10):
            await both[0].run("DROP SCHEMA public CASCADE")
            await both[0].run("CREATE SCHEMA public")
            await asyncio.gather(*(Store(one).open() for one in both))
        for one in both:
            await one.close()
