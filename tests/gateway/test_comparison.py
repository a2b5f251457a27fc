"""Two runs of one recording: who is matched with whom, and what is said of it."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from gateway.tuning.comparison import Pair, compare
from gateway.tuning.events import Event

TAG = "urn:epc:id:sgtin:9521141.123456.1"


def event(time, kind="moved", place="a", direction=None, name=TAG):
    return Event(name, kind, place, float(time), float(time), direction)


def said(before, after, tolerance=10.0):
    found = compare(before, after, tolerance)
    return found.same, [(pair.what, pair.event.time, round(pair.shift, 3)) for pair in found.differences]


def test_equal_runs_have_no_differences():
    events = [event(1, "arrived"), event(5), event(5, place="b"), event(9, "departed", "b")]
    assert said(events, list(reversed(events))) == (4, [])
    assert said([], []) == (0, [])


def test_each_difference_has_its_word():
    before = [event(0, "arrived"), event(10), event(50, "departed"), event(60, "passed", "dock", "in")]
    after = [event(0, "arrived"), event(12.5), event(60, "passed", "dock", "out"), event(90, "arrived")]
    assert said(before, after) == (
        1,
        [("moved", 10.0, 2.5), ("lost", 50.0, 0.0), ("changed", 60.0, 0.0), ("added", 90.0, 0.0)],
    )


def test_another_zone_at_about_the_same_time_is_a_change_and_beyond_the_tolerance_two_differences():
    assert said([event(0, place="a")], [event(4, place="b")]) == (0, [("changed", 0.0, 4.0)])
    assert said([event(0, place="a")], [event(11, place="a")]) == (0, [("lost", 0.0, 0.0), ("added", 11.0, 0.0)])
    assert said([event(0, "arrived")], [event(0, "moved")]) == (0, [("added", 0.0, 0.0), ("lost", 0.0, 0.0)])


def test_objects_are_never_matched_with_each_other():
    assert [what for what, *_ in said([event(0)], [event(0, name="urn:x")])[1]] == ["lost", "added"]


def test_the_nearest_is_not_taken_where_another_needs_it():
    """Greedy would match 0 with 4 and lose the second; both have a partner."""
    assert said([event(0), event(6)], [event(-5), event(4)]) == (0, [("moved", 0.0, -5.0), ("moved", 6.0, -2.0)])


def test_the_same_event_stays_the_same_beside_another():
    assert said([event(10)], [event(9), event(10), event(11)]) == (1, [("added", 9.0, 0.0), ("added", 11.0, 0.0)])


def test_one_object_scanned_all_day_is_compared_in_bounded_work():
    before = [event(step * 0.1, "observed") for step in range(5000)]
    after = [event(step * 0.1 + 0.03, "observed") for step in range(5000)]
    same, differences = said(before, after, 60.0)
    assert same == 0
    assert {(what, shift) for what, _, shift in differences} == {("moved", 0.03)}


def worth(pairs: list[Pair], tolerance: float) -> float:
    return sum(
        2 - 0.4 * abs(pair.shift) / tolerance - 0.4 * (pair.before.read_point != pair.after.read_point)
        for pair in pairs
        if pair.before is not None and pair.after is not None
    )


def chains(before, after, tolerance):
    """Every way to match them in order."""
    for size in range(min(len(before), len(after)) + 1):
        for ours in combinations(before, size):
            for theirs in combinations(after, size):
                pairs = [Pair(one, other) for one, other in zip(ours, theirs, strict=True)]
                if all(abs(pair.shift) <= tolerance for pair in pairs):
                    yield pairs


times = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("ab")), max_size=5, unique=True)


@given(times, times)
def test_no_other_matching_in_order_is_better(ours, theirs):
    # Half a second apart: none is the same, which would be kept first.
    before = [event(time, place=place) for time, place in sorted(ours)]
    after = [event(time + 0.5, place=place) for time, place in sorted(theirs)]
    found = compare(before, after, 8.0)
    matched = [pair for pair in found.differences if pair.before is not None and pair.after is not None]
    best = max(worth(pairs, 8.0) for pairs in chains(before, after, 8.0))
    assert abs(worth(matched, 8.0) - best) < 1e-9
    assert {pair.before for pair in found.differences if pair.before} == set(before)
    assert {pair.after for pair in found.differences if pair.after} == set(after)
