"""Portals: who crossed, which way, together with whom; and who only stood there."""

from __future__ import annotations

import math
import random
from collections import Counter
from itertools import pairwise

import pytest

from drivers.contract import Read
from gateway.location.portal import CROWD
from gateway.model import Gate, Port, ReadPoint

OUTSIDE, INSIDE = 1, 2


def door(rules, **settings):
    """A door with an antenna on each side."""
    point = ReadPoint("dock", "urn:test:dock", "portal", **settings)
    return rules([point], [Port("reader", OUTSIDE, "dock", "outside"), Port("reader", INSIDE, "dock", "inside")])


def levels(x, y, rnd, fading=2.5):
    """(antenna, dBm) heard of a tag `x` m behind the door line, `y` m beside the antennas 1 m off it."""
    for antenna, at in ((OUTSIDE, -1.0), (INSIDE, 1.0)):
        rssi = -42 - 21 * math.log10(max(math.hypot(x - at, y), 0.5)) + rnd.gauss(0, fading)
        if rnd.random() < 0.85 / (1 + math.exp(-(rssi + 66) / 2)):
            yield antenna, rssi


def drive(rnd, begin, path, tags, speed, period=0.1):
    """Reads of `tags` on a pallet along a path of x positions at a speed (m/s): (time, tag, antenna, rssi)."""
    reads = []
    spread = {tag: (rnd.uniform(-0.6, 0.6), rnd.uniform(1.0, 2.0)) for tag in tags}
    time = begin
    for start, end in pairwise(path):
        steps = max(1, round(abs(end - start) / speed / period))
        for step in range(steps):
            x = start + (end - start) * step / steps
            for tag in tags:
                dx, y = spread[tag]
                reads += [(time + rnd.random() * period, tag, *heard) for heard in levels(x + dx, y, rnd)]
            time += period
    return reads


def play(w, reads, until=None):
    for time, tag, antenna, rssi in sorted(reads):
        w.read(time, antenna, rssi, tag=tag)
    w.reach(until or max(read[0] for read in reads) + 70.0)


@pytest.mark.parametrize("speed", [1.2, 3.0, 5.0])
def test_direction_of_many_crossings(walk, rules, speed):
    rnd = random.Random(f"directions/{speed}")
    right = told = 0
    crossings = 60
    w = walk(door(rules))
    for crossing in range(crossings):
        begin = 1000.0 + crossing * 100.0
        inwards = bool(crossing % 2)
        path = (-8.0, 8.0) if inwards else (8.0, -8.0)
        before = len(w.events)
        play(w, drive(rnd, begin, path, [f"p{crossing}"], speed))
        said = w.events[before:]
        told += len(said) == 1
        right += bool(said) and said[0].direction == ("in" if inwards else "out")
    assert told >= 0.98 * crossings
    assert right >= 0.95 * crossings


def test_a_passage_says_when_it_was_in_the_door_and_what_was_heard(walk, rules):
    rnd = random.Random(1)
    w = walk(door(rules))
    reads = drive(rnd, 1000.0, (-8.0, 8.0), ["a"], 2.0)
    play(w, reads)
    [passed] = w.events
    assert (passed.kind, passed.read_point, passed.direction) == ("passed", "dock", "in")
    assert passed.time == pytest.approx(1004.0, abs=1.0)
    assert (passed.first_seen, passed.last_seen) == (min(reads)[0], max(reads)[0])
    assert passed.last_seen + 2.0 <= passed.decided <= passed.last_seen + 2.1
    assert passed.reads == len(reads)
    assert {one.antenna: one.reads for one in passed.sources} == Counter(antenna for _, _, antenna, _ in reads)
    assert passed.passage.id == "passage-1"
    assert (passed.passage.count, passed.passage.index, passed.passage.late) == (1, 1, False)
    assert w.stored == {}


def test_tags_of_one_crossing_share_a_passage_and_are_told_together(walk, rules):
    rnd = random.Random(2)
    w = walk(door(rules))
    tags = [f"t{number}" for number in range(60)]
    play(w, drive(rnd, 1000.0, (-8.0, 8.0), tags, 1.5))
    [call] = w.calls
    assert {one.object.uri for one in call} == {f"urn:test:{tag}" for tag in tags}
    assert {(one.passage.id, one.passage.count, one.passage.late) for one in call} == {("passage-1", 60, False)}
    assert [one.passage.index for one in call] == list(range(1, 61))
    assert Counter(one.direction for one in call)["in"] >= 58


def test_two_crossings_are_two_passages(walk, rules):
    rnd = random.Random(3)
    w = walk(door(rules))
    play(w, drive(rnd, 1000.0, (-8.0, 8.0), ["a", "b"], 1.5), 1020.0)
    play(w, drive(rnd, 1030.0, (8.0, -8.0), ["c", "d"], 1.5))
    assert [(one.passage.id, one.direction) for one in w.events] == [("passage-1", "in")] * 2 + [
        ("passage-2", "out")
    ] * 2


def test_opposite_ways_at_one_time_are_two_passages(walk, rules):
    rnd = random.Random(4)
    w = walk(door(rules))
    play(w, drive(rnd, 1000.0, (-8.0, 8.0), ["a"], 1.5) + drive(rnd, 1000.5, (8.0, -8.0), ["b"], 1.5))
    assert {(one.object.uri, one.direction) for one in w.events} == {("urn:test:a", "in"), ("urn:test:b", "out")}
    assert len({one.passage.id for one in w.events}) == 2


def test_it_goes_in_and_out_again(walk, rules):
    rnd = random.Random(5)
    w = walk(door(rules))
    play(w, drive(rnd, 1000.0, (-8.0, 8.0), ["a"], 1.5), 1020.0)
    play(w, drive(rnd, 1025.0, (8.0, -8.0), ["a"], 1.5))
    assert [one.direction for one in w.events] == ["in", "out"]


def test_turning_back_in_the_door_is_no_passage(walk, rules):
    rnd = random.Random(6)
    w = walk(door(rules))
    for number in range(20):
        play(w, drive(rnd, 1000.0 + 100 * number, (-8.0, 0.0, -8.0), [f"t{number}"], 1.5))
    assert [one for one in w.events if one.direction != "unknown"] == []
    assert len(w.events) <= 2
    assert w.engine.counts.strays >= 18


def test_a_pallet_parked_in_the_field_is_no_passage(walk, rules):
    rnd = random.Random(7)
    w = walk(door(rules))
    for number, x in enumerate((-1.5, 0.3, 1.5)):
        reads = []
        for step in range(6000):
            # Now and then somebody stands in the way for some seconds.
            if (step // 40) % 9:
                heard = levels(x, 1.5, rnd)
                reads += [(1000.0 + step * 0.2 + rnd.random() * 0.2, f"t{number}", *one) for one in heard]
        play(walk_to(w, 1000.0 + number * 2000.0), [(time + number * 2000.0, *rest) for time, *rest in reads])
    assert w.events == []


def walk_to(w, time):
    w.reach(time)
    return w


def test_what_waited_at_the_door_and_then_went_in_crossed(walk, rules):
    rnd = random.Random(8)
    w = walk(door(rules))
    waiting = [
        (1000.0 + step * 0.2 + rnd.random() * 0.2, "a", *one) for step in range(600) for one in levels(-2.5, 1.5, rnd)
    ]
    play(w, waiting + drive(rnd, 1120.0, (-2.5, 8.0), ["a"], 1.2))
    assert [one.direction for one in w.events] == ["in"]


def test_crossed_and_left_standing_inside_it_is_told_once(walk, rules):
    rnd = random.Random(9)
    w = walk(door(rules))
    standing = [
        (1007.0 + step * 0.2 + rnd.random() * 0.2, "a", *one) for step in range(600) for one in levels(2.5, 1.5, rnd)
    ]
    play(w, drive(rnd, 1000.0, (-8.0, 2.5), ["a"], 1.5) + standing)
    assert [one.direction for one in w.events] == ["in"]
    assert w.events[0].decided < 1030.0


def test_a_handful_of_reads_that_come_and_go_is_told_at_once(walk, rules):
    """A tag on a forklift at 4 m/s, read ten times in all: the light at the dock waits for it."""
    w = walk(door(rules))
    for step in range(10):
        x, antenna = -2.8 + 0.6 * step, OUTSIDE if step % 2 == 0 else INSIDE
        at = -1.0 if antenna == OUTSIDE else 1.0
        w.read(1000.0 + 0.15 * step, antenna, -42 - 21 * math.log10(max(math.hypot(x - at, 1.0), 0.5)))
    w.reach(1060.0)
    [passed] = w.events
    assert passed.direction == "in"
    assert passed.decided - passed.last_seen <= 3.0


def test_a_handful_of_reads_of_one_level_waits_for_more(walk, rules):
    """Stood there, hidden but for a moment: strongest first outside, then inside, yet never nearer or farther."""
    w = walk(door(rules))
    for step, antenna in enumerate((OUTSIDE, OUTSIDE, INSIDE, INSIDE, INSIDE, OUTSIDE)):
        w.read(1000.0 + 0.4 * step, antenna, -55.0 - step % 2)
    for step in range(100):
        w.read(1012.0 + 0.4 * step, (OUTSIDE, INSIDE)[step % 2], -55.0 - step % 3)
    w.reach(1200.0)
    assert w.events == []


def test_heard_on_one_side_only_it_did_not_cross(walk, rules):
    w = walk(door(rules))
    for step in range(20):
        w.read(1000.0 + step / 10, INSIDE, -50)
    w.reach(1100.0)
    assert w.events == []


@pytest.mark.parametrize(("since", "told"), [(900.0, [("unknown", 1)]), (1000.0, [])])
def test_heard_at_once_on_both_sides_its_direction_is_unknown(walk, rules, since, told):
    """Unless reading only began then: it may as well stand there, hidden."""
    w = walk(door(rules))
    w.read(since, INSIDE, -50, tag="other")
    w.read(1000.0, INSIDE, -50)
    w.read(1000.0, OUTSIDE, -50)
    w.reach(1100.0)
    assert [(one.direction, one.passage.count) for one in w.events] == told


def test_a_door_with_one_side_tells_passages_of_unknown_direction(walk, rules):
    point = ReadPoint("dock", "urn:test:dock", "portal")
    w = walk(rules([point], [Port("reader", 1, "dock", "inside")]))
    w.read(1000.0, 1)
    w.reach(1100.0)
    assert [one.direction for one in w.events] == ["unknown"]


@pytest.mark.parametrize("arrives", [1012.0, 1060.0])
def test_a_tag_of_a_passage_told_lately_belongs_to_it(walk, rules, arrives):
    rnd = random.Random(10)
    w = walk(door(rules))
    reads = drive(rnd, 1000.0, (-8.0, 8.0), ["a", "b"], 2.0)
    play(w, [read for read in reads if read[1] == "a"], arrives)
    held = [Read("epc", b"b", time, antenna, rssi) for time, tag, antenna, rssi in sorted(reads) if tag == "b"]
    w.take(held, arrives)
    w.reach(1200.0)
    first, late = w.events
    assert first.decided < 1020.0
    same = arrives < first.decided + 30.0
    assert (first.passage.id == late.passage.id) == same
    assert (late.passage.count, late.passage.index, late.passage.late) == ((2, 2, True) if same else (1, 1, False))


@pytest.mark.parametrize("restarts", [-0.5, 0.0, 1.0])
@pytest.mark.parametrize("path", [(-8.0, 0.0, -8.0), (8.0, 0.0, 8.0), (-8.0, 8.0), (8.0, -8.0)])
def test_what_began_before_the_start_is_not_told_with_a_direction_it_did_not_take(walk, rules, path, restarts):
    rnd = random.Random(f"restart/{path}/{restarts}")
    w = walk(door(rules), assume_online=False)
    start = 1000.0 + 8.0 / 1.5 + restarts
    w.state(start, "online")
    reads = drive(rnd, 1000.0, path, ["a", "b", "c"], 1.5)
    play(w, [read for read in reads if read[0] >= start])
    true = {"unknown"} | ({"in" if path[0] < 0.0 else "out"} if len(path) == 2 else set())
    assert {one.direction for one in w.events} <= true


def test_what_comes_after_the_start_is_told_as_ever(walk, rules):
    w = walk(door(rules), assume_online=False)
    w.state(999.8, "online")
    play(w, drive(random.Random(13), 1000.0, (-8.0, 8.0), ["a", "b", "c"], 1.5))
    assert [one.direction for one in w.events] == ["in"] * 3


def test_a_gate_opens_and_closes_the_window(walk, rules):
    rnd = random.Random(11)
    w = walk(door(rules, gate=Gate("plc", "beam", 2.0)))
    play(w, drive(rnd, 1000.0, (-8.0, 8.0), ["unseen"], 2.0))
    assert w.events == []
    assert w.engine.counts.gated > 10
    w.signal(1100.0, True)
    for time, tag, antenna, rssi in sorted(drive(rnd, 1100.5, (-8.0, 8.0), ["a"], 2.0)):
        w.read(time, antenna, rssi, tag=tag)
    w.signal(1108.0, False)
    w.read(1109.0, INSIDE, -70, tag="b")
    w.read(1110.5, INSIDE, -50, tag="c")
    w.reach(1200.0)
    assert {(one.object.uri, one.direction) for one in w.events} == {("urn:test:a", "in"), ("urn:test:b", "unknown")}
    assert max(one.decided for one in w.events) == 1110.0


def test_a_number_opens_a_gate_and_another_signal_does_not(walk, rules):
    w = walk(door(rules, gate=Gate("plc", "beam")))
    w.signal(1000.0, True, name="other")
    w.signal(1000.0, True, device="other")
    w.read(1001.0)
    w.reach(1001.5)
    assert w.engine.counts.gated == 1
    w.signal(1002.0, 3)
    w.read(1003.0)
    w.signal(1004.0, 0)
    w.read(1004.5)
    w.reach(1005.0)
    assert w.engine.counts.gated == 2


def test_a_door_that_left_the_configuration_tells_what_crossed(walk, rules):
    rnd = random.Random(12)
    w = walk(door(rules))
    for time, tag, antenna, rssi in sorted(drive(rnd, 1000.0, (-8.0, 8.0), ["a"], 2.0)):
        w.read(time, antenna, rssi, tag=tag)
    said = w.replace(rules([], []), 1008.5)
    assert [one.direction for one in said] == ["in"]
    assert w.engine.deadline is None


def test_who_did_not_cross_is_forgotten_after_a_quarter_of_an_hour(walk, rules):
    w = walk(door(rules))
    for tag in range(100):
        w.read(1000.0, INSIDE, tag=f"t{tag}")
    w.reach(1910.0)
    assert w.engine.deadline is None


def test_very_many_that_end_at_once_are_decided_a_slice_a_call(walk, rules):
    """Nothing waits without bound, and none is told twice or left out."""
    engine = walk(door(rules)).engine
    way = ((1000.0, OUTSIDE, -45), (1000.2, INSIDE, -70), (1000.6, OUTSIDE, -70), (1000.8, INSIDE, -45))
    for number in range(3000):
        for time, side, level in way:
            engine.feed("reader", [Read("epc", f"t{number}".encode(), time, side, level)], 1001.0)
    told, sizes = [], []
    while (due := engine.deadline) is not None and due <= 1100.0:
        out = [one.transition for one in engine.advance(1100.0) if one.transition is not None]
        told += out
        sizes.append(len(out))
    assert len(told) == len({one.object.uri for one in told}) == 3000
    assert {one.direction for one in told} == {"in"}
    assert max(sizes) <= CROWD
