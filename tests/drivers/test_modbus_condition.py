"""How a bus is, told at most every two seconds, and rightly in the end."""

from __future__ import annotations

from drivers.modbus.condition import Condition
from drivers.observations import Observation, Status


def told(seen: list[Observation]) -> list[tuple[float, str, str]]:
    return [(one.time, one.state, one.cause) for one in seen if isinstance(one, Status)]


def test_the_first_trouble_is_told_at_once_and_the_next_after_a_while() -> None:
    seen: list[Observation] = []
    condition = Condition(seen)
    condition.online(0.0)
    condition.dead("unit 3", "no answer", 0.5)
    condition.dead("unit 4", "no answer", 0.6)
    for tenth in range(10, 40):
        condition.well(tenth / 10)
    assert told(seen) == [
        (0.0, "online", ""),
        (0.5, "degraded", "unit 3: no answer"),
        (2.5, "degraded", "unit 3: no answer; unit 4: no answer"),
    ]


def test_garbage_is_always_told_and_over_after_a_while() -> None:
    seen: list[Observation] = []
    condition = Condition(seen)
    condition.online(0.0)
    condition.dead("unit 3", "no answer", 1.0)
    condition.noise(b"\xde\xad", 1.1)
    condition.revived("unit 3", 1.2)
    for second in range(2, 12):
        condition.well(float(second))
    assert told(seen)[-2:] == [(3.0, "degraded", "answers nobody can read: 1, the last: de ad"), (7.0, "online", "")]


def test_a_storm_of_garbage_is_a_few_words() -> None:
    seen: list[Observation] = []
    condition = Condition(seen)
    condition.online(0.0)
    for milli in range(10_000):
        condition.noise(bytes(1000), milli / 1000)
    assert len(seen) < 8
    assert all(len(cause) < 200 for _, _, cause in told(seen))


def test_nothing_is_told_before_anybody_has_answered() -> None:
    seen: list[Observation] = []
    condition = Condition(seen)
    condition.dead("unit 3", "no answer", 0.5)
    condition.noise(b"x", 0.6)
    assert seen == []
    condition.online(1.0)
    condition.well(1.1)
    assert [state for _, state, _ in told(seen)] == ["online", "degraded"]


def test_many_dead_units_are_counted() -> None:
    seen: list[Observation] = []
    condition = Condition(seen)
    condition.online(0.0)
    for number in range(40):
        condition.dead(f"unit {number:02}", "no answer", 0.1)
    condition.well(9.0)
    assert told(seen)[-1][2].endswith("and 37 more")
