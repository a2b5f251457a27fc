"""What values become: report by exception, alarms, counters, edges, vibration."""

from __future__ import annotations

import math

import pytest

from drivers.modbus.counter import Counter
from drivers.modbus.registers import Bad, Block, Point
from drivers.modbus.report import Alarm, Reporter, Reporting
from drivers.modbus.vibration import Window, measure
from drivers.modbus.watch import Counting, Edge, Vibration, Watch, Watched
from drivers.observations import Measurement, Observation, Read, Signal


def told(reporting: Reporting, values: list[object], step: float = 1.0) -> list[object]:
    reporter = Reporter("p", reporting)
    seen = [reporter.offer(value, step * n) for n, value in enumerate(values)]  # type: ignore[arg-type]
    return [one.value for one in seen if one is not None]


@pytest.mark.parametrize(
    ("reporting", "values", "expected"),
    [
        (Reporting(), [1, 1, 2, 2, 1], [1, 2, 1]),
        (Reporting(deadband=2), [10, 11, 11.9, 12, 11, 9.9], [10, 12, 9.9]),
        (Reporting(percent=10), [100, 109, 91, 110, 120, 121], [100, 110, 121]),
        (Reporting(percent=10), [0, 0.001], [0, 0.001]),
        (Reporting(least=2.0), [1, 2, 3, 4, 5], [1, 3, 5]),
        (Reporting(most=3.0), [1, 1, 1, 1, 1, 1, 1], [1, 1, 1]),
        (Reporting(most=None), [True, True, False, True], [True, False, True]),
        (Reporting(deadband=5), ["a", "a", "b"], ["a", "b"]),
    ],
)
def test_what_is_worth_telling(reporting: Reporting, values: list[object], expected: list[object]) -> None:
    assert told(reporting, values) == expected


def test_a_change_of_quality_is_told_at_once_with_its_reason() -> None:
    reporter = Reporter("p", Reporting(uom="VLT", deadband=100, least=60.0))
    seen = [reporter.offer(value, n) for n, value in enumerate([230.0, Bad("gone"), Bad("gone"), Bad("why"), 231.0])]
    assert [one and (one.value, one.quality, one.reason) for one in seen] == [
        (230.0, "good", None),
        (None, "bad", "gone"),
        None,
        (None, "bad", "why"),
        (231.0, "good", None),
    ]


def test_an_alarm_ends_inside_of_its_limit() -> None:
    reporter = Reporter("p", Reporting(most=None), Alarm(low=10, high=80, hysteresis=5))
    values = [50, 80, 81, 78, 75, 74, 9, 14, 15, 50]
    seen = [reporter.offer(value, n) for n, value in enumerate(values)]
    alarms = [one.exception for one in seen if one is not None]
    assert alarms == [None, None, *["ALARM_CONDITION"] * 2, None, None, *["ALARM_CONDITION"] * 2, None, None]


def test_a_counter_over_wrap_around_and_restart() -> None:
    counter = Counter(2**16)
    looks = [(65_530, 0), (65_535, 1), (3, 2), (3, 3), (40_000, 4), (5, 5), (6, 6)]
    assert [counter.count(value, time) for value, time in looks] == [0, 5, 4, 0, 39_997, 5, 1]


def test_a_known_pace_tells_a_wrap_around_from_a_restart_and_from_nonsense() -> None:
    counter = Counter(2**16, fastest=10.0)
    assert [counter.count(value, time) for value, time in [(65_000, 0), (15, 1), (30, 2)]] == [0, 15, 15]
    assert counter.count(65_530, 10_000) == 65_500
    assert counter.count(4, 10_001) == 10
    assert counter.count(60_000, 10_002) == 0
    assert counter.count(60_007, 10_003) == 7


def test_the_figures_of_a_sine_and_of_a_shock() -> None:
    sine = [1.0 + 2.0 * math.sin(math.tau * n / 100) for n in range(1000)]
    figures = measure(sine)
    assert figures.rms == pytest.approx(math.sqrt(2), abs=1e-4)
    assert figures.peak == pytest.approx(2.0, abs=1e-4)
    assert figures.crest == pytest.approx(math.sqrt(2), abs=1e-4)
    assert measure([0.0] * 99 + [10.0], level=False) == measure([0.0] * 99 + [-10.0], level=False)
    assert measure([5.0] * 4).crest is None


def test_a_window_ends_by_time_and_never_grows_without_end() -> None:
    window = Window(1.0, level=False)
    assert window.add([1.0], 0.0) is None
    assert window.add([1.0], 0.5) is None
    assert window.add([3.0], 1.0) is not None
    assert window.add([0.0] * 100_000, 1.1) is not None
    window.add([1.0], 5.0)
    assert window.add([1.0], 2.0) is not None  # the host's clock was set back


def taken(watch: Watch, words: list[list[int]]) -> list[list[Observation]]:
    point = watch.watched.point
    return [watch.take(Block(point.table, point.address, len(one), (point,)), one, n) for n, one in enumerate(words)]


def test_a_photo_eye_is_a_signal_and_telemetry_at_every_change() -> None:
    watch = Watch(Watched(Point("beam", "discrete", 3, "bool"), signal=True))
    first, same, on, off = taken(watch, [[0], [0], [1], [0]])
    assert same == []
    for seen, value in ((first, False), (on, True), (off, False)):
        assert {type(one) for one in seen} == {Measurement, Signal}
        assert all(one.value is value for one in seen if isinstance(one, (Measurement, Signal)))
    watch.forget()
    assert any(isinstance(one, Signal) for one in taken(watch, [[0]])[0])


def test_a_signal_is_said_again_every_minute_for_a_gate_that_is_new() -> None:
    watch = Watch(Watched(Point("beam", "discrete", 3, "bool"), signal=True))
    said = [n for n, seen in enumerate(taken(watch, [[1]] * 130)) if any(isinstance(one, Signal) for one in seen)]
    assert said == [0, 60, 120]


def test_an_edge_is_a_read_of_its_object_and_the_first_look_is_none() -> None:
    for on, expected in (("rising", [1, 3]), ("falling", [2]), ("both", [1, 2, 3])):
        edge = Edge("urn:epc:id:giai:9521141.crane1", on)  # type: ignore[arg-type]
        watch = Watch(Watched(Point("lock", "coil", 0, "bool"), edge=edge, antenna="lock"))
        seen = [n for n, one in enumerate(taken(watch, [[0], [1], [0], [1]])) if any(isinstance(o, Read) for o in one)]
        assert seen == expected


def test_a_counter_is_a_class_with_a_quantity_and_goes_on_over_a_lost_connection() -> None:
    name = "https://id.gs1.org/01/09521141123454"
    watch = Watch(Watched(Point("items", "input", 2, "uint32"), counting=Counting(name), antenna="items"))
    first = taken(watch, [[0, 100], [0, 103]])
    watch.forget()
    after = taken(watch, [[0, 110], [0, 110]])
    counts = [[one.count for one in seen if isinstance(one, Read)] for seen in first + after]
    assert counts == [[], [3], [7], []]
    (read,) = (one for one in first[1] if isinstance(one, Read))
    assert (read.scheme, read.value, read.antenna) == ("code", name.encode(), "items")


def test_vibration_is_told_as_figures_with_alarms() -> None:
    vibration = Vibration(window=1.0, alarms=(("rms", Alarm(high=1.0, hysteresis=0.2)),))
    point = Point("gearbox", "input", 0, "int16", samples=4, scale=0.001)
    watch = Watch(Watched(point, Reporting(uom="K40"), vibration=vibration))
    quiet, loud, easing, calm = [1000, 1500, 1000, 500], [3000, 0, 3000, 0], [1900, 100, 1900, 100], [1500, 500] * 2
    seen = [one for batch in taken(watch, [quiet, quiet, loud, loud, easing, easing, calm, calm]) for one in batch]
    rms = [one for one in seen if isinstance(one, Measurement) and one.point == "gearbox_rms"]
    assert [(one.value, one.exception) for one in rms] == [
        (0.353553, None),
        (1.5, "ALARM_CONDITION"),
        (0.9, "ALARM_CONDITION"),
        (0.5, None),
    ]
    crest = [one for one in seen if isinstance(one, Measurement) and one.point == "gearbox_crest"]
    assert {one.uom for one in crest} == {None}


def test_limits_say_what_cannot_be() -> None:
    watch = Watch(Watched(Point("t", "input", 0, "int16"), limits=(-40, 120)))
    (bad,) = taken(watch, [[500]])[0]
    assert isinstance(bad, Measurement)
    assert (bad.value, bad.quality) == (None, "bad")
    assert "120" in (bad.reason or "")
