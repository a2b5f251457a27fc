"""Whose turn it is: in simulated time, so that an hour takes no time."""

from __future__ import annotations

from collections import Counter

from drivers.modbus.registers import Block, Point, plan
from drivers.modbus.schedule import Schedule, Task, Unit

TIMEOUT = 3.0


def bus(units: int, interval: float = 1.0) -> tuple[list[Unit], Schedule]:
    stations = [Unit(f"u{number}", number) for number in range(units)]
    return stations, Schedule([Task(unit, Block("input", 0, 20), interval) for unit in stations], 0.0)


def run(schedule: Schedule, until: float, dead: set[int], took: float, start: float = 0.0) -> Counter[int]:
    """Polls of each unit in that time; a dead one costs the time-out."""
    now, polls = start, Counter[int]()
    while True:
        task, due = schedule.next(now)
        if task is None:
            now = due
            if now >= until:
                return polls
            continue
        if task.unit.number in dead:
            cost = schedule.patience(task, TIMEOUT)
            now += cost
            schedule.silent(task, now, cost)
        else:
            now += took
            schedule.answered(task, now, took)
            schedule.again(task, now)
        polls[task.unit.number] += 1
        if now >= until:
            return polls


def test_every_block_is_read_at_its_interval() -> None:
    _, schedule = bus(10)
    polls = run(schedule, 60.0, set(), 0.05)
    assert set(polls.values()) == {60}


def test_one_dead_of_ten_costs_the_others_less_than_a_twentieth() -> None:
    whole = run(bus(10)[1], 600.0, set(), 0.05)
    polls = run(bus(10)[1], 600.0, {4}, 0.05)
    for number in set(range(10)) - {4}:
        assert polls[number] >= 0.95 * whole[number]
    assert 3 <= polls[4] <= 6


def test_a_unit_that_dies_costs_the_others_no_more() -> None:
    _, schedule = bus(10)
    assert set(run(schedule, 60.0, set(), 0.05).values()) == {60}
    polls = run(schedule, 160.0, {4}, 0.05, start=60.0)
    for number in set(range(10)) - {4}:
        assert polls[number] >= 95


def test_a_dead_unit_is_asked_ever_more_rarely() -> None:
    (unit, _), schedule = bus(2)
    rests, now = [], 0.0
    while len(rests) < 6:
        task, due = schedule.next(now)
        if task is None:
            now = due
        elif task.unit is unit:
            now += TIMEOUT
            schedule.silent(task, now, TIMEOUT)
            assert unit.rests_until is not None
            rests.append(unit.rests_until - now)
        else:
            schedule.answered(task, now, 0.05)
            schedule.again(task, now)
    assert rests == [120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0]


def test_a_unit_that_was_heard_is_asked_twice_before_it_is_dead() -> None:
    (unit,), schedule = bus(1)
    task, _ = schedule.next(0.0)
    assert task is not None
    schedule.answered(task, 0.1, 0.05)
    schedule.again(task, 0.1)
    task, _ = schedule.next(1.0)
    assert task is not None
    assert schedule.patience(task, TIMEOUT) == TIMEOUT
    assert not schedule.silent(task, 4.0, TIMEOUT)
    task, _ = schedule.next(4.0)
    assert task is not None
    assert schedule.patience(task, TIMEOUT) == 0.5  # ten times what it took yet: the first wait was long enough
    assert schedule.silent(task, 4.5, 0.5)
    assert unit.rests_until == 4.5 + 40 * 3.5


def test_all_blocks_of_a_revived_unit_are_due_at_once() -> None:
    unit = Unit(None, 1)
    schedule = Schedule([Task(unit, Block("input", place, 1), 1.0) for place in range(3)], 0.0)
    task, _ = schedule.next(0.0)
    assert task is not None
    schedule.silent(task, 3.0, TIMEOUT)
    assert schedule.next(5.0)[0] is None
    probe, _ = schedule.next(123.0)
    assert probe is not None
    assert schedule.answered(probe, 123.1, 0.05)
    schedule.again(probe, 123.1)
    asked = [schedule.next(123.2)[0] for _ in range(3)]
    assert [task is not None for task in asked] == [True, True, False]


def test_missed_turns_are_not_made_up_for() -> None:
    _, schedule = bus(1)
    task, _ = schedule.next(100.0)
    assert task is not None
    schedule.again(task, 100.0)
    assert schedule.next(100.0)[0] is task
    schedule.again(task, 100.0)
    assert schedule.next(100.5) == (None, 101.0)


def test_a_refused_block_falls_apart_and_a_refused_point_is_asked_ever_more_rarely() -> None:
    unit = Unit(None, 1)
    (block,) = plan([Point(f"p{n}", "input", n) for n in range(4)])
    schedule = Schedule([Task(unit, block, 1.0)], 0.0)
    asked, now = [], 0.0
    while now < 300.0:
        task, due = schedule.next(now)
        if task is None:
            now = due
            continue
        asked.append((now, [point.name for point in task.block.points]))
        guilty = any(point.name == "p2" for point in task.block.points)
        if not guilty or not schedule.split(task, now):
            task.refusals = task.refusals if guilty else 0
            schedule.again(task, now)
    alone = [now for now, names in asked if names == ["p2"]]
    assert [names for now, names in asked if now == 0.0][:3] == [["p0", "p1", "p2", "p3"], ["p0", "p1"], ["p2", "p3"]]
    assert len(alone) < 12
    assert sum(names == ["p3"] for _, names in asked) >= 299


def test_on_a_serial_line_a_silent_unit_is_asked_the_same_again_and_then_left_alone_for_a_while() -> None:
    unit = Unit(None, 1)
    schedule = Schedule([Task(unit, Block("input", place * 10, 1), 1.0) for place in range(3)], 0.0, settle=6.0)
    first, _ = schedule.next(0.0)
    assert first is not None
    schedule.answered(first, 0.1, 0.1)
    schedule.again(first, 0.1)
    second, _ = schedule.next(0.1)
    assert second is not None
    schedule.silent(second, 3.1, TIMEOUT)
    again, _ = schedule.next(3.1)
    assert again is second  # although two others have been due for longer
    schedule.answered(again, 3.5, 0.4)
    schedule.again(again, 3.5)
    assert schedule.next(4.1) == (None, 9.5)
    assert schedule.next(9.5)[0] is not None
