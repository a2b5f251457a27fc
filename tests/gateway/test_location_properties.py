"""What holds for every story of a floor with zones, a door and a belt: whatever is read, in whatever order it comes."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import Read, Settings, Signal, Status
from drivers.lines import format_line, parse_line
from gateway.config.site import Device, Gateway, Segment, Site, Uplink
from gateway.identity.resolve import Resolver
from gateway.location import wheel
from gateway.location.engine import Engine
from gateway.location.steps import NEAR, step_before
from gateway.messages import Composer
from gateway.model import Gate, Identity, Port, Present, ReadPoint, Rules
from gateway.replay import replay
from tests.gateway.conftest import sound

POINTS = [
    ReadPoint("z1", "u:1", "zone", presence_timeout=10.0, freeze_max=60.0),
    ReadPoint("z2", "u:2", "zone", dwell=0.25, hysteresis_db=1.0),
    ReadPoint("z3", "u:3", "zone", presence_timeout=5.0, min_reads=2),
    ReadPoint("dock", "u:dock", "portal"),
    ReadPoint("gated", "u:gated", "portal", gate=Gate("plc", "beam", 0.5)),
    ReadPoint("belt", "u:belt", "checkpoint", dedup=3.0),
]
PORTS = (
    Port("left", 1, "z1"),
    Port("left", 2, "z2"),
    Port("right", 1, "z3", rssi_floor_dbm=-70.0),
    Port("right", 2, "z1", rssi_offset_db=3.0),
    Port("door", 1, "dock", "outside"),
    Port("door", 2, "dock", "inside"),
    Port("door", 3, "gated", "outside"),
    Port("door", 4, "gated", "inside"),
    Port("left", 3, "belt"),
)
FLOOR = Rules({one.name: one for one in POINTS}, PORTS)
PLACES = [(port.device, port.antenna) for port in PORTS]

READ = st.tuples(
    st.just("read"),
    st.sampled_from(PLACES),
    st.sampled_from("abc"),
    st.integers(-75, -40) | st.none(),
    st.sampled_from([0.0, 0.0, 0.0, 0.25, 2.0, 15.0, 60.0]),
)
STATE = st.tuples(
    st.just("state"),
    st.sampled_from(["left", "right", "door"]),
    st.sampled_from([None, 1, 2]),
    st.sampled_from(["online", "degraded", "offline", "stopped"]),
)
SIGNAL = st.tuples(st.just("signal"), st.sampled_from([("plc", "beam"), ("left", 1), ("right", 1)]), st.booleans())
WAIT = st.sampled_from([0.0, 1 / 128, 1 / 64, 3 / 64, 1 / 16, 0.25, 1.0, 3.0, 12.0, 40.0])
"""Parts that floats hold exactly at any time: no decision that stands on a threshold turns with the last digit."""
STORY = st.lists(st.tuples(WAIT, st.one_of(READ, READ, READ, STATE, SIGNAL)), max_size=80)
KNOWN = [
    Present(Identity("urn:test:a", "sgtin", "instance"), "z1", 900.0, 990.0, "zone"),
    Present(Identity("urn:test:b", "sgtin", "instance"), "belt", 980.0, 995.0, "checkpoint"),
]


def told(story, start=1000.0):
    """(arrival, device, observation) of each thing that happens."""
    now, lines = start, []
    for wait, (what, *details) in story:
        now += wait
        if what == "read":
            (device, antenna), tag, level, age = details
            lines.append((now, device, Read("epc", tag.encode(), now - age, antenna, level)))
        elif what == "state":
            device, antenna, state = details
            lines.append((now, device, Status(antenna, state, "", now)))
        else:
            (device, name), value = details
            lines.append((now, device, Signal(str(name), value, now)))
    return lines


def play(walk, lines, present=()):
    """All of it, and then every device observes until nobody is left."""
    w = walk(FLOOR, present, steps=True)
    end = 1000.0
    for end, device, seen in lines:
        w.tell(end, seen, device)
    for device in ("left", "right", "door"):
        w.state(step_before(end) + 1.0, "online", device=device)
    w.signal(step_before(end) + 1.0, False)
    w.reach(step_before(end) + 1000.0)
    return w


def essence(events, shift=0.0):
    """What two tellings have in common; times to a tenth of a millisecond, for a shift costs digits."""

    def times(one):
        gap = one.unobserved or ()
        found = [time - shift for time in (one.time, one.decided, one.first_seen, one.last_seen, *gap)]
        return pytest.approx(found, abs=1e-4) if shift else found

    return [
        (
            *(one.kind, one.object.uri, one.read_point, one.origin, one.reason, one.direction, one.resync, one.reads),
            sorted(one.sources, key=repr),
            one.passage,
            times(one),
        )
        for one in events
    ]


def check(w, present=()):
    stories = defaultdict(list)
    for one in w.events:
        assert one.kind == "observed" or one.decided - step_before(one.decided) <= 2 * NEAR
        if one.kind in ("arrived", "moved", "departed"):
            stories[one.object.uri].append(one)
    for uri, events in stories.items():
        if any(known.object.uri == uri and known.kind == "zone" for known in present):
            assert events.pop(0).kind in ("moved", "departed")
            if events and events[0].kind != "arrived":
                continue
        sound(events)
    for passage in {one.passage.id: one.passage for one in w.events if one.passage}.values():
        members = [one for one in w.events if one.passage and one.passage.id == passage.id]
        assert [one.passage.index for one in members] == list(range(1, len(members) + 1))
    assert w.stored == {}
    w.reach(w.now + wheel.HORIZON)
    assert w.engine.deadline is None


@settings(max_examples=300, deadline=None)
@given(STORY, st.booleans())
def every_story_is_sound(walk, story, restarted):
    present = KNOWN if restarted else ()
    check(play(walk, told(story), present), present)


@settings(max_examples=150, deadline=None)
@given(STORY, st.randoms(use_true_random=False))
def shuffled_within_steps_it_is_the_same(walk, story, rnd):
    # A device that says nothing of itself is online from what it says first: here all of them do.
    lines = [(1000.0, device, Status(None, "online", "", 1000.0)) for device in ("left", "right", "door")] + told(story)
    mixed = list(lines)
    for step in {step_before(arrival) for arrival, _, _ in lines}:
        spots = [n for n, (arrival, _, seen) in enumerate(lines) if step_before(arrival) == step and type(seen) is Read]
        others = list(spots)
        rnd.shuffle(others)
        for spot, other in zip(spots, others, strict=True):
            mixed[spot] = lines[other]
    now, again = 0.0, []
    for arrival, device, seen in mixed:
        now = max(now, arrival)
        again.append((now, device, seen))
    first, second = (play(walk, some, KNOWN).events for some in (lines, again))
    assert [one for one in second if one.kind != "observed"] == [one for one in first if one.kind != "observed"]


@settings(max_examples=150, deadline=None)
@given(STORY, st.sampled_from([0.5, 86_400.0, 1234.5, 1_790_000_000.0]))
def told_at_another_time_it_is_the_same(walk, story, shift):
    first, second = play(walk, told(story)).events, play(walk, told(story, 1000.0 + shift)).events
    assert essence(second, shift) == essence(first)


def rebuilt(events):
    """Who is where, by the contract's rule of placement, from events that come in any order."""
    state = {}
    for number, one in events:
        rank, gone = (one.time, number), one.kind == "departed"
        if rank > state.get(one.object.uri, ((float("-inf"), -1),))[0]:
            state[one.object.uri] = rank, None if gone else one.read_point
    return {uri: where for uri, (_, where) in state.items() if where is not None}


@settings(max_examples=150, deadline=None)
@given(STORY, st.integers(0, 80), st.randoms(use_true_random=False))
def a_centre_that_knows_the_events_knows_who_is_where(walk, story, restart, rnd):
    """At any moment and over a restart, in whatever order the events reach it."""
    w, told_before = walk(FLOOR, steps=True), []
    for number, (now, device, seen) in enumerate(told(story)):
        if number == restart:
            w.finish()
            told_before, w = w.events, walk(FLOOR, w.stored.values(), steps=True)
        w.tell(now, seen, device)
        events = [one for one in enumerate(told_before + w.events) if one[1].kind in ("arrived", "moved", "departed")]
        rnd.shuffle(events)
        stands = {uri: zone for zone, uris in w.engine.standing().items() for uri in uris}
        assert rebuilt(events) == {uri: zone for uri, zone in stands.items() if zone != "belt"}


@pytest.mark.parametrize(
    "law",
    [
        every_story_is_sound,
        shuffled_within_steps_it_is_the_same,
        told_at_another_time_it_is_the_same,
        a_centre_that_knows_the_events_knows_who_is_where,
    ],
)
def test_law(walk, law):
    law(walk)


# Of recordings


def site():
    devices = {name: Device(name, "llrp", "rfid", Settings()) for name in ("left", "right", "door", "plc")}
    segment = Segment("rfid", Uplink("broker", 8883), rules=FLOOR)
    return Site(Gateway("gw-1", "dc1"), {"rfid": segment}, FLOOR.read_points, devices)


def messages(lines):
    """What `replay` says, without the ids."""
    return [without_ids(json.loads(one)) for one in replay(site(), lines)]


def without_ids(message):
    message["id"] = message["data"]["eventID"] = None
    message["data"]["readpoint:observation"].get("passage", {}).pop("id", None)
    return message


def one_by_one(lines):
    """What the engine says to each line by itself, as `messages` has it."""
    engine, now, said = Engine(FLOOR, Resolver().resolve), 0.0, []
    composer = Composer(site().gateway, "rfid", FLOOR.read_points)
    for line in lines:
        device, seen, received = parse_line(line)
        now = max(now, received)
        while (due := engine.deadline) is not None and due <= now:
            said += engine.advance(due)
        said += engine.feed(device, (seen,), now)
    said += engine.finish()
    return [
        without_ids(json.loads(b"{%b}" % composer.epcis(one.transition).body))
        for one in said
        if one.transition is not None
    ]


def recorded(seed):
    """Ten minutes of five tags that wander, in lines as `readpoint record` writes them."""
    rnd, lines = random.Random(seed), []
    now = 1_790_000_000.0
    while now < 1_790_000_600.0:
        now += rnd.choice([0.01, 0.02, 0.05, 0.2])
        tag = rnd.randrange(5)
        device, antenna = PLACES[int(now / 20 + tag * 3) % len(PLACES)] if rnd.random() < 0.8 else rnd.choice(PLACES)
        epc = bytes.fromhex("3034257bf7194e4000000001")[:-1] + bytes([tag])
        seen = Read("epc", epc, now - rnd.choice([0.0, 0.0, 0.0, 0.3]), antenna, rnd.gauss(-55.0, 4.0))
        lines.append(format_line(device, seen, now))
        if rnd.random() < 0.002:
            state = rnd.choice(["online", "offline"])
            lines.append(format_line(rnd.choice(["left", "right"]), Status(None, state, "", now)))
        if rnd.random() < 0.005:
            lines.append(format_line("plc", Signal("beam", rnd.random() < 0.5, now)))
    return lines


def test_a_recording_says_the_same_each_time_it_is_played_whatever_the_clock_says(monkeypatch):
    lines = recorded(4)
    first = messages(lines)
    kinds = {one["data"]["readpoint:observation"]["transition"] for one in first}
    assert kinds == {"arrived", "moved", "departed", "passed", "observed"}
    for name, says in (("time", 12.5), ("monotonic", 0.0), ("perf_counter", 0.0)):
        monkeypatch.setattr(time, name, lambda says=says: says)
    for name in ("time_ns", "monotonic_ns"):
        monkeypatch.setattr(time, name, lambda: 4_102_444_800 * 10**9)
    assert messages(lines) == first


def test_replay_takes_the_reads_of_a_step_together_and_says_what_it_says_to_each_alone():
    numbering = {"specversion", "stream", "epoch", "sequence", "clock"}
    for seed in (1, 2):
        lines = recorded(seed)
        said = [{name: value for name, value in one.items() if name not in numbering} for one in messages(lines)]
        assert said == one_by_one(lines)
        assert len(said) > 100


def test_lines_shuffled_within_steps_say_the_same_of_belts_doors_and_zones():
    lines = [line for line in recorded(3) if '"received"' not in line]
    rnd = random.Random(9)
    mixed = sorted(lines, key=lambda line: (step_before(json.loads(line)["time"]), rnd.random()))
    assert mixed != lines
    assert messages(mixed) == messages(lines)
    at_once = [format_line("left", Read("epc", bytes([n]) * 12, 1_790_000_000.0, 3, -50.0)) for n in range(1, 50)]
    assert messages(rnd.sample(at_once, len(at_once))) == messages(at_once)
