"""Checkpoints: an instance once until unseen, a class at every scan."""

from __future__ import annotations

import pytest

from drivers.contract import Read, Status
from gateway.location.engine import Engine
from gateway.model import Absent, Gate, Identity, Port, Present, ReadPoint, Rules


@pytest.fixture
def belt(walk, rules):
    def make(present=(), **settings):
        point = ReadPoint("belt", "urn:test:belt", "checkpoint", **{"dedup": 5.0, **settings})
        return walk(rules([point], [Port("reader", None, "belt")]), present)

    return make


def times(w):
    return [one.time for one in w.events]


def test_an_instance_is_observed_once_and_each_read_rearms_it(belt):
    w = belt()
    for second in range(20):
        w.read(100.0 + second * 4, None, -55)
    w.read(182.0, None)
    assert times(w) == [100.0, 182.0]
    first = w.events[0]
    assert (first.kind, first.read_point, first.decided, first.reads) == ("observed", "belt", 100.0, 1)
    assert [(one.device, one.antenna, one.peak_rssi) for one in first.sources] == [("reader", None, -55.0)]


def test_unseen_for_exactly_the_window_it_is_new(belt):
    w = belt()
    w.read(100.0)
    w.read(105.0)
    assert times(w) == [100.0, 105.0]


def test_presence_is_stored_until_it_was_unseen(belt):
    w = belt()
    w.read(100.0)
    assert set(w.stored) == {("urn:test:a", "belt")}
    w.reach(104.9)
    assert len(w.stored) == 1
    w.reach(105.0)
    assert w.stored == {}
    assert len(w.events) == 1


def test_of_a_class_every_scan_counts(belt):
    w = belt()
    for time in (100.0, 100.0, 100.1):
        w.read(time, tag="class:gtin")
    assert times(w) == [100.0, 100.0, 100.1]
    assert w.stored == {}
    assert w.engine.deadline is None


def test_of_a_class_a_read_may_stand_for_many(belt):
    w = belt()
    w.tell(100.0, Read("code", b"class:gtin", 100.0, count=7))
    w.tell(100.5, Read("code", b"class:gtin", 100.5))
    assert [one.count for one in w.events] == [7, 1]


def test_of_a_class_repeats_may_be_left_out(belt):
    w = belt(dedup_class=1.0)
    for time in (100.0, 100.5, 101.2, 103.0):
        w.read(time, tag="class:gtin")
    assert times(w) == [100.0, 103.0]
    assert w.stored == {}


def test_equal_time_stamps_stay_as_many(belt):
    w = belt()
    for tag in range(20_000):
        w.read(100.0, tag=f"t{tag}")
    assert len({one.object.uri for one in w.events}) == len(w.events) == 20_000
    w.reach(200.0)
    assert w.stored == {}


def test_too_few_reads_are_nothing(belt):
    w = belt(min_reads=3)
    w.read(100.0, rssi=-60)
    w.read(101.0, rssi=-50)
    assert w.events == []
    w.read(102.0, rssi=-70)
    [observed] = w.events
    assert (observed.time, observed.first_seen, observed.last_seen, observed.reads) == (100.0, 100.0, 102.0, 3)
    assert observed.sources[0].peak_rssi == -50.0
    w.read(110.0, tag="b")
    w.reach(200.0)
    assert len(w.events) == 1


def late(w, *times):
    """Reads that arrive together, long after they were made."""
    w.take([Read("epc", b"a", time, None, -50.0) for time in times], 200.0)


def test_reads_that_come_late_are_as_far_apart_as_they_were(belt):
    w = belt()
    late(w, 100.0, 104.0, 109.5, 112.0)
    assert times(w) == [100.0, 109.5]


def test_who_comes_again_for_too_few_reads_does_not_stay_stored(belt):
    w = belt(min_reads=2)
    late(w, 100.0, 100.5, 110.0)
    assert times(w) == [100.0]
    w.reach(300.0)
    assert w.stored == {}


def test_a_restart_repeats_nothing_that_is_still_there(belt):
    known = Present(Identity("urn:test:a", "sgtin", "instance"), "belt", 50.0, 90.0, "checkpoint")
    w = belt([known])
    w.reach(500.0)
    assert len(w.stored) == 1
    w.state(500.0, "online")
    w.read(504.0)
    assert w.events == []
    w.reach(508.9)
    assert len(w.stored) == 1
    w.reach(509.0)
    assert w.stored == {}
    w.read(510.0)
    assert times(w) == [510.0]


def test_after_a_restart_each_has_the_slot_it_had_and_who_comes_another():
    rules = Rules({"belt": ReadPoint("belt", "urn:test:belt", "checkpoint")}, (Port("reader", None, "belt"),))
    known = [
        Present(Identity(f"urn:test:{slot}", "x", "instance"), "belt", 50.0, 90.0, "checkpoint", slot)
        for slot in (1, 3)
    ]
    engine = Engine(rules, lambda read: Identity(read.value.decode(), "x", "instance"), present=known)
    assert engine.feed("reader", [Status(None, "online", "", 91.0)], 91.0) == []
    came = [Read("epc", b"%d" % number, 92.0) for number in range(4)]
    told = engine.feed("reader", came, 92.0)
    assert sorted(present.slot for one in told for present in one.presence) == [0, 2, 4, 5]
    assert {one.slot for one in engine.sightings()} == set(range(6))


@pytest.mark.parametrize(("slots", "stored"), [
    ((None, None), [("a", None), 0, ("b", None), 1]),  # a file of before has none
    ((2, 2), [1]),  # who is in the slot is stored in it
    ((2, 10**9), [("b", 10**9), 1]),
    ((3, 1), [("b", 1), 2]),
])  # fmt: skip
def test_who_cannot_have_its_slot_is_stored_in_another(slots, stored):
    rules = Rules({"belt": ReadPoint("belt", "urn:test:belt", "checkpoint")}, (Port("reader", None, "belt"),))
    known = [
        Present(Identity(uri, "x", "instance"), "belt", 50.0, 90.0, "checkpoint", slot)
        for uri, slot in zip("ab", slots, strict=True)
    ]
    engine = Engine(rules, lambda read: Identity(read.value.decode(), "x", "instance"), present=known)
    told = engine.feed("reader", [Status(None, "online", "", 91.0)], 91.0)
    said = [
        (change.uri, change.slot) if isinstance(change, Absent) else change.slot
        for one in told
        for change in one.presence
    ]
    assert said == stored
    assert len({one.slot for one in engine.sightings()}) == 2


def test_after_a_restart_it_is_quiet_from_when_the_device_observes(belt):
    known = Present(Identity("urn:test:a", "sgtin", "instance"), "belt", 50.0, 90.0, "checkpoint")
    w = belt([known])
    w.state(500.0, "online")
    w.reach(504.9)
    assert len(w.stored) == 1
    w.reach(505.0)
    assert w.stored == {}
    assert w.events == []


def test_unseen_counts_only_while_it_is_observed(belt):
    w = belt()
    w.read(100.0)
    w.state(101.0, "offline")
    w.state(200.0, "online")
    w.read(203.0)
    assert times(w) == [100.0]


def test_two_identifiers_of_one_object_are_one(belt):
    w = belt()
    w.read(100.0, tag="a#1")
    w.read(103.0, tag="a#2")
    w.read(107.0, tag="a#1")
    assert times(w) == [100.0]


def test_what_left_the_configuration_is_forgotten_without_a_word(belt, rules):
    w = belt()
    w.read(100.0)
    assert w.replace(rules([], []), 101.0) == []
    assert w.stored == {}


def test_a_longer_window_counts_from_now_on(belt, rules):
    w = belt()
    w.read(100.0)
    point = ReadPoint("belt", "urn:test:belt", "checkpoint", dedup=60.0)
    w.replace(rules([point], [Port("reader", None, "belt")]), 101.0)
    w.read(130.0)
    assert times(w) == [100.0]


def test_last_seen_is_handed_out_for_writing_once_a_minute(belt):
    w = belt()
    w.stay(100, 200, None)
    [touched] = w.engine.touched(10)
    assert touched.read_point == "belt"
    assert touched.last_seen > 160.0
    assert w.engine.touched(10) == []


def test_while_the_gate_is_closed_nothing_was_there(belt):
    w = belt(gate=Gate("plc", "beam", 1.0))
    w.read(99.0)
    w.signal(100.0, True)
    w.read(100.0)
    w.read(103.0)
    w.signal(104.0, False)
    w.read(105.0)  # held
    w.read(105.5)
    assert times(w) == [100.0]
    assert w.engine.counts.gated == 2
    w.signal(109.0, True)
    w.read(109.5)  # within `dedup` of the last read that counted
    assert times(w) == [100.0]


def test_what_stays_is_new_at_the_next_opening(belt):
    """A crane at its lock: read all the time, observed at each locking."""
    w = belt(gate=Gate("plc", "lock"))
    for second in range(60):
        if second % 20 in (10, 11):
            w.signal(100.0 + second, second % 20 == 10, name="lock")
        w.read(100.0 + second + 0.5)
    assert times(w) == [110.5, 130.5, 150.5]
    assert w.engine.counts.gated == 57


def test_a_scan_of_a_class_counts_while_the_gate_is_open(belt):
    w = belt(gate=Gate("plc", "beam"))
    for time, value in ((100.0, 1), (101.0, 0), (102.0, 1)):
        w.signal(time, value)
        w.read(time + 0.5, tag="class:gtin")
    assert times(w) == [100.5, 102.5]


def test_a_read_that_comes_late_counts_by_its_own_time(belt):
    w = belt(gate=Gate("plc", "beam"))
    w.signal(100.0, True)
    w.signal(102.0, False)
    w.read(101.0, arrives=110.0)
    w.read(103.0, arrives=110.0, tag="b")
    assert [(one.object.uri, one.time) for one in w.events] == [("urn:test:a", 101.0)]


def test_a_gate_that_changed_is_closed_until_it_says_otherwise(belt, rules):
    w = belt(gate=Gate("plc", "beam"))
    w.signal(100.0, True)
    for gate, counts in ((Gate("plc", "beam"), True), (Gate("plc", "door"), False), (None, True)):
        point = ReadPoint("belt", "urn:test:belt", "checkpoint", gate=gate)
        w.replace(rules([point], [Port("reader", None, "belt")]), w.now + 1)
        before = len(w.events)
        w.read(w.now + 1, tag=str(gate))
        assert (len(w.events) > before) == counts


def test_a_gate_stays_as_it_is_when_the_clock_is_set(belt):
    w = belt(gate=Gate("plc", "beam"))
    w.signal(100.0, True)
    w.engine.shift(-50.0)
    w.read(51.0)
    assert times(w) == [51.0]
