"""What outputs show: events for a while, conditions as long as they last, several rules on one output."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Identity, Transition
from gateway.signals import EVENTS, LATE, MOMENT, Panel, Rule, event_of, is_news

DOCK = frozenset({"dock-1"})


def transition(kind: str, **given: Any) -> Transition:
    facts = {"time": 100.0, "decided": 101.0, "first_seen": 99.0, "last_seen": 100.0, **given}
    return Transition(kind, Identity("urn:a", "sgtin", "instance"), "dock-1", **facts)  # type: ignore[arg-type]


def test_an_event_is_on_for_its_time_and_a_second_one_prolongs_it() -> None:
    panel = Panel([Rule("passed", 1, DOCK, hold=2.0)])
    assert panel.states(0.0) == {1: False}
    panel.happened("passed", "dock-1")
    assert panel.states(10.0) == {1: True}
    assert panel.next_change(10.0) == 12.0
    panel.happened("passed", "dock-1")
    assert panel.states(11.5) == {1: True}
    assert panel.states(13.4) == {1: True}
    assert panel.states(13.5) == {1: False}
    assert panel.next_change(13.5) == float("inf")


def test_a_short_event_is_shown_however_late_somebody_looks() -> None:
    panel = Panel([Rule("passed", 1, DOCK, hold=0.1)])
    panel.states(0.0)
    panel.happened("passed", "dock-1")
    assert panel.states(1000.0) == {1: True}


def test_an_event_without_a_time_is_on_for_three_seconds() -> None:
    panel = Panel([Rule("unknown", 2, DOCK)])
    panel.happened("unknown", "dock-1")
    assert panel.states(0.0) == {2: True}
    assert panel.next_change(0.0) == MOMENT == 3.0


def test_only_its_own_events_at_its_own_read_points() -> None:
    panel = Panel([Rule("passed", 1, DOCK), Rule("arrived", 2, DOCK | {"aisle-a"})])
    panel.happened("passed", "dock-2")
    panel.happened("unknown", "dock-1")
    panel.happened("arrived", "aisle-b")
    assert panel.states(0.0) == {1: False, 2: False}
    panel.happened("arrived", "aisle-a")
    assert panel.states(0.0) == {1: False, 2: True}


def test_a_condition_is_on_while_it_lasts_and_a_horn_only_at_its_beginning() -> None:
    panel = Panel([Rule("offline", 3), Rule("offline", 4, hold=1.0)])
    panel.offline(True)
    assert panel.states(0.0) == {3: True, 4: True}
    panel.offline(True)
    assert panel.states(1.0) == {3: True, 4: False}
    panel.offline(False)
    assert panel.states(2.0) == {3: False, 4: False}
    panel.offline(True)
    assert panel.states(3.0) == {3: True, 4: True}
    panel.offline(False)
    assert panel.states(3.5) == {3: False, 4: True}


def test_a_condition_that_ends_before_anybody_looked_is_not_on() -> None:
    panel = Panel([Rule("offline", 3)])
    panel.offline(True)
    panel.offline(False)
    assert panel.states(0.0) == {3: False}


def test_two_rules_on_one_output_are_on_while_either_is() -> None:
    panel = Panel([Rule("passed", 1, DOCK, hold=1.0), Rule("unknown", 1, DOCK, hold=5.0), Rule("offline", 1)])
    panel.happened("passed", "dock-1")
    panel.happened("unknown", "dock-1")
    assert panel.states(0.0) == {1: True}
    assert panel.states(2.0) == {1: True}
    assert panel.states(5.0) == {1: False}
    panel.offline(True)
    assert panel.states(6.0) == {1: True}


def test_an_inverted_output_is_off_while_its_condition_lasts() -> None:
    panel = Panel([Rule("offline", 1, inverted=True), Rule("passed", 2, DOCK, hold=1.0)])
    assert panel.states(0.0) == {1: True, 2: False}
    panel.offline(True)
    assert panel.states(1.0) == {1: False, 2: False}


Happening = st.tuples(st.sampled_from(EVENTS), st.sampled_from(["dock-1", "aisle-a"]), st.booleans())
Rules = st.builds(
    Rule, st.sampled_from(EVENTS), st.integers(1, 3), st.just(DOCK), st.none() | st.floats(0.1, 9.0), st.just(False)
)


@given(st.lists(Rules, max_size=6), st.lists(st.tuples(st.floats(0.0, 5.0), Happening), max_size=30))
def test_it_is_on_as_the_history_of_events_says(rules: list[Rule], story: list[tuple[float, Any]]) -> None:
    """An output is on at a time if some rule's event lies less than its time back, or its condition holds."""
    panel, now, offline = Panel(rules), 0.0, False
    began: dict[int, float] = {}
    for wait, (event, point, so) in story:
        now += wait
        if event == "offline":
            panel.offline(so)
            for index, rule in enumerate(rules):
                if rule.event == "offline" and so and not offline:
                    began[index] = now
            offline = so
        else:
            panel.happened(event, point)
            began |= {i: now for i, rule in enumerate(rules) if rule.event == event and point in rule.read_points}
        expected = dict.fromkeys((rule.gpo for rule in rules), False)
        for index, rule in enumerate(rules):
            if rule.event == "offline" and rule.hold is None:
                expected[rule.gpo] |= offline
            elif index in began:
                expected[rule.gpo] |= began[index] + (MOMENT if rule.hold is None else rule.hold) > now
        assert panel.states(now) == expected


@pytest.mark.parametrize(
    ("kind", "direction", "event"),
    [
        ("passed", "in", "passed"),
        ("passed", "out", "passed"),
        ("passed", "unknown", "unknown"),
        ("moved", None, "moved"),
    ],
)
def test_a_passage_of_unknown_direction_is_an_event_of_its_own(kind: str, direction: str | None, event: str) -> None:
    assert event_of(transition(kind, direction=direction)) == event


def test_what_happened_long_ago_is_no_news_but_a_departure_is_when_it_was_decided() -> None:
    assert is_news(transition("passed", time=100.0), 100.0 + LATE)
    assert not is_news(transition("passed", time=100.0), 100.1 + LATE)
    assert is_news(transition("departed", time=100.0, decided=500.0), 501.0)
    assert not is_news(transition("departed", time=100.0, decided=500.0), 501.0 + LATE)
