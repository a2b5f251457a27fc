"""What the contract says of the edges: devices that do not observe, downtime, restarts, late reads, strays.

Each edge of a single rule stands in that rule's file: freezing, `unobserved`, `expired`, `configuration`, `resync`,
late and held reads in `test_zone`, dedup over gaps and restarts in `test_checkpoint`; here they meet each other.
"""

from __future__ import annotations

import pytest

from drivers.contract import Read, Status
from gateway.model import Port, ReadPoint

HOUR = 3600.0


def story(w, uri=None):
    return [
        (one.object.uri.removeprefix("urn:test:"), one.kind, one.read_point, one.reason)
        for one in w.events
        if uri is None or one.object.uri == f"urn:test:{uri}"
    ]


def before_the_night(walk, zones):
    """Four tags stand in z1 when the gateway goes down, at 130 s."""
    w = walk(zones(), steps=True, assume_online=False)
    w.state(99.0, "online")
    for turn in range(60):
        for tag in ("stays", "moves", "goes", "returns"):
            w.read(100.0 + turn / 2, 1, tag=tag)
    w.finish()
    assert len(w.stored) == 4
    return list(w.engine.present())


def test_hours_of_downtime_are_reconciled_and_not_replayed_as_arrivals(walk, zones):
    known = before_the_night(walk, zones)
    w = walk(zones(), known, steps=True, assume_online=False)
    dawn = 130.0 + 9 * HOUR
    w.reach(dawn)
    w.state(dawn + 5.0, "online")
    for turn in range(200):
        w.read(dawn + 6.0 + turn / 2, 1, tag="stays")
        w.read(dawn + 6.0 + turn / 2, 2, tag="moves")
        w.read(dawn + 6.0 + turn / 2, 2, tag="new")
        if turn > 100:
            w.read(dawn + 6.0 + turn / 2, 1, tag="returns")
    assert story(w, "stays") == []
    assert story(w, "moves") == [("moves", "moved", "z2", None)]
    assert story(w, "new") == [("new", "arrived", "z2", None)]
    assert story(w, "goes") == [("goes", "departed", "z1", "unobserved")]
    assert story(w, "returns") == [("returns", "departed", "z1", "unobserved"), ("returns", "arrived", "z1", None)]
    [gone] = [one for one in w.events if one.object.uri == "urn:test:goes"]
    # The gap is all of the night, from when it was seen last until its antenna observed again.
    assert gone.unobserved == (gone.time, dawn + 5.0)
    assert gone.time == 129.5
    assert dawn + 35.0 <= gone.decided <= dawn + 35.1
    [arrived] = [one for one in w.events if one.object.uri == "urn:test:new"]
    assert not arrived.resync
    [back] = [one for one in w.events if one.object.uri == "urn:test:returns" and one.kind == "arrived"]
    assert back.resync


def test_while_its_reader_stays_away_nothing_is_decided_about_what_was_there(walk, zones):
    known = before_the_night(walk, zones)
    w = walk(zones(freeze_max=HOUR), known, steps=True, assume_online=False)
    w.reach(1000.0)
    w.reach(999.0 + HOUR)
    assert story(w) == []
    w.reach(1001.0 + HOUR)
    assert {(kind, reason) for _, kind, _, reason in story(w)} == {("departed", "expired")}
    assert len(w.events) == 4


def test_restarts_in_the_middle_of_everything_repeat_nothing(walk, zones):
    """One tag, read all the time; the gateway restarts every 0.73 s, its reader says each time that it observes."""
    known, events = [], []
    w = walk(zones(), known, steps=True, assume_online=False)
    for turn in range(1000):
        now = 100.0 + turn / 10
        if turn % 73 == 0:
            w.finish()
            events += w.events
            w = walk(zones(), list(w.stored.values()), steps=True, assume_online=False)
            w.reach(now)
            w.state(now, "online")
        w.read(now, 1 if turn < 500 else 2)
    events += w.events
    assert [(one.kind, one.read_point) for one in events] == [("arrived", "z1"), ("moved", "z2")]
    assert events[1].time == pytest.approx(150.0, abs=5.0)


@pytest.mark.parametrize("state", ["offline", "stopped"])
@pytest.mark.parametrize("antenna", [None, 1])
def test_who_is_frozen_neither_moves_nor_departs_until_its_antenna_observes(walk, zones, state, antenna):
    w = walk(zones(), steps=True)
    w.stay(100.0, 120.0, 1)
    w.state(120.0, state, antenna)
    w.reach(1000.0)
    assert story(w) == [("a", "arrived", "z1", None)]
    w.state(1000.0, "online", antenna)
    w.stay(1001.0, 1010.0, 1)
    assert story(w) == [("a", "arrived", "z1", None)]
    w.reach(1100.0)
    assert story(w)[1:] == [("a", "departed", "z1", "timeout")]


def test_an_outage_within_one_step_is_no_outage(walk, zones):
    w = walk(zones(), steps=True)
    w.stay(100.0, 120.0, 1)
    w.tell(120.01, Status(None, "offline", "", 120.01))
    w.tell(120.02, Read("epc", b"a", 120.02, 1, -50.0))
    w.tell(120.03, Status(None, "online", "", 120.03))
    w.read(120.04, 1)
    w.reach(200.0)
    assert story(w) == [("a", "arrived", "z1", None), ("a", "departed", "z1", "timeout")]
    assert w.events[1].time == 120.04


def test_late_reads_move_nothing_whatever_antenna_heard_them(walk, zones):
    """A reader that hands over the last minute after a tag moved away from it."""
    w = walk(zones(), steps=True)
    w.stay(100.0, 130.0, 1)
    w.stay(130.0, 160.0, 2)
    assert [kind for _, kind, _, _ in story(w)] == ["arrived", "moved"]
    w.take([Read("epc", b"a", 100.0 + n / 4, 1, -40.0) for n in range(80)], 160.0)
    w.reach(165.0)
    assert w.engine.counts.late == 80
    assert [kind for _, kind, _, _ in story(w)] == ["arrived", "moved"]


def test_a_late_read_extends_last_seen_and_so_the_departure(walk, zones):
    w = walk(zones(presence_timeout=10.0), steps=True)
    w.stay(100.0, 105.0, 1)
    w.read(109.0, 1, arrives=114.0)
    w.reach(118.9)
    assert [kind for _, kind, _, _ in story(w)] == ["arrived"]
    w.reach(119.1)
    assert w.events[-1].kind == "departed"
    assert w.events[-1].time == 109.0


def test_a_stray_of_the_next_hall_neither_arrives_nor_keeps_what_left(walk, rules):
    points = [ReadPoint("hall", "urn:test:hall", "zone", min_reads=3, rssi_floor_dbm=-70.0, presence_timeout=10.0)]
    w = walk(rules(points, [Port("reader", 1, "hall")]), steps=True)
    for second in range(100, 200, 4):
        w.read(float(second), 1, -75.0, tag="next")
    w.stay(100.0, 110.0, 1, -55.0, tag="here")
    w.read(112.0, 1, -55.0, tag="once")
    for second in range(120, 200):
        w.read(float(second), 1, -72.0, tag="here")
    assert story(w) == [("here", "arrived", "hall", None), ("here", "departed", "hall", "timeout")]
    assert w.engine.counts.weak == 25 + 80


def test_what_left_the_configuration_while_it_was_frozen_departs_by_configuration(walk, zones, rules):
    w = walk(zones(), steps=True)
    w.stay(100.0, 110.0, 1)
    w.state(110.0, "offline")
    w.reach(200.0)
    w.replace(rules([ReadPoint("z2", "urn:test:z2", "zone")], [Port("reader", 2, "z2")]), 200.0)
    assert story(w)[1:] == [("a", "departed", "z1", "configuration")]
    assert w.events[1].time == 109.5
    assert w.stored == {}


def test_a_departure_that_was_decided_while_reads_were_on_their_way_is_followed_by_an_arrival_not_before_it(
    walk, zones
):
    w = walk(zones(presence_timeout=10.0), steps=True)
    w.stay(100.0, 105.0, 1)
    w.reach(116.0)
    assert [kind for _, kind, _, _ in story(w)] == ["arrived", "departed"]
    w.take([Read("epc", b"a", 106.0 + n, 1, -50.0) for n in range(14)], 120.0)
    w.reach(125.0)
    assert [kind for _, kind, _, _ in story(w)] == ["arrived", "departed", "arrived"]
    assert w.events[2].time >= w.events[1].time
    assert w.events[2].time >= 114.5


def test_a_new_tag_that_was_put_off_for_want_of_reads_is_told_when_it_has_them(walk, rules):
    """Met in a zone that wants two reads, and heard best in another at once after that one's time was over."""
    points = [ReadPoint("far", "u:far", "zone", min_reads=2, dwell=0.4), ReadPoint("near", "u:near", "zone")]
    w = walk(rules(points, [Port("reader", 1, "far"), Port("reader", 2, "near")]), steps=True)
    w.read(1000.0, 1, -60.0)
    w.reach(1000.9)
    w.read(1001.0, 2, -40.0)
    w.reach(1040.0)
    [arrived, *_] = w.events
    assert (arrived.kind, arrived.read_point, arrived.time, arrived.decided) == ("arrived", "near", 1000.0, 1002.0)
