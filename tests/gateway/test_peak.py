"""Belts: what passes is told in the order of its strongest signals; where signals do not rise it is told at once."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from drivers.contract import Read
from gateway.location.peak import LONGEST, SILENT
from gateway.model import Port, ReadPoint


@pytest.fixture
def belt(walk, rules):
    def make(**settings):
        point = ReadPoint("belt", "urn:test:belt", "checkpoint", **settings)
        port = Port("reader", 1, "belt")
        return walk(rules([point], [port]), steps=True)

    return make


def passing(seed, cartons=40, *, noise=1.5):
    """Reads of cartons 0.5 m apart at 1 m/s under an antenna 0.6 m above, their tags 8 dB apart; and when they pass."""
    rnd = random.Random(seed)
    passes = {f"c{number:02}": 1000.0 + number / 2 for number in range(cartons)}
    reads = []
    for tag, at in passes.items():
        gain = rnd.uniform(-4.0, 4.0)
        time = at - 3.0 + rnd.uniform(0.0, 0.1)
        while time < at + 3.0:
            away = math.hypot(0.6, 1.0 * (time - at))
            level = -46.0 + gain - 40.0 * math.log10(away / 0.6) + rnd.gauss(0.0, noise)
            if level > -72.0 + rnd.uniform(0.0, 4.0):
                reads.append((time, tag, level))
            time += rnd.uniform(0.06, 0.14)
    return sorted(reads), passes


def play(w, reads):
    for time, tag, level in reads:
        w.read(time, 1, level, tag=tag)
    w.reach(w.now + 10.0)
    return {one.object.uri.removeprefix("urn:test:"): one for one in w.events}


def swapped(events, passes):
    """Pairs of neighbours whose eventTimes are the other way round."""
    order = [events[tag].time for tag in sorted(passes)]
    return sum(before > after for before, after in pairwise(order))


@pytest.mark.parametrize("seed", range(4))
def test_what_passes_is_dated_by_its_strongest_signal(belt, seed):
    reads, passes = passing(seed)
    waits, at_once = (play(belt(peak_wait=wait), reads) for wait in (8.0, 0.0))
    assert set(waits) == set(at_once) == set(passes)
    assert swapped(waits, passes) == 0
    assert swapped(at_once, passes) > 2
    apart = [waits[tag].time - at for tag, at in passes.items()]
    assert max(map(abs, apart)) < 0.3
    assert max(one.decided - one.last_seen for one in waits.values()) <= 2 * SILENT + 0.25
    assert all(one.first_seen < one.time < one.last_seen for one in waits.values())


def test_it_learns_from_the_first_that_pass_that_signals_rise_and_fall_here(belt):
    reads, passes = passing(1)
    events = play(belt(), reads)
    assert set(events) == set(passes)
    late = [tag for tag in passes if events[tag].time > events[tag].first_seen]
    assert len(late) >= len(passes) - 10
    assert swapped({tag: events[tag] for tag in late}, late) == 0


@pytest.mark.parametrize("noise", [0.0, 2.5])
def test_where_signals_are_as_strong_at_once_nobody_waits(belt, noise):
    rnd = random.Random(3)
    w = belt()
    reads = sorted(
        (1000.0 + n * 0.2 + turn * 0.5, f"t{n}", rnd.gauss(-60.0, noise)) for n in range(400) for turn in range(6)
    )
    events = play(w, reads)
    assert sum(one.decided == one.time == one.first_seen for one in events.values()) >= 0.99 * 400


def test_a_level_that_nobody_gives_is_not_waited_for(belt):
    w = belt(peak_wait=5.0)
    w.read(100.0, 1, None)
    assert [(one.time, one.decided) for one in w.events] == [(100.0, 100.0)]


def test_what_stays_below_the_antenna_is_told_after_the_longest_wait(belt):
    w = belt(peak_wait=LONGEST)
    w.stay(100.0, 120.0, 1, -50.0, step=0.1)
    [told] = w.events
    assert 100.0 + LONGEST <= told.decided <= 100.25 + LONGEST
    assert (told.first_seen, told.reads) == (100.0, round((told.last_seen - 100.0) * 10) + 1)


def test_what_waits_is_told_at_the_end_of_time_and_when_its_read_point_goes(belt, rules):
    w = belt(peak_wait=5.0)
    w.read(100.0, 1, -50.0)
    assert w.events == []
    assert [one.time for one in w.finish()] == [100.0]
    w.read(101.0, 1, -50.0, tag="b")
    w.replace(rules([], []), 101.1)
    assert [one.object.uri for one in w.events] == ["urn:test:a", "urn:test:b"]
    assert w.stored == {}


def test_a_visit_that_waits_ends_before_the_next_begins(belt):
    """Reads that were held for long arrive together: two visits, each dated by its own peak."""
    w = belt(peak_wait=3.0)
    held = [(100.0, -60.0), (100.2, -50.0), (110.0, -48.0), (110.2, -60.0)]
    w.take([Read("epc", b"a", time, 1, level) for time, level in held], 200.0)
    w.reach(210.0)
    assert [(one.first_seen, one.reads) for one in w.events] == [(100.0, 2), (110.0, 2)]
    assert [round(one.time, 1) for one in w.events] == [100.2, 110.0]


def test_too_few_reads_are_nothing_however_long_they_waited(belt):
    w = belt(peak_wait=3.0, min_reads=3)
    w.read(100.0, 1, -50.0)
    w.read(100.1, 1, -50.0)
    w.reach(200.0)
    assert w.events == []
    for time in (200.0, 200.1, 200.2):
        w.read(time, 1, -50.0)
    w.reach(300.0)
    assert [one.reads for one in w.events] == [3]


def test_a_clock_that_is_set_neither_tells_nor_loses_what_waits(belt):
    w = belt(peak_wait=3.0)
    w.read(100.0, 1, -50.0)
    w.engine.shift(1000.0)
    w.reach(1100.9)
    assert w.events == []
    w.reach(1101.5)
    assert [one.time for one in w.events] == [1100.0]


# Neighbours


@pytest.fixture
def beside(walk, rules):
    """A checkpoint beside a shelf that has its own antenna."""
    points = [
        ReadPoint("belt", "urn:test:belt", "checkpoint", neighbours=("shelf",)),
        ReadPoint("shelf", "urn:test:shelf", "zone"),
    ]
    return walk(rules(points, [Port("reader", 1, "belt"), Port("reader", 2, "shelf")]), steps=True)


def observed(w):
    return [one for one in w.events if one.kind == "observed"]


def test_what_a_neighbour_hears_better_did_not_pass_here(beside):
    for turn in range(50):
        beside.read(100.0 + turn * 0.2, 2, -50.0)
        if turn % 7 == 3:
            beside.read(100.1 + turn * 0.2, 1, -68.0)
    beside.reach(150.0)
    assert observed(beside) == []
    assert beside.engine.counts.strays > 0
    assert [one.kind for one in beside.events] == ["arrived", "departed"]


def test_what_comes_nearer_in_the_end_has_passed(beside):
    for turn in range(60):
        beside.read(100.0 + turn * 0.2, 2, -50.0)
        beside.read(100.1 + turn * 0.2, 1, -68.0 if turn < 30 else -40.0)
    beside.reach(150.0)
    [passed] = observed(beside)
    assert passed.time > 106.0


def test_what_no_neighbour_hears_passes_as_ever(beside):
    beside.read(100.0, 1, -68.0)
    beside.reach(110.0)
    [passed] = observed(beside)
    assert (passed.time, passed.sources[0].peak_rssi) == (100.0, -68.0)
