"""The example of the centre: whatever order its deliveries come in, however often, it ends where the contract says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples.central.checks import topic_of
from examples.central.databases import Sqlite
from examples.central.sequences import PATIENCE, RANGES, Numbers
from examples.central.subscriber import Central
from gateway.asyncapi import document
from gateway.uplink.requests import parse_ack, parse_request
from tests.examples.events import GOLDEN, HOME, PLACES, clock, corrected, golden, numbered, payload, placed, topic

ROOT = Path(__file__).resolve().parents[2]
A, B = "urn:epc:id:sgtin:9521141.012345.1", "urn:epc:id:sgtin:9521141.012345.2"
STREAM = "rfid-3f2a5b6c"
Json = dict[str, Any]


class Now:
    """A clock that stands where it is set."""

    def __init__(self) -> None:
        self.time = 1795282924.0  # 2026-11-21T17:42:04Z

    def __call__(self) -> float:
        return self.time


async def central(now: Now | None = None) -> Central:
    made = Central(Sqlite(":memory:"), now or Now(), steady=now or Now())
    await made.start()
    return made


def expected(events: list[Json]) -> dict[str, str]:
    """The contract's rule, told in the order of (eventTime, epoch, sequence): object → read point."""
    back = {event["data"]["eventID"] for event in events if "errorDeclaration" in event["data"]}
    told = [event for event in events if event["data"]["eventID"] not in back]
    told.sort(key=lambda one: (one["data"]["eventTime"], one["epoch"], int(one["sequence"]), one["stream"]))
    where: dict[str, tuple[str, str]] = {}
    for event in told:
        here = event["stream"], event["data"]["readPoint"]["id"]
        if event["data"]["readpoint:observation"]["transition"] != "departed":
            where[event["subject"]] = here
        elif where.get(event["subject"]) == here:
            del where[event["subject"]]
    return {thing: point for thing, (_, point) in where.items()}


@st.composite
def histories(draw: st.DrawFn) -> list[Json]:
    """What two segments decided about few objects at few places, close together; some of it is taken back later."""
    events: list[Json] = []
    last: dict[tuple[str, int], int] = {}
    for _ in range(draw(st.integers(1, 14))):
        stream, epoch = (
            draw(st.sampled_from(["rfid-00000001", "rfid-00000002", "yard-00000001"])),
            draw(st.integers(1, 2)),
        )
        last[stream, epoch] = sequence = last.get((stream, epoch), 0) + 1
        kind = draw(st.sampled_from(["arrived", "moved", "departed", "departed", "corrected"]))
        before = [event for event in events if event["stream"] == stream]
        if kind == "corrected" and before:
            events.append(corrected(draw(st.sampled_from(before)), epoch, sequence))
        else:
            thing, point = draw(st.sampled_from([A, B])), draw(st.sampled_from(["aislea", "aisleb"]))
            kind = "arrived" if kind == "corrected" else kind
            events.append(placed(kind, thing, point, draw(st.integers(0, 4)), epoch, sequence, stream))
    return events


@given(histories(), st.randoms(use_true_random=False), st.integers(0, 20))
@settings(max_examples=120)
def test_any_order_of_any_repeats_ends_where_the_rule_says(
    events: list[Json], mix: random.Random, restart: int
) -> None:
    """A correction of a correction included; the centre is started anew somewhere on the way."""
    deliveries = events + [event for event in events if mix.random() < 0.5]
    mix.shuffle(deliveries)

    async def play() -> None:
        now = Now()
        one = await central(now)
        for at, event in enumerate(deliveries):
            if at == restart:
                one = Central(one.database, now, steady=now)
                await one.start()
            await one.take([(topic(event), payload(event))])
        assert await one.store.placements() == expected(events)
        assert one.kpis.count["rejected"] == 0
        assert one.report()["missing"] == 0
        for source in ("rfid", "yard"):
            mine = [event for event in events if event["stream"].startswith(source)]
            for as_of in mine:
                place = {"stream": as_of["stream"], "epoch": as_of["epoch"], "sequence": as_of["sequence"]}
                upto = as_of["epoch"], int(as_of["sequence"])
                then = [
                    event
                    for event in mine
                    if event["stream"] != as_of["stream"] or (event["epoch"], int(event["sequence"])) <= upto
                ]
                for point in ("aislea", "aisleb"):
                    there = {thing for thing, where in expected(then).items() if where == PLACES + point}
                    assert await one.store.present(f"urn:readpoint:dc1:gw-07.{source}", place, PLACES + point) == there

    asyncio.run(play())


@given(st.sets(st.integers(1, 60), min_size=1), st.randoms(use_true_random=False))
def test_numbers_know_their_holes(there: set[int], mix: random.Random) -> None:
    numbers, order = Numbers(), list(there)
    mix.shuffle(order)
    for number in order:
        numbers.add(number, number)
    numbers.ack(0.0)
    upto, missing = numbers.ack(PATIENCE)
    lost = {number for first, last in missing for number in range(first, last + 1)}
    assert upto == max(there)
    assert lost == set(range(1, upto + 1)) - there
    for first, last in missing:
        numbers.add(first, last)
    assert numbers.runs == [(1, upto)]


def test_a_young_hole_is_not_missing_yet() -> None:
    numbers = Numbers()
    numbers.add(1, 3)
    assert numbers.ack(0.0) == (3, [])
    numbers.add(6, 8)
    assert numbers.ack(1.0) == (3, [])
    assert numbers.ack(1.0 + PATIENCE) == (8, [(4, 5)])
    numbers.promise(10)
    assert numbers.ack(20.0) == (8, [(4, 5)])
    assert numbers.ack(20.0 + PATIENCE) == (10, [(4, 5), (9, 10)])


def test_an_ack_has_at_most_100_ranges() -> None:
    numbers = Numbers()
    for number in range(2, 2 * RANGES + 10, 2):
        numbers.add(number, number)
    numbers.ack(0.0)
    upto, missing = numbers.ack(PATIENCE)
    assert (upto, len(missing)) == (2 * RANGES, RANGES)


async def online(one: Central, *epochs: Json) -> None:
    state = golden("state-online")["payload"]
    state["data"]["epochs"] = list(epochs)
    await one.take([(f"{HOME}/state", payload(state))])


async def test_it_says_what_it_has_and_asks_for_what_is_missing() -> None:
    now = Now()
    one = await central(now)
    await online(one)
    for number in (1, 2, 5):
        event = placed("arrived", A, "aislea", number, 17, number)
        await one.take([(topic(event), payload(event))])
    first = one.tick()
    now.time += PATIENCE
    [(where, said)] = [pair for pair in one.tick() if pair[0].endswith("/ack")]
    assert where == f"{HOME}/ack"
    ack = parse_ack(said)
    assert ack is not None
    assert (ack.stream, ack.epoch, ack.upto, ack.missing) == (STREAM, 17, 5, [(3, 4)])
    asked = [parse_request(said) for where, said in first if where == f"{HOME}/request"]
    assert [request.snapshot for request in asked if request] == ["aisle-a"]

    lost = golden("loss")["payload"]
    lost = numbered(lost, 17, 6)
    lost["data"] |= {"stream": STREAM, "epoch": 17, "from": 3, "to": 4, "count": 2}
    await one.take([(topic(lost), payload(lost))])
    now.time += PATIENCE
    one.tick()
    now.time += 60
    acks = [json.loads(said) for where, said in one.tick() if where.endswith("/ack")]
    assert acks == [{"stream": STREAM, "epoch": 17, "upto": 6, "missing": []}]
    assert one.kpis.count["lost"] == 2


async def test_of_a_box_that_was_replaced_it_says_no_more_than_what_is_new_or_missing() -> None:
    now = Now()
    one = await central(now)
    sent = [placed("arrived", A, "aislea", number, 17, number, "rfid-00000001") for number in (1, 2)]
    gap = [placed("arrived", A, "aislea", number, 18, number, "rfid-00000001") for number in (1, 3)]
    mine = [placed("arrived", B, "aislea", 1, 1, 1)]
    await one.take([(topic(event), payload(event)) for event in sent + gap + mine])
    await online(one)  # of STREAM

    def acks() -> list[tuple[object, ...]]:
        said = [json.loads(text) for where, text in one.tick() if where.endswith("/ack")]
        return [(ack["stream"], ack["epoch"], ack["upto"], ack["missing"]) for ack in said]

    current = (STREAM, 1, 1, [])
    assert acks() == [current, ("rfid-00000001", 18, 1, []), ("rfid-00000001", 17, 2, [])]
    now.time += 600.0
    assert acks() == [current, ("rfid-00000001", 18, 3, [[2, 2]])]
    late = placed("arrived", A, "aislea", 2, 18, 2, "rfid-00000001")
    await one.take([(topic(late), payload(late))])
    assert acks() == [("rfid-00000001", 18, 3, [])]
    now.time += 600.0
    assert acks() == [current]


async def test_a_tail_that_the_broker_lost_is_missing_too() -> None:
    now = Now()
    one = await central(now)
    event = placed("arrived", A, "aislea", 1, 17, 1)
    await one.take([(topic(event), payload(event))])
    await online(one, {"epoch": 17, "last": 3, "pending": 0})
    one.tick()
    now.time += PATIENCE
    [ack] = [json.loads(said) for where, said in one.tick() if where.endswith("/ack")]
    assert (ack["upto"], ack["missing"]) == (3, [[2, 3]])


def snapshot(ids: list[str], sequence: int) -> Json:
    made = golden("snapshot")["payload"]
    digest = hashlib.sha256("".join(f"{one}\n" for one in sorted(ids)).encode()).hexdigest()
    made["data"] |= {"ids": sorted(ids), "count": len(ids), "digest": digest}
    made["data"]["asOf"] = {"stream": STREAM, "epoch": 17, "sequence": str(sequence)}
    return made


async def test_snapshots_give_accuracy_and_convergence() -> None:
    now = Now()
    one = await central(now)
    events = [placed("arrived", thing, "aislea", at, 17, at) for at, thing in enumerate((A, B), start=1)]
    await one.take([(topic(event), payload(event)) for event in events])
    await online(one)
    now.time += 3
    await one.take([(f"{HOME}/snapshot/aisle-a", payload(snapshot([A], 2)))])
    assert one.kpis.accuracy == 0.5
    assert one.kpis.alarms() == ["accuracy is under 98 %"]
    assert one.kpis.report()["convergence"] is None
    now.time += 4
    await one.take([(f"{HOME}/snapshot/aisle-a", payload(snapshot([A], 1)))])  # as of then, that is right
    assert one.kpis.accuracy == 1.0
    assert one.kpis.report()["convergence"] == {"last": 7.0, "worst": 7.0}
    await one.take([(f"{HOME}/snapshot/aisle-a", payload(snapshot([], 9)))])  # events that have yet to come
    assert one.kpis.count["compared"] == 2


async def test_what_was_not_compared_has_no_accuracy() -> None:
    one = await central()
    event = placed("arrived", A, "aislea", 1, 17, 955)
    await one.take([(topic(event), payload(event))])
    report = json.loads(json.dumps(one.report()))
    assert (report["missing"], report["accuracy"], report["count"].get("compared")) == (954, None, None)
    assert one.kpis.alarms() == []
    assert one.kpis.compared("urn:readpoint:dc1:gw-07.rfid", PLACES + "aislea", set(), set())
    assert one.report()["accuracy"] == 1.0


async def test_a_snapshot_of_several_pages_is_compared_when_all_are_there() -> None:
    one = await central()
    events = [placed("arrived", thing, "aislea", at, 17, at) for at, thing in enumerate((A, B), start=1)]
    await one.take([(topic(event), payload(event)) for event in events])
    pages = [snapshot([A, B], 2), snapshot([A, B], 2)]
    for number, (page, thing) in enumerate(zip(pages, (A, B), strict=True), start=1):
        page["data"] |= {"page": number, "pages": 2, "ids": [thing]}
    other = snapshot([A], 2)
    other["data"] |= {"page": 2, "pages": 2, "snapshot": "0192f7c1-6b2e-7c3a-9d11-0000000000ff"}
    for page in (other, pages[1], pages[0]):
        await one.take([(f"{HOME}/snapshot/aisle-a", payload(page))])
    assert (one.kpis.count["compared"], one.kpis.accuracy) == (1, 1.0)


async def test_latencies_of_live_and_historical_events_stand_apart() -> None:
    now = Now()
    one = await central(now)
    for number, (at, historical) in enumerate([(3.0, False), (2.0, False), (-3600.0, True)], start=1):
        event = placed("arrived", A, "aislea", at, 17, number) | ({"historical": True} if historical else {})
        await one.take([(topic(event), payload(event))])
    latency = one.kpis.report()["latency"]
    assert latency["live"] == {
        "events": 2,
        "eventTime": {"p50": 1.0, "p95": 2.0, "p99": 2.0},
        "decidedAt": {"p50": 1.0, "p95": 2.0, "p99": 2.0},
        "onTarget": True,
    }
    assert latency["historical"]["eventTime"]["p99"] == 3604.0
    assert one.kpis.alarms() == []


async def test_what_is_not_valid_is_kept_apart_and_nothing_else_suffers() -> None:
    good = placed("arrived", A, "aislea", 1, 17, 1)
    wrong = [
        b"no json",
        b"[" * 100_000,
        payload({"type": "readpoint.epcis.v1"}),
        payload(good | {"sequence": "9" * 19}),
        payload(good | {"subject": "a\0b"}),
        payload(good | {"subject": "\ud800"}),
        payload(good | {"data": good["data"] | {"eventTime": "2026-13-41T17:42:03.950Z"}}),
        payload(good | {"source": "urn:readpoint:dc1:gw-08.rfid"}),
        payload(good | {"type": ["readpoint.epcis.v1"]}),
        payload(good | {"type": "readpoint.loss.v1"}),
    ]
    one = await central()
    await one.take([(topic(good), text) for text in wrong])
    assert (one.kpis.count["rejected"], one.kpis.count["stored"]) == (len(wrong), 0)
    bad = good | {"epoch": -1, "sequence": "2"}
    await one.take([(topic(good), payload(bad, good))])
    assert (one.kpis.count["rejected"], one.kpis.count["stored"]) == (len(wrong) + 1, 1)
    kept = await one.database.run("SELECT count(*) FROM rejected")
    assert kept[0][0] == len(wrong) + 1
    # A stream belongs to the segment that used it first.
    thief = placed("arrived", B, "aislea", 1, 17, 2, "yard-00000001") | {"stream": STREAM}
    await one.take([(topic(thief), payload(thief))])
    assert one.kpis.count["rejected"] == len(wrong) + 2


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def spoilt(draw: st.DrawFn) -> tuple[str, bytes]:
    """A golden message, of which one member is anything at all, or bytes."""
    message = golden(draw(st.sampled_from(sorted(path.stem for path in GOLDEN.glob("*.json") if path.stem != "batch"))))
    if draw(st.integers(0, 9)) == 0:
        return message["topic"], draw(st.binary(max_size=40))
    inside: Any = message["payload"]
    while True:
        key = draw(st.sampled_from(sorted({*inside, "stream", "epoch", "sequence"})))
        if not isinstance(inside.get(key), dict) or draw(st.booleans()):
            break
        inside = inside[key]
    inside[key] = draw(_ANY)
    return message["topic"], json.dumps(message["payload"]).encode()


@given(st.lists(spoilt(), min_size=1, max_size=6))
def test_whatever_comes_it_goes_on(messages: list[tuple[str, bytes]]) -> None:
    async def play() -> None:
        one = await central()
        good = placed("arrived", A, "aislea", 1, 99, 1)
        await one.take([*messages, (topic(good), payload(good))])
        assert [tuple(row) for row in await one.database.run("SELECT id FROM events WHERE epoch = 99")] == [
            (good["id"],)
        ]
        await one.take(messages)
        one.tick()
        json.dumps(one.report())

    asyncio.run(play())


async def test_nobody_takes_back_what_another_said() -> None:
    one = await central()
    event = placed("arrived", A, "aislea", 1, 17, 1)
    other = placed("arrived", A, "aislea", 1, 1, 1, "yard-00000001")
    other["data"] |= {"eventID": event["id"], "errorDeclaration": {"declarationTime": clock(9)}}
    await one.take([(topic(event), payload(event)), (topic(other), payload(other))])
    assert await one.store.placements() == {A: f"{PLACES}aislea"}


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.json")))
async def test_it_takes_every_golden_message(name: str) -> None:
    one, message = await central(), golden(name)
    if message["topic"].endswith(("/ack", "/request")):
        return  # what it says itself
    await one.take([(message["topic"], json.dumps(message["payload"]).encode())])
    assert one.kpis.count["rejected"] == 0
    events = message["payload"] if isinstance(message["payload"], list) else [message["payload"]]
    assert one.kpis.count["stored"] == sum("sequence" in event for event in events)


def test_its_schema_is_what_the_gateway_says() -> None:
    """`readpoint asyncapi --json > examples/central/readpoint.asyncapi.json`"""
    kept = json.loads((ROOT / "examples" / "central" / "readpoint.asyncapi.json").read_text())
    made = document(kept["info"]["version"])
    assert kept == made, "run: readpoint asyncapi --json > examples/central/readpoint.asyncapi.json"


def test_the_subscriber_is_as_short_as_it_says() -> None:
    """And what it stands on is shorter."""
    folder = ROOT / "examples" / "central"
    long = {path.stem: len(path.read_text().splitlines()) for path in folder.glob("*.py")}
    assert max(long.values()) <= 200, long
    imported = re.findall(r"^from \.(\w+) import", (folder / "subscriber.py").read_text(), flags=re.MULTILINE)
    expected = "broker checks databases kpis metrics rows segments sequences store streams"
    assert imported == expected.split()
    assert max(long[name] for name in imported) <= 150, long


@pytest.mark.parametrize(("late", "alarms", "on_target"), [
    (29.0, [], True), (31.0, [], False), (899.0, [], False), (901.0, ["live events are more than 15 min late"], False),
])  # fmt: skip
async def test_live_events_that_are_late_are_an_alarm(late: float, alarms: list[str], *, on_target: bool) -> None:
    """Nearest rank: of 200 events the p99 is the 198th; a backlog is no alarm."""
    now = Now()
    one = await central(now)
    ages = [1.0] * 197 + [late] * 3
    sent = [placed("arrived", A, "aislea", 4.0 - age, 17, number) for number, age in enumerate(ages, 1)]
    old = [placed("arrived", A, "aislea", -9000.0, 17, number) | {"historical": True} for number in range(201, 301)]
    await one.take([(topic(event), payload(event)) for event in sent + old])
    latency = one.report()["latency"]
    assert (latency["live"]["events"], latency["historical"]["events"]) == (200, 100)
    assert latency["live"]["eventTime"] == {"p50": 1.0, "p95": 1.0, "p99": late}
    assert latency["live"]["onTarget"] is on_target
    assert "onTarget" not in latency["historical"]
    assert one.kpis.alarms() == alarms


@pytest.mark.parametrize(("held", "said", "share"), [(98, 2, 0.98), (97, 3, 0.97)])
async def test_less_than_98_in_100_is_an_alarm(held: int, said: int, share: float) -> None:
    """Of 100 objects in either the snapshot has those that the centre has, and some more."""
    one = await central()
    things = [f"urn:epc:id:sgtin:9521141.012345.{number}" for number in range(held + said)]
    events = [placed("arrived", thing, "aislea", 1, 17, number) for number, thing in enumerate(things[:held], 1)]
    await one.take([(topic(event), payload(event)) for event in events])
    await one.take([(f"{HOME}/snapshot/aisle-a", payload(snapshot(things, held)))])
    assert one.report()["accuracy"] == share
    assert one.kpis.alarms() == (["accuracy is under 98 %"] if share < 0.98 else [])


def test_the_topic_is_that_of_the_contract_where_a_broker_makes_two_levels_of_the_identity() -> None:
    """RabbitMQ, MQTT plugin, section "Topic Levels and Wildcards": a dot is a level's end."""
    meant = "readpoint/v1/dc1/rfid/gw-07.rfid/health/rfid"
    assert topic_of("readpoint/v1/dc1/rfid/gw-07/rfid/health/rfid") == topic_of(meant) == meant
    assert topic_of("readpoint/v1/dc1/rfid/gw-07/rfid/state") == "readpoint/v1/dc1/rfid/gw-07.rfid/state"
    assert topic_of("readpoint/v1") == "readpoint/v1"
