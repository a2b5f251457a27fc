"""From a receiver's bytes to reads, signals, measurements and states; and what silence and damage mean."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Disconnected, Measurement, Observation, Read, Signal, Status
from drivers.nmea.geometry import Point, offset
from drivers.nmea.session import CALM, REPEAT, Memory, Session
from drivers.nmea.settings import PortSettings, Settings
from simulators.gps.route import Pose
from simulators.gps.sentences import Blind, blind, cycle
from tests.drivers.test_nmea_fences import YARD, square

TRUCK = "urn:epc:id:giai:9521141.truck12"
START = 1_790_000_000.0


class Drive:
    """A session fed by hand: one cycle a second, at the time the test says."""

    def __init__(self, memory: Memory | None = None, start: float = START, **settings: object) -> None:
        made = Settings.model_validate({"port": "/dev/ttyACM0", "object": TRUCK, **settings})
        fences = {"a": square(100.0), "b": square(100.0, east=100.0)}
        ports = {name: PortSettings.model_validate({"polygon": drawn}) for name, drawn in fences.items()}
        self.memory = memory or Memory(made, ports)
        self.now = start
        self.session = Session(made, self.memory, wall=start, now=start)
        self.seen: list[Observation] = []

    def at(self, east: float, north: float = 50.0, *, hdop: float = 0.9) -> list[Observation]:
        """A position, a second after the one before."""
        return self.hear(cycle(Pose(*offset(YARD, east, north), speed=3.0, course=90.0), self.now + 1, hdop=hdop))

    def blind(self, how: Blind = "empty", place: Point = YARD) -> list[Observation]:
        return self.hear(blind(Pose(*place, speed=0.0, course=0.0), self.now + 1, how))

    def hear(self, sentences: Iterable[bytes]) -> list[Observation]:
        return self.pass_to(self.now + 1.0) + self._take(b"".join(sentences)) + self.pass_to(self.now + 0.2, stay=True)

    def pass_to(self, until: float, *, stay: bool = False) -> list[Observation]:
        """Let time pass: every deadline at its own time."""
        back = self.now
        while self.session.deadline <= until:
            self.now = max(self.now, self.session.deadline)
            self.session.tick(self.now, self.now)
        self.now = back if stay else until
        return self._taken()

    def _take(self, data: bytes) -> list[Observation]:
        self.session.receive(data, self.now, self.now)
        return self._taken()

    def _taken(self) -> list[Observation]:
        taken, self.session.observations = self.session.observations, []
        self.seen += taken
        return taken


def reads(seen: Iterable[Observation]) -> list[tuple[object, float]]:
    return [(one.antenna, one.time - START) for one in seen if isinstance(one, Read)]


def signals(seen: Iterable[Observation]) -> list[tuple[str, object, float]]:
    return [(one.name, one.value, one.time - START) for one in seen if isinstance(one, Signal)]


def states(seen: Iterable[Observation]) -> list[tuple[object, str]]:
    return [(one.antenna, one.state) for one in seen if isinstance(one, Status)]


def told(seen: Iterable[Observation]) -> dict[str, object]:
    return {one.point: one.value for one in seen if isinstance(one, Measurement)}


def test_the_first_fix_says_that_it_observes() -> None:
    drive = Drive()
    assert states(drive.at(50)) == [(None, "online"), ("a", "online"), ("b", "online")]


def test_a_vehicle_is_read_where_it_is_and_signals_say_when_it_comes_and_goes() -> None:
    drive = Drive(hysteresis_m=5, confirm=2)
    for east in (-40, -20, 10, 40, 70, 103, 130, 160, 190, 230, 260):
        drive.at(east)
    assert signals(drive.seen) == [
        ("a", False, 1.0),
        ("b", False, 1.0),
        ("a", True, 3.0),
        ("b", True, 6.0),
        ("a", False, 7.0),
        ("b", False, 10.0),
    ]
    assert reads(drive.seen) == [
        ("a", 3.0),
        ("a", 4.0),
        ("a", 5.0),
        ("a", 6.0),
        ("b", 6.0),
        ("b", 7.0),
        ("b", 8.0),
        ("b", 9.0),
    ]
    left_a = drive.seen.index(Signal("a", value=False, time=START + 7.0))
    where = drive.seen[left_a - 1]
    assert isinstance(where, Read)  # where it is now stands before what it has left: so it moves, and does not depart
    assert (where.value, where.antenna, where.time) == (TRUCK.encode(), "b", START + 8.0)


def test_positions_are_measurements_in_the_units_of_rec_20() -> None:
    drive = Drive()
    seen = [one for one in drive.at(50) if isinstance(one, Measurement)]
    assert {one.point: one.uom for one in seen} == {
        "latitude": "DD",
        "longitude": "DD",
        "speed": "KMH",
        "course": "DD",
        "altitude": "MTR",
        "hdop": "C62",
        "satellites": "C62",
    }
    place = offset(YARD, 50, 50)
    values = told(seen)
    assert values["latitude"] == pytest.approx(place[0], abs=1e-6)
    assert values["longitude"] == pytest.approx(place[1], abs=1e-6)
    assert values["speed"] == pytest.approx(3.0 * 3.6, abs=0.02)


def test_positions_are_told_by_distance_and_by_time() -> None:
    drive = Drive(report={"distance_m": 20, "min_interval": "2s", "max_interval": "10s"})
    at = [east for east in (0, 25, 50, 55, 60, 65, *[66] * 20) if told(drive.at(east))]
    assert at == [0, 50, 66, 66]  # 25 m after 1 s is too soon; 66 ends the standing still of 10 s, twice


@pytest.mark.parametrize("how", ["empty", "zeros", "last"])
def test_without_a_fix_nothing_is_read_and_soon_the_fences_do_not_observe(how: Blind) -> None:
    drive = Drive(fix_timeout="3s")
    for _ in range(4):
        drive.at(50)
    before = len(drive.seen)
    for _ in range(6):
        drive.blind(how, offset(YARD, 900, 0))
    since = drive.seen[before:]
    assert reads(since) == []
    assert signals(since) == []
    assert states(since) == [(None, "degraded"), ("a", "offline"), ("b", "offline")]
    offline = [one for one in since if isinstance(one, Status) and one.antenna == "a"]
    assert offline[0].time == START + 4.0  # since the last fix
    lost = [one for one in since if isinstance(one, Measurement)]
    assert [(one.point, one.value, one.quality) for one in lost] == [
        ("latitude", None, "bad"),
        ("longitude", None, "bad"),
    ]
    assert states(drive.at(50)) == [(None, "online"), ("a", "online"), ("b", "online")]


def test_a_fix_that_is_missing_for_a_moment_is_no_news() -> None:
    drive = Drive(fix_timeout="3s")
    drive.at(50)
    before = len(drive.seen)
    drive.at(50)
    drive.blind()
    drive.at(50)
    assert states(drive.seen[before:]) == []


def test_a_vague_position_decides_nothing_but_is_told() -> None:
    drive = Drive(max_hdop=3, report={"distance_m": 0})
    drive.at(50)
    drive.at(50)
    before = len(drive.seen)
    assert told(drive.at(500, hdop=9.0))["hdop"] == 9.0
    drive.at(500, hdop=9.0)
    drive.at(500, hdop=9.0)
    assert signals(drive.seen[before:]) == []
    for _ in range(5):
        drive.at(500, hdop=9.0)
    degraded = [one for one in drive.seen if isinstance(one, Status) and one.state == "degraded"]
    assert "HDOP 9 is over max_hdop 3" in degraded[0].cause


def test_no_fix_from_the_beginning_is_said() -> None:
    drive = Drive(fix_timeout="3s")
    for _ in range(5):
        drive.blind()
    assert states(drive.seen) == [(None, "degraded"), ("a", "offline"), ("b", "offline")]
    assert "no fix" in drive.seen[-1].cause  # type: ignore[union-attr]


def test_damage_is_said_with_its_bytes_once_in_a_while_and_forgotten_when_it_ends() -> None:
    drive = Drive()
    drive.at(50)
    before = len(drive.seen)
    for _ in range(15):
        drive.hear([b"\x00\xffbad\r\n", *cycle(Pose(*offset(YARD, 50, 50), speed=0.0, course=0.0), drive.now + 1)])
    said = [one for one in drive.seen[before:] if isinstance(one, Status)]
    assert [one.state for one in said] == ["degraded"]
    assert "00 ff 62 61 64" in said[0].cause
    assert len(reads(drive.seen[before:])) == 15 + 1
    drive.pass_to(drive.now + 0.1)
    for _ in range(int(CALM) + 1):
        drive.at(50)
    assert states(drive.seen)[-1] == (None, "online")


def test_silence_ends_it_and_says_what_to_look_at() -> None:
    drive = Drive(silence="10s")
    drive.at(50)
    with pytest.raises(Disconnected, match="said nothing for 10 s: has it power"):
        drive.pass_to(START + 20)


def test_noise_alone_ends_it_with_the_bytes() -> None:
    drive = Drive(silence="10s")
    for _ in range(9):
        drive.hear([b"\x83\x0c\xf1\r\n"])
    with pytest.raises(Disconnected, match=r"no NMEA 0183 sentence from \S+ within 10 s; last came 83 0c .*baud rate"):
        drive.pass_to(START + 11)


def test_after_a_connection_that_broke_the_fences_are_said_again() -> None:
    first = Drive()
    first.at(50)
    first.at(50)
    first.session.lost("gone")
    lost = first.session.observations[-1]
    assert isinstance(lost, Status)
    assert (lost.state, lost.time) == ("offline", START + 2.0)
    again = Drive(first.memory, START + 100)
    seen = again.at(300)
    assert signals(seen) == [("a", True, 101.0), ("b", False, 101.0)]
    assert reads(seen) == []
    assert signals(again.at(300)) == [("a", False, 101.0)]


def test_signals_are_said_again_for_gates_that_are_new() -> None:
    drive = Drive()
    for _ in range(int(REPEAT) + 5):
        drive.at(50)
    assert signals(drive.seen) == [
        ("a", True, 1.0),
        ("b", False, 1.0),
        ("a", True, REPEAT + 1),
        ("b", False, REPEAT + 1),
    ]


def test_ten_fixes_a_second_are_one_read_a_second() -> None:
    drive = Drive()
    drive.at(50)
    drive.at(50)
    before = len(drive.seen)
    for tenth in range(1, 51):
        drive.now += 0.1
        pose = Pose(*offset(YARD, 50, 50), speed=0.0, course=0.0)
        drive._take(b"".join(cycle(pose, drive.now)))
        assert tenth
    assert 4 <= len(reads(drive.seen[before:])) <= 6


@given(st.lists(st.one_of(st.binary(max_size=80), st.integers(-300, 300), st.sampled_from(["empty", "zeros", "last"]))))
def test_whatever_comes_the_story_of_each_fence_is_sound(script: list[bytes | int | Blind]) -> None:
    """Reads only where a signal says that it is inside; nothing while the fences do not observe; times run forward."""
    drive = Drive(fix_timeout="3s", silence="1h")
    for one in script:
        if isinstance(one, bytes):
            drive.hear([one])
        elif isinstance(one, int):
            drive.at(one)
        else:
            drive.blind(one)
    inside: dict[object, object] = {}
    observing: dict[object, bool] = {}
    for one in drive.seen:
        if isinstance(one, Signal):
            assert inside.get(one.name) is not one.value or one.time - START >= REPEAT
            inside[one.name] = one.value
        elif isinstance(one, Read):
            assert inside[one.antenna]
            assert observing[one.antenna]
            assert START <= one.time <= (one.received or 0.0)
        elif isinstance(one, Status) and one.antenna is not None:
            observing[one.antenna] = one.state == "online"
