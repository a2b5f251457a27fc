"""How a device is: told when it changes, and never without end."""

from __future__ import annotations

from drivers.contract import Status
from gateway.health import LONGEST, NEWS, NEWS_EVERY, DeviceBoard, DeviceHealth


class Board:
    """A board and what it told."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.told: list[DeviceHealth] = []
        self.board = DeviceBoard("reader", lambda: self.time, self.told.append)


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
