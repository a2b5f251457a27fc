"""Zones: where a tag is, when it came, moved and went, and what a blocked or silent reader does to that."""

from __future__ import annotations

import pytest

from drivers.contract import Read
from gateway.location import memory
from gateway.location.floor import Floor
from gateway.location.zone import Tag, ZoneRule
from gateway.model import Absent, Identity, Port, Present, ReadPoint

A = "urn:test:a"


def present(read_point="z1", *, uri=A, since=10.0, last_seen=90.0):
    return Present(Identity(uri, "sgtin", "instance"), read_point, since, last_seen)


def kinds(walk):
    return [one.kind for one in walk.events]


def test_a_tag_arrives_where_it_is_strongest_dated_by_its_first_read(walk, zones):
    w = walk(zones())
    w.read(100.0, 2, -60)
    for index in range(1, 5):
        w.read(100.0 + index / 2, 1, -48)
        w.read(100.1 + index / 2, 2, -61)
    [arrived] = w.events
    assert (arrived.kind, arrived.read_point, arrived.time) == ("arrived", "z1", 100.0)
    assert arrived.decided == 102.0
    assert arrived.object.uri == A
    assert not arrived.resync
    assert {(one.antenna, one.peak_rssi) for one in arrived.sources} == {(1, -48.0), (2, -60.0)}
    assert arrived.reads == sum(one.reads for one in arrived.sources) == 7


def test_a_single_read_arrives_when_nothing_contradicts_it(walk, zones):
    w = walk(zones())
    w.read(100.0, 1)
    assert w.story() == []
    w.reach(103.0)
    assert w.story() == [("arrived", "z1", 100.0)]
    assert w.events[0].decided == 102.0


def test_where_there_is_one_zone_there_is_nothing_to_weigh(walk, zones):
    w = walk(zones(1))
    assert [one.kind for one in w.read(100.0, 1)] == ["arrived"]


def test_a_move_is_dated_when_the_evidence_turned_and_decided_when_it_was_sure(walk, zones):
    w = walk(zones())
    w.stay(100, 120, 1)
    w.stay(120, 130, 2)
    assert [(one.kind, one.read_point) for one in w.events] == [("arrived", "z1"), ("moved", "z2")]
    moved = w.events[1]
    assert moved.origin == "z1"
    assert moved.time == pytest.approx(120.0, abs=1.0)
    assert moved.decided <= 125.0
    assert moved.decided - moved.time >= 1.0
    assert set(w.stored) == {(A, "z2")}
    assert w.stored[A, "z2"].since == moved.time


def test_a_stronger_antenna_within_the_hysteresis_takes_nothing(walk, zones):
    for hysteresis, expected in ((8.0, ["arrived"]), (4.0, ["arrived", "moved"])):
        w = walk(zones(hysteresis_db=hysteresis))
        w.stay(100, 110, 1, -56)
        for index in range(100):
            w.read(110.0 + index / 5, 1, -56)
            w.read(110.1 + index / 5, 2, -50)
        assert kinds(w) == expected


def test_a_short_lead_takes_nothing(walk, zones):
    w = walk(zones(dwell=5.0))
    w.stay(100, 130, 1)
    w.stay(130, 133, 2)
    w.stay(133, 160, 1)
    assert kinds(w) == ["arrived"]


def test_departure_is_dated_by_the_last_read_and_decided_after_the_timeout(walk, zones):
    w = walk(zones(presence_timeout=20.0))
    w.stay(100, 110.5, 1)
    w.reach(1000.0)
    departed = w.events[-1]
    assert (departed.kind, departed.read_point, departed.time) == ("departed", "z1", 110.0)
    assert departed.reason == "timeout"
    assert departed.decided == 130.0
    assert departed.last_seen == 110.0
    assert departed.unobserved is None
    assert w.stored == {}
    assert w.engine.deadline is None


def test_auto_timeout_holds_through_a_block_of_25_seconds(walk, zones):
    w = walk(zones())
    w.stay(100, 120, 1)
    w.stay(145, 150, 1)
    assert kinds(w) == ["arrived"]
    assert w.reach(300.0)[0].time == 149.5


def test_silence_of_all_antennas_moves_nothing(walk, zones):
    """Evidence time stands still while somebody stands in the way: the first weak read after it decides nothing."""
    w = walk(zones())
    w.stay(100, 120, 1, -50)
    w.read(148.0, 2, -45)
    w.read(148.2, 1, -50)
    w.stay(148.5, 160, 1, -50)
    assert kinds(w) == ["arrived"]


def test_it_comes_back_after_a_departure(walk, zones):
    w = walk(zones(1))
    w.read(100.0)
    w.read(500.0)
    w.reach(600.0)
    assert w.story() == [
        ("arrived", "z1", 100.0),
        ("departed", "z1", 100.0),
        ("arrived", "z1", 500.0),
        ("departed", "z1", 500.0),
    ]
    assert not w.events[2].resync


def test_one_zone_across_devices(walk, rules):
    points = [ReadPoint("z1", "urn:test:z1", "zone"), ReadPoint("z2", "urn:test:z2", "zone")]
    w = walk(rules(points, [Port("reader", None, "z1"), Port("beacons", "hci0", "z2")]))
    for index in range(20):
        w.read(100.0 + index, None, -60)
        w.read(100.5 + index, "hci0", -80, device="beacons")
    for index in range(20):
        w.read(120.0 + index, None, -80)
        w.read(120.5 + index, "hci0", -60, device="beacons")
    assert [(one.kind, one.read_point) for one in w.events] == [("arrived", "z1"), ("moved", "z2")]


def test_a_device_without_antennas_takes_reads_of_any_antenna(walk, rules):
    w = walk(rules([ReadPoint("z1", "urn:test:z1", "zone")], [Port("reader", None, "z1")]))
    assert [one.kind for one in w.read(100.0, 7)] == ["arrived"]


def test_offset_and_floor_of_an_antenna(walk, rules):
    points = [ReadPoint("z1", "urn:test:z1", "zone", rssi_floor_dbm=-60), ReadPoint("z2", "urn:test:z2", "zone")]
    ports = [Port("reader", 1, "z1", rssi_offset_db=-5), Port("reader", 2, "z2", rssi_floor_dbm=-58)]
    w = walk(rules(points, ports))
    w.read(100.0, 1, -56, tag="below the read point's floor, with the offset")
    w.read(100.0, 2, -59, tag="below the antenna's floor")
    w.read(100.0, 1, -50)
    w.read(100.2, 2, -52)
    w.read(100.4, 1, -50)
    w.read(100.6, 2, -52)
    w.reach(110.0)
    assert [(one.object.uri, one.read_point) for one in w.events] == [(A, "z2")]
    assert w.engine.counts.weak == 2


def test_too_few_reads_are_no_arrival(walk, zones):
    w = walk(zones(min_reads=3, presence_timeout=10.0))
    w.read(100.0)
    w.read(101.0)
    w.reach(200.0)
    assert w.events == []
    assert w.engine.deadline is None
    for second in range(300, 303):
        w.read(float(second))
    assert w.story() == [("arrived", "z1", 300.0)]


def test_reads_without_a_level_count_by_their_number(walk, zones):
    w = walk(zones())
    for index in range(20):
        w.read(100.0 + index / 5, 1, None)
    w.read(101.0, 2, None, arrives=104.0)
    assert kinds(w) == ["arrived"]
    assert w.events[0].sources[0].peak_rssi is None


def test_two_identifiers_of_one_object_are_one(walk, zones):
    w = walk(zones(1))
    w.read(100.0, tag="a#filter 1")
    w.read(101.0, tag="a#filter 2")
    w.read(120.0, tag="a#filter 2")
    w.reach(140.0)
    assert kinds(w) == ["arrived"]
    w.reach(151.0)
    assert w.story()[1:] == [("departed", "z1", 120.0)]


def test_the_toggle_bit_makes_another_identifier_of_the_same_bytes(walk, zones):
    w = walk(zones(1))
    w.read(100.0, pc=0x3000)
    w.read(100.0, pc=0x31A1)
    assert {one.object.uri for one in w.events} == {A, "urn:test:a.afi"}


def test_what_is_weighed_can_be_asked(zones):
    floor = Floor(zones(3))
    rule = ZoneRule(floor)
    identity = Identity(A, "sgtin", "instance")
    tag = Tag(identity=identity, key=None, levels=rule.evidence(), first_seen=100.0, last_seen=100.0, written=100.0)
    near, far, _ = floor.places
    for _ in range(20):
        rule.hear(tag, near, -50.0, 0.1)
        rule.hear(tag, far, -65.0, 0.1)
    (first, most), (second, less) = rule.strengths(tag)
    assert (first, second) == ("z1", "z2")
    assert -60.0 < most <= -50.0
    assert less < most - 10.0
    assert [letter for letter, _ in rule.learned()] == [place.letter for place in floor.places]


# Late reads


def test_a_read_older_than_the_last_decision_moves_nothing_and_extends_last_seen(walk, zones):
    w = walk(zones())
    w.read(100.0, 1)
    w.reach(103.0)
    w.read(101.5, 2, -30, arrives=103.5)
    assert w.engine.counts.late == 1
    w.reach(200.0)
    assert w.story() == [("arrived", "z1", 100.0), ("departed", "z1", 101.5)]


def test_a_read_from_before_a_departure_brings_nothing_back(walk, zones):
    w = walk(zones())
    w.stay(100, 105, 1)
    w.reach(200.0)
    w.read(120.0, 2, arrives=201.0)
    w.reach(300.0)
    assert kinds(w) == ["arrived", "departed"]
    assert w.engine.counts.late == 1
    assert w.engine.deadline is None


def test_held_reads_are_decided_in_their_own_time(walk, zones):
    """A reader that held its reports hands out minutes at once: the gaps in them are departures all the same."""
    w = walk(zones(1))
    w.state(50.0, "online")
    held = [Read("epc", b"a", time, 1, -50.0) for time in (100.0, 110.0, 200.0, 210.0)]
    story = [(one.kind, one.time, one.decided) for one in w.take(held, 215.0)]
    assert story == [("arrived", 100.0, 215.0), ("departed", 110.0, 215.0), ("arrived", 200.0, 215.0)]


def test_what_a_reader_held_through_an_outage_of_its_link_keeps_its_tags(walk, zones):
    w = walk(zones(1))
    w.stay(100, 110)
    w.state(110.0, "offline")
    w.state(300.0, "online")
    for time in (120.0, 200.0, 299.0):
        w.read(time, arrives=300.1)
    w.reach(329.9)
    assert kinds(w) == ["arrived"]
    w.reach(400.0)
    assert (w.events[-1].time, w.events[-1].reason) == (299.0, "unobserved")


# Freeze


def test_departure_waits_for_an_antenna_that_heard_it(walk, zones):
    w = walk(zones(presence_timeout=20.0))
    w.stay(100, 110.5, 1)
    w.state(120.0, "offline", 1)
    w.reach(500.0)
    assert kinds(w) == ["arrived"]
    w.state(500.0, "online", 1)
    w.read(505.0, 1)
    w.reach(520.0)
    assert kinds(w) == ["arrived"]
    w.reach(600.0)
    assert w.story()[1:] == [("departed", "z1", 505.0)]
    assert w.events[-1].reason == "timeout"


@pytest.mark.parametrize("state", ["offline", "stopped"])
def test_what_vanished_in_a_gap_departs_unobserved_with_the_gap(walk, zones, state):
    w = walk(zones(presence_timeout=20.0))
    w.stay(100, 110.5, 1)
    w.state(115.0, state)
    w.state(300.0, "online")
    w.reach(400.0)
    departed = w.events[-1]
    assert (departed.time, departed.reason, departed.unobserved) == (110.0, "unobserved", (115.0, 300.0))
    assert departed.decided == 320.0


def test_another_antenna_out_of_sight_freezes_nothing(walk, zones):
    w = walk(zones(presence_timeout=20.0))
    w.stay(100, 110, 1)
    w.state(110.0, "offline", 2)
    w.reach(200.0)
    assert [one.reason for one in w.events] == [None, "timeout"]


def test_an_antenna_that_heard_it_long_ago_freezes_nothing(walk, zones):
    w = walk(zones(presence_timeout=20.0))
    w.stay(100, 110, 1)
    w.state(110.0, "offline", 1)
    w.stay(111, 150, 2)
    w.reach(200.0)
    assert [(one.kind, one.reason) for one in w.events] == [("arrived", None), ("moved", None), ("departed", "timeout")]


def test_degraded_observes(walk, zones):
    w = walk(zones(presence_timeout=20.0))
    w.stay(100, 110, 1)
    w.state(112.0, "degraded")
    w.reach(200.0)
    assert w.events[-1].reason == "timeout"


def test_degraded_leaves_a_dead_antenna_dead_and_online_does_not(walk, zones):
    w = walk(zones(presence_timeout=20.0))
    w.stay(100, 110, 1)
    w.state(112.0, "offline", 1)
    w.state(113.0, "degraded")
    w.reach(200.0)
    assert kinds(w) == ["arrived"]
    w.state(200.0, "online")
    w.reach(300.0)
    assert w.events[-1].unobserved == (112.0, 200.0)


def test_frozen_too_long_expires_and_its_return_is_a_resync(walk, zones):
    w = walk(zones(1, presence_timeout=20.0, freeze_max=3600.0))
    w.read(100.0)
    w.state(110.0, "offline")
    w.reach(5000.0)
    departed = w.events[-1]
    assert (departed.time, departed.reason, departed.decided) == (100.0, "expired", 3710.0)
    w.state(6000.0, "online")
    w.read(6001.0)
    assert w.events[-1].kind == "arrived"
    assert w.events[-1].resync


def test_many_frozen_tags_are_asked_again_when_the_reader_returns(walk, zones):
    w = walk(zones(1, presence_timeout=20.0))
    for tag in range(5000):
        w.read(100.0, tag=f"t{tag}")
    w.state(101.0, "offline")
    w.reach(1000.0)
    assert len(w.events) == 5000
    w.state(1000.0, "online")
    for tag in range(2500):
        w.read(1001.0, tag=f"t{tag}")
    w.reach(1020.5)
    gone = w.events[5000:]
    assert {one.object.uri for one in gone} == {f"urn:test:t{tag}" for tag in range(2500, 5000)}
    assert {one.reason for one in gone} == {"unobserved"}


# Restart


def test_presence_of_before_repeats_no_arrival(walk, zones):
    w = walk(zones(), [present()])
    w.state(100.0, "online")
    w.stay(101, 110, 1)
    assert w.events == []
    w.stay(110, 120, 2)
    assert [(one.kind, one.origin) for one in w.events] == [("moved", "z1")]


def test_presence_of_before_waits_for_its_device_and_then_goes(walk, zones):
    w = walk(zones(), [present()])
    w.reach(5000.0)
    assert w.events == []
    w.state(5000.0, "online", device="another")
    w.reach(6000.0)
    w.state(6000.0, "online")
    w.reach(7000.0)
    [departed] = w.events
    assert (departed.reason, departed.time, departed.unobserved) == ("unobserved", 90.0, (90.0, 6000.0))
    assert departed.decided == 6030.0


def test_the_first_read_of_a_device_says_that_it_observes(walk, zones):
    w = walk(zones(), [present()])
    w.read(200.0, 2, tag="b")
    w.reach(300.0)
    assert [(one.object.uri, one.kind) for one in w.events if one.object.uri == A] == [(A, "departed")]


def test_presence_of_before_expires_counted_from_the_start(walk, zones):
    w = walk(zones(freeze_max=3600.0), [present()])
    w.reach(200_000.0)
    w.reach(203_599.0)
    assert w.events == []
    assert [one.reason for one in w.reach(203_601.0)] == ["expired"]


def test_presence_at_an_unknown_read_point_departs_by_configuration(walk, zones):
    w = walk(zones(), [present("gone")])
    [departed] = w.reach(100.0)
    assert (departed.reason, departed.read_point, departed.time) == ("configuration", "gone", 90.0)
    assert w.stored == {}


def test_an_object_known_at_two_zones_is_where_it_was_last(walk, zones):
    w = walk(zones(), [present("z1", last_seen=90.0), present("z2", last_seen=80.0)])
    w.reach(100.0)
    assert set(w.stored) == {(A, "z1")}


def test_after_presence_was_lost_arrivals_say_so(walk, zones):
    w = walk(zones(1), lost=True)
    w.read(100.0)
    w.read(200.0, tag="b")
    assert [one.resync for one in w.events if one.kind == "arrived"] == [True, False]


# New rules


def test_new_rules_keep_presence(walk, zones):
    w = walk(zones())
    w.stay(100, 110, 1)
    assert w.replace(zones(3, presence_timeout=5.0), 110.0) == []
    w.read(111.0, 3)
    w.read(111.2, 1)
    assert w.reach(120.0)[0].time == 111.2


def test_a_zone_that_left_the_configuration_lets_its_tags_go(walk, zones):
    w = walk(zones(2))
    w.stay(100, 110, 2)
    w.stay(105, 110, 1, tag="b")
    [departed] = w.replace(zones(1), 111.0)
    assert (departed.object.uri, departed.read_point, departed.reason) == (A, "z2", "configuration")
    assert departed.time == 109.5
    assert set(w.stored) == {("urn:test:b", "z1")}


def test_an_antenna_that_left_lets_go_those_it_alone_heard(walk, rules):
    zone = ReadPoint("z1", "urn:test:z1", "zone")
    two = [Port("reader", 1, "z1"), Port("reader", 2, "z1")]
    w = walk(rules([zone], two))
    w.read(100.0, 1, tag="a")
    w.read(100.0, 2, tag="b")
    w.read(100.0, 1, tag="c")
    w.read(100.0, 2, tag="c")
    said = w.replace(rules([zone], two[1:]), 101.0)
    assert [(one.object.uri, one.reason) for one in said] == [(A, "configuration")]


def test_a_dead_antenna_that_left_freezes_nothing_any_more(walk, rules):
    zone = ReadPoint("z1", "urn:test:z1", "zone")
    two = [Port("reader", 1, "z1"), Port("reader", 2, "z1")]
    w = walk(rules([zone], two))
    w.read(100.0, 1)
    w.read(100.0, 2)
    w.state(101.0, "offline", 1)
    w.reach(500.0)
    assert kinds(w) == ["arrived"]
    w.replace(rules([zone], two[1:]), 500.0)
    w.reach(501.0)
    assert kinds(w) == ["arrived", "departed"]


def test_last_seen_is_handed_out_for_writing_once_a_minute(walk, zones):
    w = walk(zones(1))
    w.stay(100, 130)
    assert w.engine.touched(10) == []
    w.stay(130, 260)
    [touched] = w.engine.touched(10)
    assert touched.read_point == "z1"
    assert touched.last_seen == 259.5
    assert w.engine.touched(10) == []


def test_a_move_replaces_the_presence_it_ends(walk, zones):
    engine = walk(zones(), [present()]).engine
    outcomes = [
        outcome
        for index in range(20)
        for outcome in engine.feed("reader", [Read("epc", b"a", 110.0 + index / 2, 2, -50.0)], 110.0 + index / 2)
    ]
    [moved] = outcomes
    assert moved.transition.kind == "moved"
    left, came = moved.presence
    assert left == Absent(A, "z1")
    assert (came.read_point, came.since, came.last_seen) == ("z2", moved.transition.time, moved.transition.last_seen)


def test_even_who_is_forgotten_never_arrives_before_it_departed(walk, zones, monkeypatch):
    monkeypatch.setattr(memory, "_REMEMBERED", 1)
    w = walk(zones(1))
    w.stay(100, 110, 1, tag="a")
    w.stay(110, 112, 1, tag="b")
    w.reach(200.0)
    w.take([Read("epc", b"a", 104.0, 1, -50.0)], 201.0)
    times = [one.time for one in w.events if one.object.uri == "urn:test:a"]
    assert times == [100.0, 109.5, 109.5, 109.5]
