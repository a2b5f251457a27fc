"""What comes back: clocks, antennas, gates and configurations that were another for a while, and the end of time."""

from __future__ import annotations

import random

from drivers.contract import Read
from gateway.model import Gate, Identity, Port, Present, ReadPoint
from tests.gateway.test_portal import INSIDE, OUTSIDE, door, drive

T0 = 1_790_000_000.0


def known(zone, uri="urn:test:a", seen=T0):
    kind = "checkpoint" if zone == "belt" else "zone"
    slot = 0 if kind == "checkpoint" else None
    return Present(Identity(uri, "sgtin", "instance"), zone, seen - 100.0, seen, kind, slot)


def test_a_clock_that_was_behind_at_the_start_freezes_nothing(walk, rules):
    """The battery is flat: the box boots in 1970, with presence of today, and a time server sets it a minute later."""
    points = [ReadPoint(name, f"urn:test:{name}", "zone", presence_timeout=10.0) for name in ("z1", "z2")]
    points.append(ReadPoint("belt", "urn:test:belt", "checkpoint", dedup=5.0))
    there = rules(points, [Port("reader", 1, "z1"), Port("reader", 2, "z2"), Port("reader", 3, "belt")])
    present = [known("z1"), known("z1", "urn:test:gone"), known("belt", "urn:test:c")]
    for boot in (30.0, T0 - 3600.0):
        w = walk(there, present, steps=True, assume_online=False)
        w.reach(boot)
        w.state(boot + 1.0, "online")
        w._take(w.engine.shift(T0 + 60.0 - (boot + 2.0)))
        for second in range(30):
            w.read(T0 + 60.0 + second, 2, tag="a")
        w.read(T0 + 95.0, 3, tag="c")
        w.reach(T0 + 200.0)
        told = {(one.object.uri, one.kind, one.read_point) for one in w.events}
        assert ("urn:test:a", "moved", "z2") in told
        assert ("urn:test:gone", "departed", "z1") in told
        assert ("urn:test:c", "observed", "belt") in told
        assert all(T0 - 100.0 <= one.time <= T0 + 200.0 for one in w.events if boot > 100.0)


def test_a_dead_antenna_does_not_come_to_life_with_every_connection(walk, zones):
    """The reader is back every minute, and says each time at once that antenna 1 is still broken."""
    w = walk(zones(presence_timeout=10.0, freeze_max=100.0), steps=True, assume_online=False)
    w.state(1000.0, "online")
    w.stay(1000.0, 1020.0)
    w.state(1020.0, "offline", 1)
    for turn in range(10):
        w.state(1060.0 + 60.0 * turn, "offline")
        w.state(1061.0 + 60.0 * turn, "online")
        w.state(1061.01 + 60.0 * turn, "offline", 1)
    [_, departed] = w.events
    assert (departed.kind, departed.reason) == ("departed", "expired")
    assert departed.decided <= 1121.0


def test_windows_shorter_than_the_timeout_do_not_keep_what_left(walk, zones):
    """Reading is started by an input, 20 s at a time: shorter than the presence timeout, and longer than freezing."""
    w = walk(zones(presence_timeout=30.0, freeze_max=100.0), steps=True, assume_online=False)
    w.state(1000.0, "online")
    w.stay(1000.0, 1020.0)
    for turn in range(20):
        w.state(1020.0 + 30.0 * turn, "stopped")
        w.state(1030.0 + 30.0 * turn, "online")
    [_, departed] = w.events
    assert departed.kind == "departed"
    assert 1120.0 <= departed.decided <= 1019.5 + 100.0 + 60.0 + 0.1


def test_what_was_quiet_at_a_belt_is_observed_again_after_many_short_windows(walk, rules):
    belt = rules(
        [ReadPoint("belt", "urn:test:belt", "checkpoint", dedup=30.0, freeze_max=60.0)], [Port("reader", 1, "belt")]
    )
    w = walk(belt, assume_online=False)
    w.state(1000.0, "online")
    w.read(1001.0)
    for turn in range(20):
        w.state(1020.0 + 30.0 * turn, "stopped")
        w.state(1030.0 + 30.0 * turn, "online")
    w.read(1625.0)
    assert w.story() == [("observed", "belt", 1001.0), ("observed", "belt", 1625.0)]


def test_a_dark_antenna_is_dark_at_its_new_read_point_too(walk, zones, rules):
    two = zones()
    w = walk(two, assume_online=False)
    w.state(1000.0, "online")
    w.state(1001.0, "offline", 1)
    w.replace(rules(two.read_points.values(), [Port("reader", 1, "z2"), Port("reader", 2, "z1")]), 1002.0)
    assert not w.engine.observing("z2")[0]
    assert w.engine.observing("z1")[0]


def test_a_gate_whose_hold_changes_stays_as_it_is(walk, rules):
    def belt(hold):
        point = ReadPoint("belt", "urn:test:belt", "checkpoint", dedup=5.0, gate=Gate("plc", "beam", hold))
        return rules([point], [Port("reader", 1, "belt")])

    w = walk(belt(1.0))
    w.signal(1000.0, 1)
    w.read(1001.0, tag="a")
    w.replace(belt(2.0), 1002.0)
    w.read(1003.0, tag="b")
    w.signal(1004.0, 0)
    w.read(1005.5, tag="c")
    w.read(1006.5, tag="d")
    assert [one.object.uri for one in w.events] == ["urn:test:a", "urn:test:b", "urn:test:c"]


def test_whom_new_rules_ignore_nobody_hears(walk, zones):
    w = walk(zones(presence_timeout=10.0))
    w.stay(1000.0, 1020.0)
    w.replace(zones(presence_timeout=10.0, ignore=("sgtin",)), 1020.0)
    w.stay(1021.0, 1060.0, 2)
    w.reach(1070.0)
    assert [one.kind for one in w.events] == ["arrived", "departed"]


def test_a_tag_that_waits_for_what_may_follow_is_told_where_time_ends(walk, rules):
    """A handful of reads waits long: chance could explain it, if more came. After the end nothing does."""
    w = walk(door(rules))
    for turn in range(10):
        antenna = OUTSIDE if turn < 5 else INSIDE
        w.read(1000.0 + 0.2 * turn, antenna, -50.0)
    w.reach(1007.0)
    assert w.events == []
    w.finish()
    assert [(one.object.uri, one.direction) for one in w.events] == [("urn:test:a", "in")]
    assert w.finish() == []


def test_a_shift_beyond_reason_is_none(walk, rules):
    """A post may say anything: where a float of 32 bits ends, levels decide."""
    rnd = random.Random("doppler")
    w = walk(door(rules))
    for time, tag, antenna, rssi in sorted(drive(rnd, 1000.0, (-6.0, 6.0), ("a",), 1.5)):
        w.tell(time, Read("epc", tag.encode(), time, antenna, rssi, doppler=1e39 if antenna == INSIDE else -1e39))
    w.reach(1100.0)
    assert [one.direction for one in w.events] == ["in"]
    assert {OUTSIDE, INSIDE} == {source.antenna for one in w.events for source in one.sources}


def moved_to(uri):
    """Zone z1, at that URI now; z2 as ever."""
    return [ReadPoint(name, at, "zone", presence_timeout=10.0) for name, at in (("z1", uri), ("z2", "urn:test:z2"))], [
        Port("reader", 1, "z1"),
        Port("reader", 2, "z2"),
    ]


def test_what_a_zone_held_that_is_elsewhere_now_departs_from_where_it_arrived(walk, rules):
    """The next start finds another `uri` in the file: at the old one nobody else will end it."""
    present = [known("z1"), known("z2", "urn:test:b"), known("z9", "urn:test:c")]
    told = {"z1": "urn:test:old", "z2": "urn:test:z2", "z9": "urn:test:z9"}
    w = walk(rules(*moved_to("urn:test:new")), present, steps=True, told=told)
    w.stay(T0 + 1.0, T0 + 5.0)
    w.stay(T0 + 5.0, T0 + 6.0, 2, tag="b")
    assert [(one.kind, one.read_point, one.uri, one.object.uri) for one in w.events] == [
        ("departed", "z1", "urn:test:old", "urn:test:a"),
        ("departed", "z9", "urn:test:z9", "urn:test:c"),
        ("arrived", "z1", None, "urn:test:a"),
    ]
    assert w.events[0].reason == "configuration"


def test_a_zone_that_gets_another_uri_is_left_and_entered_anew(walk, rules):
    w = walk(rules(*moved_to("urn:test:old")), steps=True)
    w.stay(1000.0, 1010.0)
    w.stay(1000.0, 1010.0, 2, tag="b")
    w.replace(rules(*moved_to("urn:test:new")), 1010.0)
    w.stay(1010.5, 1020.0)
    [_, departed, arrived] = [one for one in w.events if one.object.uri == "urn:test:a"]
    assert (departed.kind, departed.read_point, departed.uri, departed.reason) == (
        "departed",
        "z1",
        "urn:test:old",
        "configuration",
    )
    assert (arrived.kind, arrived.read_point, arrived.uri) == ("arrived", "z1", None)
    assert arrived.time >= departed.time


def test_what_another_stream_placed_is_placed_again_and_then_departs(walk, rules):
    """A box that is replaced, its disk kept: a departure of this stream would not end what the other one has told."""
    w = walk(rules(*moved_to("urn:test:z1")), [known("z1"), known("z8", "urn:test:b")], steps=True, renewed=True)
    w.state(T0 + 1.0, "online")
    w.reach(T0 + 30.0)
    told = [(one.kind, one.object.uri, one.read_point, one.time, one.resync) for one in w.events]
    assert told == [
        ("arrived", "urn:test:a", "z1", T0, True),
        ("arrived", "urn:test:b", "z8", T0, True),
        ("departed", "urn:test:b", "z8", T0, False),
        ("departed", "urn:test:a", "z1", T0, False),
    ]


def test_a_placement_that_is_told_again_is_the_later_one(walk, rules):
    """Whoever compares eventTimes first finds this one newer, though nobody has seen the object since."""
    once = Present(Identity("urn:test:a", "sgtin", "instance"), "z1", T0, T0, "zone")
    w = walk(rules(*moved_to("urn:test:z1")), [once], steps=True, renewed=True)
    w.reach(T0 + 1.0)
    [arrived] = w.events
    assert T0 < arrived.time <= T0 + 0.002
    assert w.stored["urn:test:a", "z1"].since == arrived.time
