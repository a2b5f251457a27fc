"""An antenna that knows when it is empty says so by a signal of its own name: nobody waits for a time-out then."""

from __future__ import annotations

import pytest

from gateway.model import Identity, Port, Present, ReadPoint

A = "urn:test:a"


@pytest.fixture
def yard(rules):
    """Two fences of one vehicle; another vehicle shares the first zone."""
    points = [ReadPoint(name, f"urn:test:{name}", "zone") for name in ("z1", "z2")]
    return rules(points, [Port("truck", "f1", "z1"), Port("truck", "f2", "z2"), Port("other", "f1", "z1")])


def stay(w, begin, end, antenna, *, device="truck", tag="a"):
    for time in range(begin, end):
        w.read(float(time), antenna, None, device=device, tag=tag)


def said(w):
    return [(one.kind, one.read_point, one.time, one.decided) for one in w.events]


def test_an_empty_antenna_ends_presence_at_once(walk, yard):
    w = walk(yard)
    stay(w, 100, 111, "f1")
    w.signal(112.0, False, "f1", "truck")
    assert said(w)[1:] == [("departed", "z1", 110.0, 112.0)]
    assert w.events[-1].reason == "timeout"
    assert not w.stored


def test_who_was_heard_elsewhere_since_has_moved_there(walk, yard):
    w = walk(yard)
    stay(w, 100, 111, "f1")
    w.read(111.0, "f2", None, device="truck")
    w.signal(111.0, False, "f1", "truck")
    stay(w, 112, 120, "f2")
    w.signal(120.0, False, "f2", "truck")
    assert said(w)[1:] == [("moved", "z2", 111.0, 111.0), ("departed", "z2", 119.0, 120.0)]


def test_what_crosses_quickly_arrives_and_departs(walk, yard):
    w = walk(yard)
    stay(w, 100, 101, "f1")
    w.signal(101.0, False, "f1", "truck")
    assert said(w) == [("arrived", "z1", 100.0, 101.0), ("departed", "z1", 100.0, 101.0)]


def test_it_ends_nobody_elses_presence(walk, yard):
    w = walk(yard)
    stay(w, 100, 104, "f1")
    stay(w, 104, 108, "f1", device="other", tag="b")
    w.signal(108.0, False, "f1", "truck")
    w.signal(108.0, True, "f1", "other")
    w.signal(108.0, False, "f2", "other")  # it has no such antenna
    assert [one.object.uri for one in w.events if one.kind == "departed"] == [A]


def test_a_signal_that_came_late_ends_nothing(walk, yard):
    w = walk(yard)
    stay(w, 100, 111, "f1")
    w.reach(112.0)
    w.engine.feed("truck", [], 112.0)
    w.signal(109.0, False, "f1", "truck")
    assert [one.kind for one in w.events] == ["arrived"]


def test_who_left_while_nobody_looked_departs_unobserved(walk, yard):
    w = walk(yard)
    stay(w, 100, 111, "f1")
    w.state(115.0, "offline", "f1", "truck")
    w.reach(400.0)
    w.state(400.0, "online", "f1", "truck")
    w.signal(401.0, False, "f1", "truck")
    departed = w.events[-1]
    assert (departed.kind, departed.time, departed.reason) == ("departed", 110.0, "unobserved")
    assert departed.unobserved == (115.0, 400.0)


def test_who_was_here_before_the_start_departs_as_soon_as_the_antenna_is_empty(walk, rules):
    point = ReadPoint("z1", "urn:test:z1", "zone")
    known = Present(Identity(A, "giai", "instance"), "z1", 10.0, 90.0, "zone")
    w = walk(rules([point], [Port("truck", "f1", "z1")]), present=[known])
    w.reach(100.0)
    w.state(101.0, "online", None, "truck")
    w.signal(102.0, False, "f1", "truck")
    assert [(one.kind, one.reason) for one in w.events] == [("departed", "unobserved")]
