"""The engine as a whole: routing, counting, bounds, and what holds for every story of a floor."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.contract import Measurement, Read, Signal, Status
from gateway.location import admission, checkpoint, presence, wheel
from gateway.location.engine import Engine
from gateway.model import Gate, Identity, Port, Present, ReadPoint, Rules
from tests.gateway.conftest import sound

# Routing and counting


def test_reads_at_no_read_point_are_counted(walk, zones):
    w = walk(zones())
    w.read(100.0, 9)
    w.read(100.0, 1, device="stranger")
    w.read(100.0, None)
    assert w.engine.counts.unplaced == 3
    assert w.engine.counts.reads == 3
    assert w.reach(200.0) == []


def test_a_stamp_of_the_future_is_now_and_counted_when_it_is_far(walk, zones):
    w = walk(zones(1))
    w.read(5000.0, arrives=100.0)
    w.read(101.5, tag="b", arrives=101.0)
    assert [(one.time, one.decided) for one in w.events] == [(100.0, 100.0), (101.0, 101.0)]
    assert w.engine.counts.future == 1


@pytest.mark.parametrize("time", [float("nan"), float("inf"), float("-inf"), -1e300])
def test_no_stamp_breaks_it(walk, zones, time):
    w = walk(zones())
    w.read(time, arrives=100.0)
    w.stay(101, 110, 1)
    w.reach(300.0)
    assert [one.kind for one in w.events[-2:]] == ["arrived", "departed"]
    assert w.events[-1].time == 109.5
    assert w.engine.deadline is None


@pytest.mark.parametrize("rssi", [float("nan"), float("inf"), 1e300, -1e300])
def test_no_level_breaks_it(walk, zones, rules, rssi):
    w = walk(zones())
    w.read(100.0, 2, rssi)
    w.stay(100.5, 120, 1)
    assert [one.read_point for one in w.events] == ["z1"]
    assert all(one.peak_rssi is None or -150 < one.peak_rssi < 50 for one in w.events[0].sources)
    p = walk(rules([ReadPoint("d", "urn:test:d", "portal")], [Port("reader", 1, "d", "inside")]))
    p.read(100.0, 1, rssi)
    p.reach(200.0)
    assert len(p.events) == 1


def test_time_never_runs_back(walk, zones):
    w = walk(zones(1))
    w.read(100.0)
    w.engine.advance(200.0)
    assert w.engine.feed("reader", [Read("epc", b"b", 150.0, 1, -50.0)], 150.0) == []
    arrived = w.engine.finish()[0].transition
    assert (arrived.kind, arrived.time, arrived.decided) == ("arrived", 150.0, 200.0)


def test_measurements_and_strange_signals_pass(walk, zones):
    w = walk(zones())
    w.tell(100.0, Measurement("t", 1.0, "CEL", "good", 100.0))
    w.tell(100.0, Signal("x", True, 100.0), device="stranger")
    w.tell(100.0, Status(None, "online", "", 100.0), device="stranger")
    assert w.engine.feed("reader", [], 101.0) == []
    assert w.events == []


@pytest.mark.parametrize("where", ["segment", "read point"])
def test_only_what_is_accepted_counts(walk, rules, where):
    accept = ("sscc", "urn:test:grai:1*")
    point = ReadPoint("z1", "urn:test:z1", "zone", accept=accept if where == "read point" else ())
    w = walk(rules([point], [Port("reader", 1, "z1")], accept=accept if where == "segment" else ()))
    for tag in ("sscc:1", "grai:1.7", "grai:2.7", "sgtin:1"):
        w.read(100.0, tag=tag)
        w.read(100.5, tag=tag)
    assert {one.object.uri for one in w.events} == {"urn:test:sscc:1", "urn:test:grai:1.7"}
    assert w.engine.counts.ignored == 4


def test_what_is_ignored_at_one_read_point_counts_at_another(walk, rules):
    points = [
        ReadPoint("c1", "urn:test:c1", "checkpoint", ignore=("grai",)),
        ReadPoint("c2", "urn:test:c2", "checkpoint"),
    ]
    w = walk(rules(points, [Port("reader", 1, "c1"), Port("reader", 2, "c2")]))
    for antenna in (1, 2):
        w.read(100.0, antenna, tag="grai:1")
    assert [one.read_point for one in w.events] == ["c2"]


@pytest.mark.parametrize(("raw", "expected"), [("report", 2), ("drop", 0)])
def test_what_nobody_can_decode_is_reported_or_dropped(walk, rules, raw, expected):
    w = walk(rules([ReadPoint("c", "urn:test:c", "checkpoint")], [Port("reader", 1, "c")], raw=raw))
    w.read(100.0, tag="raw:96.x00")
    w.read(100.0, tag="afi:96.xA1.x00")
    assert len(w.events) == expected


def test_new_rules_look_at_what_was_refused_again(walk, rules):
    point, port = ReadPoint("c", "urn:test:c", "checkpoint"), Port("reader", 1, "c")
    w = walk(rules([point], [port], accept=("sscc",)))
    w.read(100.0, tag="grai:1")
    w.replace(rules([point], [port]), 101.0)
    w.read(102.0, tag="grai:1")
    assert len(w.events) == 1


def test_a_read_point_that_changes_its_kind_begins_anew(walk, rules):
    port = Port("reader", 1, "p")
    w = walk(rules([ReadPoint("p", "urn:test:p", "zone")], [port]))
    w.read(100.0)
    w.replace(rules([ReadPoint("p", "urn:test:p", "checkpoint")], [port]), 101.0)
    w.read(102.0)
    w.replace(rules([ReadPoint("p", "urn:test:p", "zone")], [port]), 103.0)
    w.read(104.0)
    assert [one.kind for one in w.events] == ["arrived", "departed", "observed", "arrived"]


def test_a_tag_may_be_in_a_zone_and_pass_a_checkpoint(walk, rules):
    points = [ReadPoint("z", "urn:test:z", "zone"), ReadPoint("c", "urn:test:c", "checkpoint")]
    w = walk(rules(points, [Port("reader", 1, "z"), Port("reader", 2, "c")]))
    w.read(100.0, 1)
    w.read(100.0, 2)
    assert {key[1] for key in w.stored} == {"z", "c"}


# Bounds


def test_endless_distinct_tags_are_refused_beyond_the_limit(walk, rules, monkeypatch):
    for module in (presence, checkpoint):
        monkeypatch.setattr(module, "MAX_TAGS", 100)
    monkeypatch.setattr("gateway.location.portal.MAX_TAGS", 100)
    points = [ReadPoint("z", "u:z", "zone"), ReadPoint("c", "u:c", "checkpoint"), ReadPoint("p", "u:p", "portal")]
    ports = [Port("reader", 1, "z"), Port("reader", 2, "c"), Port("reader", 3, "p", "inside")]
    w = walk(rules(points, ports))
    for tag in range(500):
        for antenna in (1, 2, 3):
            w.read(100.0, antenna, tag=f"t{tag}")
    w.finish()
    assert w.engine.counts.refused == 1200
    w.reach(300.0)
    assert w.stored == {}
    w.read(400.0, 2, tag="new")
    assert w.events[-1].kind == "observed"


def test_endless_refused_tags_are_not_all_remembered(walk, rules, monkeypatch):
    monkeypatch.setattr(admission, "MAX_ALIASES", 50)
    w = walk(rules([ReadPoint("c", "u:c", "checkpoint")], [Port("reader", 1, "c")], accept=("sscc",)))
    for tag in range(500):
        w.read(100.0, tag=f"t{tag}")
    assert w.engine.counts.ignored == 500


def test_twenty_thousand_tags_of_one_time_stamp_stay_as_many(walk, zones):
    engine = walk(zones()).engine
    reads = [Read("epc", f"t{tag}".encode(), 100.0, 1, -50.0) for tag in range(20_000)]
    assert engine.feed("reader", reads, 100.0) == []
    arrived, calls = [], 0
    while (due := engine.deadline) is not None and due <= 103.0:
        arrived += engine.advance(due)
        calls += 1
    assert len({one.transition.object.uri for one in arrived}) == len(arrived) == 20_000
    # No call does more than its slice.
    assert calls >= 20_000 * wheel.FIRED / wheel.SLICE


# What holds for every story

STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.125, 0.5, 1.0, 3.0, 12.0, 40.0]),
        st.one_of(
            st.tuples(st.just("read"), st.integers(1, 3), st.sampled_from("ab"), st.integers(-75, -40)),
            st.tuples(
                st.just("late"), st.integers(1, 3), st.sampled_from("ab"), st.sampled_from([0.0, 0.25, 2.0, 15.0, 60.0])
            ),
            st.tuples(
                st.just("state"), st.sampled_from([None, 1, 2]), st.sampled_from(["online", "offline", "stopped"])
            ),
        ),
    ),
    max_size=80,
)


def floor() -> Rules:
    """Zones under antennas 1 to 3 of one reader, two of them quick to decide, one that expires early."""
    points = [
        ReadPoint("z1", "u:1", "zone", presence_timeout=10.0, freeze_max=60.0),
        ReadPoint("z2", "u:2", "zone", dwell=0.2, hysteresis_db=1.0),
        ReadPoint("z3", "u:3", "zone", presence_timeout=5.0),
    ]
    return Rules({one.name: one for one in points}, tuple(Port("reader", n, f"z{n}") for n in (1, 2, 3)))


def tell(walk, steps, start=1000.0):
    w = walk(floor())
    time = start
    for wait, (what, *details) in steps:
        time += wait
        if what == "read":
            antenna, tag, rssi = details
            w.read(time, antenna, float(rssi), tag=tag)
        elif what == "late":
            antenna, tag, age = details
            w.read(time - age, antenna, -50.0, tag=tag, arrives=time)
        else:
            w.state(time, details[1], details[0])
    w.state(time + 1.0, "online")
    w.reach(time + 1000.0)
    return w


def check(w):
    """One zone at a time, arrivals and departures in turn, eventTimes forward, and nobody left behind."""
    stories = defaultdict(list)
    for one in w.events:
        stories[one.object.uri].append(one)
    for events in stories.values():
        sound(events)
    assert w.stored == {}
    w.reach(w.now + wheel.HORIZON)
    assert w.engine.deadline is None


def essence(events, shift=0.0):
    """What two tellings have in common; times to the millisecond, for a shift costs digits."""
    return [
        (
            (one.kind, one.object.uri, one.read_point, one.origin, one.reason, one.reads, one.sources),
            [round(time - shift, 3) for time in (one.time, one.decided, one.first_seen, one.last_seen)],
        )
        for one in events
    ]


def test_every_story_is_sound(walk):
    @settings(max_examples=200, deadline=None)
    @given(STEPS)
    def sound(steps):
        check(tell(walk, steps))

    sound()


def test_repeating_a_story_gives_the_same(walk):
    @settings(max_examples=60, deadline=None)
    @given(STEPS)
    def same(steps):
        assert tell(walk, steps).events == tell(walk, steps).events

    same()


def test_a_story_told_at_another_time_is_the_same(walk):
    @settings(max_examples=100, deadline=None)
    @given(STEPS, st.sampled_from([0.5, 1.0, 1234.5, 1_790_000_000.0]))
    def shifted(steps, shift):
        assert essence(tell(walk, steps, 1000.0 + shift).events, shift) == essence(tell(walk, steps).events)

    shifted()


def test_presence_kept_over_a_restart_goes_on(walk, zones):
    """A restart in the middle changes no placement: what is told after it begins where the story stopped."""
    w = walk(zones())
    w.stay(100, 120, 1, tag="stays")
    w.stay(120, 130, 1, tag="goes")
    w.stay(125, 130, 1, tag="stays")
    again = walk(zones(), w.engine.present())
    again.reach(200.0)
    again.state(200.0, "online")
    again.stay(201, 215, 1, tag="stays")
    again.stay(215, 232, 2, tag="stays")
    story = [(one.object.uri, one.kind, one.reason) for one in again.events]
    assert story == [("urn:test:stays", "moved", None), ("urn:test:goes", "departed", "unobserved")]


def test_held_reads_after_a_restart_are_decided_in_their_own_time(walk, zones):
    """The reader went on while the gateway was dead: its held reads come first, then it says since when it observes."""
    here = Present(Identity("urn:test:a", "sgtin", "instance"), "z1", 50.0, 100.0)
    floor = walk(zones(presence_timeout=10.0), [here], assume_online=False)
    floor.reach(130.0)
    for held in range(101, 115):
        floor.take([Read("epc", b"a", float(held), 1, -50.0)], 130.0)
    for held in range(115, 130):
        floor.take([Read("epc", b"a", float(held), 2, -50.0)], 130.0)
    floor.tell(130.1, Status(None, "online", "the reader held its reports", 101.0))
    floor.stay(130.5, 135.0, antenna=2)
    assert [(event.kind, event.read_point) for event in floor.events] == [("moved", "z2")]
    assert 114.0 <= floor.events[0].time <= 119.0


def test_a_device_that_has_not_said_so_does_not_observe(walk, zones):
    here = Present(Identity("urn:test:a", "sgtin", "instance"), "z1", 50.0, 100.0)
    floor = walk(zones(presence_timeout=10.0), [here], assume_online=False)
    floor.read(101.0, tag="b")
    floor.reach(500.0)
    assert not [event for event in floor.events if event.object.uri == "urn:test:a"]


@pytest.mark.parametrize("was", ["zone", "checkpoint", None])
@pytest.mark.parametrize("is_now", ["zone", "checkpoint", "portal", None])
def test_what_a_configuration_lost_while_down_departs_from_zones_alone(walk, rules, was, is_now):
    """A checkpoint says where something passed, never that it is there: it has nothing to depart from.

    None is what a file of version 1 knows of it: what is there now decides.
    """
    points = [ReadPoint("other", "urn:other", "zone")] + ([ReadPoint("here", "urn:here", is_now)] if is_now else [])
    ports = [Port("reader", number, point.name, "inside") for number, point in enumerate(points, 1)]
    known = Present(Identity("urn:test:a", "sgtin", "instance"), "here", 50.0, 90.0, was)
    w = walk(rules(points, ports), [known])
    w.state(100.0, "online")
    kept = is_now in ("zone", "checkpoint") and was in (is_now, None)
    gone = not kept and was != "checkpoint"
    assert [(one.kind, one.reason) for one in w.events] == ([("departed", "configuration")] if gone else [])
    assert bool(w.stored) == kept


def test_a_resolver_is_asked_once_a_tag(zones):
    asked = []

    def resolve(read):
        asked.append(read.value)
        return Identity("urn:test:a", "sgtin", "instance")

    engine = Engine(zones(), resolve)
    engine.feed("reader", [Read("epc", b"a", 100.0 + index, 1, -50.0) for index in range(20)], 120.0)
    engine.finish()
    assert asked == [b"a"]


# A clock that is set


@pytest.mark.parametrize("by", [3600.0, -3600.0, 86400.0, -86400.0, 1.7e9])
def test_a_clock_that_is_set_neither_ends_presence_nor_blinds_the_rules(walk, zones, by):
    w = walk(zones())
    start = 1_790_000_000.0
    w.stay(start, start + 20, 1)
    assert [one.kind for one in w.events] == ["arrived"]
    w.engine.shift(by)
    w.stay(start + by + 20, start + by + 40, 1)
    assert [one.kind for one in w.events] == ["arrived"]
    w.stay(start + by + 40, start + by + 60, 2)
    w.stay(start + by + 60, start + by + 70, 1, tag="b")
    w.reach(start + by + 200)
    assert [(one.kind, one.object.uri, one.read_point) for one in w.events] == [
        ("arrived", "urn:test:a", "z1"),
        ("moved", "urn:test:a", "z2"),
        ("arrived", "urn:test:b", "z1"),
        ("departed", "urn:test:a", "z2"),
        ("departed", "urn:test:b", "z1"),
    ]
    assert w.engine.present_count == 0
    of_a = [one.time for one in w.events if one.object.uri == "urn:test:a"]
    assert of_a == sorted(of_a), "eventTimes of an object never run backwards"


@pytest.mark.parametrize("by", [3600.0, -3600.0])
def test_a_clock_that_is_set_keeps_checkpoints_quiet_and_gates_as_they_are(walk, rules, by):
    points = [
        ReadPoint("c", "urn:test:c", "checkpoint", dedup=5.0),
        ReadPoint("d", "urn:test:d", "portal", gate=Gate("plc", "beam", 2.0)),
    ]
    w = walk(rules(points, [Port("reader", 1, "c"), Port("reader", 2, "d", "inside")]))
    w.read(10_000.0)
    w.signal(10_000.0, 1)
    w.read(10_001.0, 2, tag="b")
    w._take(w.engine.shift(by))
    assert [(one.kind, one.object.uri) for one in w.events] == [
        ("observed", "urn:test:a"),
        ("passed", "urn:test:b"),
    ]
    w.read(10_004.0 + by)
    w.read(10_004.0 + by, 2, tag="e")
    assert w.engine.counts.gated == 0
    w.reach(10_100.0 + by)
    w.read(10_100.0 + by)
    assert [one.object.uri for one in w.events if one.kind == "observed"] == ["urn:test:a", "urn:test:a"]


def test_what_stands_in_each_zone_and_whether_it_is_observed(walk, zones):
    w = walk(zones())
    w.stay(100, 105, 1)
    w.stay(100, 105, 2, tag="b")
    assert w.engine.zones == ["z1", "z2"]
    assert w.engine.standing() == {"z1": ["urn:test:a"], "z2": ["urn:test:b"]}
    assert w.engine.observing("z1")[0]
    w.state(106.0, "offline", 1)
    assert w.engine.observing("z1") == (False, 106.0)
    assert w.engine.observing("z2")[0]
    w.state(110.0, "online", 1)
    assert w.engine.observing("z1") == (True, 110.0)
    again = walk(zones(), w.engine.present())
    assert again.engine.standing() == {"z1": ["urn:test:a"], "z2": ["urn:test:b"]}


def test_what_is_weighed_can_be_asked(walk, zones):
    w = walk(zones(2))
    w.stay(100.0, 110.0, 1, -50.0)
    w.stay(110.0, 110.4, 2, -70.0, step=0.1)
    here, weighed, patience = w.engine.weighed("urn:test:a")
    assert patience == 30.0
    assert (here.read_point, here.since, here.last_seen) == ("z1", 100.0, pytest.approx(110.3))
    assert [zone for zone, _ in weighed] == ["z1", "z2"]
    assert w.engine.weighed("urn:test:b") == (None, [], 0.0)
    assert set(w.engine.learned()) == {("reader", 1), ("reader", 2)}
