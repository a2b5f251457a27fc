"""How a device is: told when it changes, and never without end."""

from __future__ import annotations

from drivers.contract import Status
from gateway.health import LONGEST, NEWS, NEWS_EVERY, AntennaHealth, DeviceBoard, DeviceHealth


class Board:
    """A board and what it told."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.told: list[DeviceHealth] = []
        self.board = DeviceBoard("reader", lambda: self.time, self.told.append)


def test_another_cause_is_news_but_the_state_began_before() -> None:
    it = Board()
    it.board.say("offline", "cable", failed=True)
    it.time = 2000.0
    it.board.say("offline", "refused", failed=True)
    it.time = 3000.0
    it.board.say("online", "")
    assert [(one.state, one.cause, one.since) for one in it.told] == [
        ("offline", "cable", 1000.0),
        ("offline", "refused", 1000.0),
        ("online", "", 3000.0),
    ]
    assert it.told[-1].failures == 2


def test_the_same_again_is_counted_and_not_said() -> None:
    it = Board()
    for _ in range(3):
        it.board.say("offline", "cable", failed=True)
    it.board.observe(Status(None, "offline", "cable", 1.0))
    assert len(it.told) == 1
    assert it.board.now.failures == 3


def test_antennas_are_told_in_order_each_when_it_changes() -> None:
    it = Board()
    it.board.observe(Status(None, "online", "", 1.0))
    for antenna, state in ((10, "offline"), (2, "online"), (10, "offline")):
        it.board.observe(Status(antenna, state, "", 1.0))
    assert [one.antennas for one in it.told] == [
        (),
        (AntennaHealth(10, "offline"),),
        (AntennaHealth(2, "online"), AntennaHealth(10, "offline")),
    ]


def test_of_a_device_that_does_not_answer_no_antenna_is_known() -> None:
    it = Board()
    it.board.observe(Status(None, "online", "", 1.0))
    it.board.observe(Status(2, "offline", "unplugged", 1.0))
    it.board.say("degraded", "a fault")
    assert it.told[-1].antennas == (AntennaHealth(2, "offline", "unplugged"),)
    it.board.say("offline", "cable")
    assert it.told[-1].antennas == ()


def test_reads_are_seen_at_once_and_are_no_news() -> None:
    it = Board()
    it.board.read(20, 500.0)
    it.board.read(1, 501.0)
    it.board.told(2, 7)
    assert (it.board.now.reads, it.board.now.last_read, it.told) == (21, 501.0, [])
    assert (it.board.now.signals, it.board.now.values) == (2, 7)


def test_a_device_out_of_its_mind_does_not_fill_the_disk() -> None:
    it = Board()
    for number in range(10_000):
        it.board.observe(Status(number % 8, "offline" if number // 8 % 2 else "online", "", it.time))
        it.time += 0.01
    assert NEWS <= len(it.told) <= NEWS + 100 / NEWS_EVERY + 1
    assert len(it.board.now.antennas) == 8


def test_after_a_quiet_time_news_is_told_at_once() -> None:
    it = Board()
    for number in range(200):
        it.board.say("degraded", f"fault {number}")
    told = len(it.told)
    it.time += NEWS_EVERY
    it.board.say("online", "")
    assert [one.state for one in it.told[told:]] == ["online"]


def test_a_clock_that_is_set_back_does_not_silence_it() -> None:
    it = Board()
    for number in range(200):
        it.board.say("degraded", f"fault {number}")
    it.time -= 86_400.0
    it.board.say("offline", "gone")
    it.time += NEWS_EVERY
    it.board.say("online", "")
    assert it.told[-1].state == "online"


def test_what_is_said_is_one_line_of_bounded_length() -> None:
    it = Board()
    it.board.say("offline", "\x1b[2J\nno answer" * 10_000)
    it.board.observe(Status(1, "offline", "\x07\n" * 10_000, 1.0))
    for cause in (it.told[0].cause, it.told[1].antennas[0].cause):
        assert cause.isprintable()
        assert len(cause) <= LONGEST + 1
