"""A conversation without a wire: whatever a bus answers, there is a next question and never an exception."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.bus import stations
from drivers.modbus.session import Memory, Session
from drivers.modbus.settings import Settings
from drivers.observations import Measurement, Status
from simulators.modbus_plc.bank import Bank

UNITS: dict[str, Any] = {
    "meter": {"unit": 1, "profile": "eastron-sdm630", "only": ["power", "energy_import", "voltage_l1"]},
    "sun": {"unit": 2, "profile": "sunspec"},
    "plc": {
        "unit": 3,
        "points": {
            "beam": {"table": "discrete", "address": 3, "signal": True},
            "count": {"address": 0, "epc_class": "https://id.gs1.org/01/09521141123454"},
            "shock": {"address": 10, "type": "float32", "samples": 4, "vibration": {"window": "2s"}},
            "name": {"address": 30, "type": "string", "length": 4},
        },
    },
}


def session(units: dict[str, Any] = UNITS) -> Session:
    return Session(stations(Settings.model_validate({"url": "tcp://h", "units": units})), Memory(), 0, 0.0)


answers = st.one_of(
    st.tuples(st.just("words"), st.lists(st.integers(0, 0xFFFF), max_size=130)),
    st.tuples(st.just("code"), st.integers(0, 255)),
    st.tuples(st.just("silence"), st.just(0)),
    st.tuples(st.just("noise"), st.binary(max_size=40)),
)


@given(st.lists(answers, max_size=60))
def test_any_answers_are_survived(said: list[tuple[str, Any]]) -> None:
    one, now = session(), 0.0
    for kind, what in said:
        task, due = one.next(now)
        now = max(due, now)
        if task is None:
            continue
        time = 1.8e9 + now
        if kind == "words":
            exact = (what + [0] * task.block.count)[: task.block.count]
            one.answered(task, exact, time, now, 0.1)
        elif kind == "code":
            one.refused(task, what, time, now, 0.1)
        else:
            if kind == "noise":
                one.noise(what, time)
            one.silent(task, time, now, 1.0, "no answer")
            now += 1.0
    bad = [seen for seen in one.observations if isinstance(seen, Measurement) and seen.quality == "bad"]
    assert all(seen.reason and seen.value is None for seen in bad)
    one.lost("gone", 1.9e9)
    assert isinstance(one.observations[-1], Status)


def run(one: Session, banks: dict[int, Bank], rounds: int) -> list[Measurement]:
    """Asks and answers; what was measured."""
    now = 0.0
    for _ in range(rounds):
        task, due = one.next(now)
        if task is None:
            now = due
            continue
        bank = banks.get(task.unit.number, Bank())
        words = bank.read(task.block.table, task.block.address, task.block.count)
        if words is None:
            one.refused(task, 2, 1.8e9 + now, now, 0.01)
        else:
            one.answered(task, words, 1.8e9 + now, now, 0.01)
    return [seen for seen in one.observations if isinstance(seen, Measurement)]


def sunspec() -> Bank:
    bank = Bank()
    bank.words("holding", 40000, [0x5375, 0x6E53, 1, 66])
    bank.words("holding", 40004, [0] * 66)
    bank.text("holding", 40004, "Acme", 16)
    bank.words("holding", 40070, [203, 105, *[0] * 105, 0xFFFF, 0])
    bank.words("holding", 40070 + 18, [1500])
    return bank


def test_a_sunspec_device_is_found_and_read() -> None:
    seen = {one.point: one for one in run(session({"sun": UNITS["sun"]}), {2: sunspec()}, 30)}
    assert seen["sun.manufacturer"].value == "Acme"
    assert (seen["sun.power"].value, seen["sun.power"].uom) == (1500, "WTT")
    assert seen["sun.energy_import"].quality == "bad"  # 0: not accumulated


def test_only_some_points_of_a_sunspec_device() -> None:
    units = {"sun": {**UNITS["sun"], "only": ["power", "frequency"]}}
    assert {one.point for one in run(session(units), {2: sunspec()}, 30)} == {"sun.power", "sun.frequency"}


def test_what_the_file_says_comes_before_what_was_found() -> None:
    mine = {"power": {"address": 7, "uom": "KWT"}}
    bank = sunspec()
    bank.words("holding", 7, [42])
    seen = run(session({"sun": {**UNITS["sun"], "points": mine}}), {2: bank}, 40)
    assert {(one.value, one.uom) for one in seen if one.point == "sun.power"} == {(42, "KWT")}


def test_a_device_without_sunspec_says_so() -> None:
    one = session({"sun": UNITS["sun"]})
    run(one, {}, 30)
    states = [seen for seen in one.observations if isinstance(seen, Status)]
    assert "no model was found" in states[-1].cause
    assert states[-1].state == "degraded"


def test_a_unit_that_was_dead_before_any_answered_is_offline_after_the_device_is_online() -> None:
    """`online` of a device holds for all its antennas: who is not must be named after it."""
    one = session({"gone": {"unit": 1, "profile": "janitza"}, "meter": UNITS["meter"] | {"unit": 2}})
    first, _ = one.next(0.0)
    assert first is not None
    one.silent(first, 1.8e9, 1.0, 1.0, "no answer")
    second, _ = one.next(1.0)
    assert second is not None
    one.answered(second, [0] * second.block.count, 1.8e9 + 1, 1.1, 0.1)
    states = [(seen.antenna, seen.state) for seen in one.observations if isinstance(seen, Status)]
    assert states[:2] == [(None, "online"), ("gone", "offline")]
    assert (None, "degraded") in states
