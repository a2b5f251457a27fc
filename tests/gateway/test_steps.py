"""The grid of decisions: what is heard within a step is weighed at its end, in the order in which it was made."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Read, Signal
from gateway.location import steps
from gateway.location.steps import step_after, step_before, step_from
from gateway.model import Port, ReadPoint


def test_zones_decide_at_whole_steps_and_checkpoints_at_once(walk, rules):
    points = [ReadPoint("z", "urn:test:z", "zone"), ReadPoint("c", "urn:test:c", "checkpoint")]
    w = walk(rules(points, [Port("reader", 1, "z"), Port("reader", 2, "c")]), steps=True)
    w.read(100.03, 1)
    assert w.engine.deadline == 100.1
    w.read(100.05, 2)
    assert [(one.kind, one.time, one.decided) for one in w.events] == [("observed", 100.05, 100.05)]
    w.read(100.1, 1)
    assert [(one.kind, one.time, one.decided) for one in w.events[1:]] == [("arrived", 100.03, 100.1)]
    w.reach(140.0)
    assert [(one.kind, one.time, one.decided) for one in w.events[2:]] == [("departed", 100.1, 130.1)]


def test_reads_that_overtake_each_other_within_a_step_change_nothing(walk, zones):
    reads = [
        Read("epc", tag, 100.0 + n * 0.03, 1 + n // 500 % 2, -50.0 - n % 7) for n in range(2000) for tag in (b"a", b"b")
    ]
    told = []
    for seed in range(5):
        w = walk(zones(), steps=True)
        random.Random(seed).shuffle(reads)
        for read in sorted(reads, key=lambda one: step_before(one.time)):
            w.tell(max(w.now, read.time), read)
        w.reach(200.0)
        told.append(w.events)
    assert [one.kind for one in told[0]].count("moved") >= 4
    assert told[1:] == told[:1] * 4


def test_reads_alike_but_for_their_phase_have_an_order_too(walk, zones):
    reads = [Read("epc", b"a", 100.0, 1, -50.0, phase=float(n % 5), pc=n % 3 or None) for n in range(30)]
    told = []
    for seed in range(3):
        w = walk(zones(), steps=True)
        random.Random(seed).shuffle(reads)
        w.take(reads, 100.0)
        w.reach(200.0)
        told.append(w.events)
    assert told[0][0].reads == 30
    assert told[1:] == told[:1] * 2


def test_a_flood_within_one_step_is_weighed_in_parts_and_nothing_waits_without_bound(walk, zones, monkeypatch):
    monkeypatch.setattr(steps, "MOST", 1000)
    engine = walk(zones(1)).engine
    arrived, longest = set(), 0
    for tag in range(0, 20_000, 100):
        said = engine.feed(
            "reader", [Read("epc", f"t{n}".encode(), 100.05, 1, -50.0) for n in range(tag, tag + 100)], 100.05
        )
        longest = max(longest, len(said))
        arrived |= {(one.transition.object.uri, one.transition.decided) for one in said if one.transition}
    arrived |= {(one.transition.object.uri, one.transition.decided) for one in engine.finish() if one.transition}
    assert len(arrived) == 20_000
    assert {decided for _, decided in arrived} == {100.05}
    assert 0 < longest <= steps.SLICE


def test_a_call_weighs_a_slice_and_says_that_there_is_more(walk, zones):
    engine = walk(zones(1)).engine
    engine.feed("reader", [Read("epc", f"t{n}".encode(), 100.0, 1, -50.0) for n in range(1000)], 100.0)
    told = []
    while (due := engine.deadline) is not None and due <= 100.2:
        told.append(len(engine.advance(100.2)))
    assert sum(told) == 1000
    assert max(told) <= steps.SLICE


def test_an_antenna_that_says_it_is_empty_is_heard_after_the_reads_of_its_step(walk, rules):
    points = [ReadPoint("z1", "urn:test:z1", "zone"), ReadPoint("z2", "urn:test:z2", "zone")]
    floor = rules(points, [Port("reader", "yard", "z1"), Port("reader", "dock", "z2")])
    stories = []
    for order in ((0, 1), (1, 0)):
        w = walk(floor, steps=True)
        w.stay(100, 105, "yard")
        late = [Read("epc", b"a", 105.02, "yard", -50.0), Signal("yard", 0.0, 105.04)]
        for number in order:
            w.tell(105.06, late[number])
        w.reach(110.0)
        stories.append([(one.kind, one.time, one.decided) for one in w.events])
    assert stories[0] == [("arrived", 100.0, 102.0), ("departed", 105.02, 105.1)]
    assert stories[1] == stories[0]


def test_what_new_rules_find_waiting_is_decided_by_the_old_ones(walk, zones, rules):
    w = walk(zones(1), steps=True)
    w.read(100.05)
    w.replace(rules([], []), 100.06)
    assert [(one.kind, one.decided, one.reason) for one in w.events] == [
        ("arrived", 100.06, None),
        ("departed", 100.06, "configuration"),
    ]


def test_where_nothing_was_heard_nothing_is_decided_at_the_end(walk, zones):
    w = walk(zones(), steps=True)
    assert w.finish() == []
    assert w.reach(100.0) == w.finish() == []


@given(st.floats(0, 4e9), st.integers(0, 40_000_000_000))
def test_steps_are_whole_tenths_around_each_time(time, tenths):
    before, after = step_before(time), step_from(time)
    assert before <= time <= after
    assert after - before <= 0.1 + 1e-6
    assert time < step_after(time) <= before + 0.1 + 1e-6
    assert step_after(time) == after or after == time
    assert step_before(after) == after
    assert step_from(before) == before
    assert step_before(tenths / 10) == step_from(tenths / 10) == tenths / 10


@pytest.mark.parametrize("start", [0.0, 1_790_000_000.0])
def test_steps_follow_each_other(walk, zones, start):
    engine = walk(zones(1)).engine
    for tenth in range(1, 500):
        engine.feed("reader", [Read("epc", b"a", start + tenth / 10, 1, -50.0)], start + tenth / 10)
        assert engine.deadline == pytest.approx(start + (tenth + 1) / 10, abs=1e-6)
        assert engine.deadline > start + tenth / 10
