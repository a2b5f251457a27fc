"""Both sides equal: when a snapshot is compared, of which zones one is asked for, and what is said when they differ."""

from __future__ import annotations

import json

import pytest

from examples.central.checks import PAGES
from examples.central.databases import Sqlite, connect
from examples.central.segments import ASK_EVERY, IN_VAIN, STALE, ZONES, Segment
from examples.central.subscriber import Central
from tests import postgres
from tests.examples.events import HOME, PLACES, Json, golden, payload, placed, topic
from tests.examples.test_central import STREAM, A, B, Now, central, online, snapshot


def zone(point: str) -> str:
    """The last level of the topics of a read point."""
    return f"{point[:-1]}-{point[-1]}"


def sent(*events: Json) -> list[tuple[str, bytes]]:
    return [
        (topic(event, zone(event["data"]["readPoint"]["id"].rpartition(".")[2])), payload(event)) for event in events
    ]


def shown(ids: list[str], sequence: int, epoch: int = 17, point: str = "aislea", stream: str = STREAM) -> Json:
    made = snapshot(ids, sequence)
    made["data"]["readPoint"] = PLACES + point
    made["data"]["asOf"] |= {"epoch": epoch, "stream": stream}
    return made


async def tell(one: Central, said: Json) -> None:
    await one.take([(f"{HOME}/snapshot/{zone(said['data']['readPoint'].rpartition('.')[2])}", payload(said))])


def asked(one: Central) -> list[str]:
    return [json.loads(said)["snapshot"] for where, said in one.tick() if where.endswith("/request")]


async def test_a_backlog_of_an_older_epoch_is_no_difference() -> None:
    """The gateway was started anew, and its new epoch overtakes what it could not send before."""
    one = await central()
    [came, *later] = [placed("arrived", A, "aislea", 1, 16, 1), placed("moved", A, "aisleb", 2, 16, 2)]
    later.append(placed("arrived", B, "aislea", 3, 16, 3))
    await one.take(sent(came))
    await online(one, {"epoch": 16, "last": 3, "pending": 2}, {"epoch": 17, "last": 0, "pending": 0})
    await tell(one, shown([B], 0))
    assert (one.kpis.count["compared"], one.kpis.alarms()) == (0, [])
    await one.take(sent(later[1]))  # a hole that is seen, now
    await online(one)
    assert one.kpis.count["compared"] == 0
    await one.take(sent(later[0]))
    assert (one.kpis.count["compared"], one.kpis.accuracy) == (1, 1.0)


async def test_a_snapshot_that_overtook_its_events_is_compared_when_they_are_here() -> None:
    one = await central()
    events = [placed("arrived", thing, "aislea", at, 17, at) for at, thing in enumerate((A, B), start=1)]
    await one.take(sent(events[0]))
    await tell(one, shown([A, B], 2))
    assert one.kpis.count["compared"] == 0
    await one.take(sent(events[1]))
    assert (one.kpis.count["compared"], one.kpis.accuracy) == (1, 1.0)


async def test_of_two_that_wait_the_newest_is_compared() -> None:
    one = await central()
    events = [placed("arrived", thing, "aislea", at, 17, at) for at, thing in enumerate((A, B), start=1)]
    moved = placed("moved", A, "aisleb", 3, 17, 3)
    await one.take(sent(events[1]))
    for ids, sequence, name in (([A, B], 2, "a"), ([B], 3, "b"), ([A], 1, "c")):
        said = shown(ids, sequence)
        said["data"]["snapshot"] = f"0192f7c1-6b2e-7c3a-9d11-00000000000{name}"
        await tell(one, said)
    await one.take(sent(events[0], moved))
    assert (one.kpis.count["compared"], one.kpis.accuracy) == (1, 1.0)


async def test_a_zone_that_things_only_moved_into_is_compared_too() -> None:
    now = Now()
    one = await central(now)
    await one.take(sent(placed("arrived", A, "aislea", 1, 17, 1), placed("moved", A, "aisleb", 2, 17, 2)))
    again = Central(one.database, now, steady=now)
    await again.start()
    for centre in (one, again):
        await online(centre)
        assert asked(centre) == ["aisle-a", "aisle-b"]
        await tell(centre, shown([], 2))
        assert centre.report()["convergence"] is None
        await tell(centre, shown([A], 2, point="aisleb"))
        assert centre.report()["convergence"] is not None


async def test_a_zone_that_turns_unequal_later_is_told_and_asked_for() -> None:
    now = Now()
    one = await central(now)
    await one.take(sent(placed("arrived", A, "aislea", 1, 17, 1)))
    await online(one)
    await tell(one, shown([A], 1))
    [segment] = one.segments.values()
    now.time += 900.0
    assert asked(one) == []
    await tell(one, shown([A, B], 1))
    assert asked(one) == ["aisle-a"]
    now.time += 900.0
    await tell(one, shown([A, B], 1))
    one.disconnected()
    await online(one)  # that it went and came back makes it no younger
    now.time += 900.0
    await tell(one, shown([A, B], 1))
    assert segment.unequal(now.time) == 1800.0
    await tell(one, shown([A], 1))
    assert segment.unequal(now.time) == 0.0


async def test_one_that_is_unequal_when_its_segment_comes_back_is_so_since_then() -> None:
    now = Now()
    one = await central(now)
    await one.take(sent(placed("arrived", A, "aislea", 1, 17, 1)))
    await online(one)
    now.time += 60.0
    await tell(one, shown([B], 1))
    assert [segment.unequal(now.time) for segment in one.segments.values()] == [60.0]


async def test_one_that_stays_unequal_is_asked_for_ever_more_seldom() -> None:
    now = Now()
    one = await central(now)
    await one.take(sent(placed("arrived", A, "aislea", 1, 17, 1)))
    await online(one)
    requests = 0
    for _ in range(3600):
        for _ in asked(one):
            requests += 1
            await tell(one, shown([B], 1))
        now.time += 1.0
    assert 10 <= requests <= 20


async def test_a_zone_that_is_gone_is_given_up() -> None:
    now = Now()
    one = await central(now)
    events = [placed("arrived", A, "aislea", 1, 17, 1), placed("arrived", B, "aisleb", 2, 17, 2)]
    await one.take(sent(*events))
    await tell(one, shown([], 2, point="aisleb"))
    await online(one)
    assert one.kpis.accuracy == 0.0
    now.time += 1.0
    requests = []
    for _ in range(600):
        requests += asked(one)
        if requests[-1:] == ["aisle-b"] and len(requests) < 3:
            await tell(one, shown([A], 2))
        now.time += 1.0
    assert requests.count("aisle-b") == IN_VAIN
    assert one.report()["convergence"] == {"last": 1.0, "worst": 1.0}
    assert one.kpis.accuracy == 1.0
    await one.take(sent(placed("arrived", A, "aisleb", 3, 17, 3)))
    assert asked(one) == ["aisle-b"]  # it is there again


async def test_a_zone_that_leaves_the_configuration_is_given_up_too() -> None:
    now = Now()
    one = await central(now)
    await one.take(sent(placed("arrived", A, "aislea", 1, 17, 1)))
    await online(one)
    await tell(one, shown([A], 1))
    now.time += STALE
    assert asked(one) == ["aisle-a"]
    for _ in range(IN_VAIN):
        now.time += ASK_EVERY
        one.tick()
    assert one.kpis.accuracy is None


async def test_whose_retained_state_is_cleared_is_no_more() -> None:
    one = await central()
    await one.take(sent(placed("arrived", A, "aislea", 1, 17, 1)))
    await online(one)
    await tell(one, shown([], 1))
    await one.take([(f"{HOME}/state", b"")])
    assert one.kpis.count["rejected"] == 0
    assert (one.kpis.accuracy, one.report()["online"], one.tick()) == (None, 0, [])


async def test_a_snapshot_of_a_stream_that_nobody_knows_is_passed_over() -> None:
    one = await central()
    other = placed("arrived", A, "aislea", 1, 17, 1, "yard-00000001")
    await one.take([(topic(other), payload(other))])
    await tell(one, shown([A], 0, stream="rfid-ffffffff"))
    assert (one.kpis.count["compared"], one.kpis.count["rejected"], one.segments.get(HOME)) == (0, 0, None)
    await tell(one, shown([A], 0, stream="yard-00000001"))
    assert (one.kpis.count["compared"], one.kpis.count["rejected"]) == (0, 1)


@pytest.mark.parametrize("data", [{"page": 2, "pages": 1}, {"page": 1, "pages": 2**80}, {"pages": PAGES + 1}])
async def test_there_is_an_end_to_pages(data: Json) -> None:
    one = await central()
    await online(one)
    said = shown([A], 0)
    said["data"] |= data
    await tell(one, said)
    assert one.kpis.count["rejected"] == 1


def test_there_is_an_end_to_zones_and_to_what_waits_of_them() -> None:
    segment = Segment()
    page = golden("snapshot")["payload"]["data"] | {"pages": 2}
    for number in range(ZONES + 5):
        for at in (1, 2):
            segment.page(f"{HOME}/snapshot/zone-{number}", page | {"page": at}, 0.0)
    assert len(segment.zones) == ZONES
    assert sum(len(one.pages) for one in segment.zones.values()) <= PAGES


async def test_what_is_not_stored_makes_nothing_grow() -> None:
    one = await central()
    state = golden("state-online")["payload"]
    for number in range(50):
        state["data"] |= {"stream": f"rfid-{number:08}", "epochs": [{"epoch": number, "last": 9, "pending": 0}]}
        await one.take([(f"{HOME}/state", payload(state))])
        await tell(one, shown([A], 5, epoch=number, stream="rfid-ffffffff"))
    assert list(one.streams.known) == ["rfid-00000049"]
    for number in range(50):
        state["data"]["epochs"] = [{"epoch": number, "last": 9, "pending": 0}]
        await one.take([(f"{HOME}/state", payload(state))])
        await tell(one, shown([A], 5, epoch=number + 100, stream="rfid-00000049"))
    assert {name: list(stream.epochs) for name, stream in one.streams.known.items()} == {"rfid-00000049": [49]}


@pytest.mark.skipif(postgres.BIN is None, reason="PostgreSQL is not installed: apt-get install postgresql")
async def test_what_postgresql_does_not_take_does_not_reach_it() -> None:
    with postgres.postgres() as address:
        for database in (await connect(address), Sqlite(":memory:")):
            one = Central(database)
            await one.start()
            nul = shown([A], 0, stream="a\0")
            beside = placed("arrived", A, "aislea", 1, 17, 1)
            code = placed("arrived", f"urn:readpoint:code:{'%41' * 8192}", "aislea", 2, 17, 2)
            far = shown([A], 1) | {"id": beside["id"]}
            far["data"]["asOf"] |= {"epoch": 17.0}
            await one.take([(f"{HOME}/snapshot/aisle-a", payload(nul)), *sent(beside, code)])
            await tell(one, far)
            assert one.kpis.count == {"rejected": 1, "repeated": 0, "stored": 2, "compared": 1}
            assert await one.store.placements() == {A: PLACES + "aislea"}
            await database.close()
