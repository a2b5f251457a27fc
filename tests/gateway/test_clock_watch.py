"""The watch on the machine's clock: when TLS may begin, and when a person is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.clock_watch import ALONE, EVERY, FILE, OFF, ClockWatch
from gateway.outbox.host_clock import PLAUSIBLE, Kernel, kernel

NOON = 1_790_000_000.0
DAY = 86400.0


class Box:
    """A machine whose clock says `wall` and whose uptime is `up`; `turn` lets both go on."""

    def __init__(self, folder: Path, wall: float = NOON, *, synchronized: bool = False) -> None:
        self.folder = folder
        self.wall = wall
        self.up = 50.0
        self.kernel = Kernel(synchronized, 0.0)

    def turn(self, seconds: float) -> None:
        self.wall += seconds
        self.up += seconds

    def watch(self) -> ClockWatch:
        return ClockWatch(self.folder, lambda: self.wall, lambda: self.up, lambda: self.kernel)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """At noon, without a time service."""
    return Box(tmp_path)


def test_a_clock_that_was_never_set_makes_tls_wait_until_it_is(box: Box) -> None:
    box.wall = 9.0
    watch = box.watch()
    why = watch.wait()
    assert why is not None
    assert why.startswith("clock not set: it says 1970-01-01T00:00:09Z")
    assert "certificate" not in why
    assert watch.view.state == "unset"
    box.wall = NOON
    assert watch.state(box.wall) == "holdover", "at once, before the next look"
    assert watch.wait() is None


def test_tls_waits_for_the_last_time_that_was_seen(box: Box) -> None:
    watch = box.watch()
    assert watch.due
    watch.write()
    assert not watch.due
    box.turn(EVERY)
    assert watch.due
    watch.write()
    # The power fails; without a battery the clock goes on where the file system was made, a year ago.
    box.wall -= 200 * DAY
    box.up = 5.0
    later = box.watch()
    why = later.wait()
    assert why is not None
    assert str(box.folder / FILE) in why, "who knows better must be able to say so"
    assert later.state(box.wall) == "unset"
    later.write()
    assert box.watch().wait() == why, "what a wrong clock says is not kept"
    box.wall = NOON + EVERY + 1.0
    assert later.wait() is None


def once_ahead(box: Box) -> ClockWatch:
    """After a clock that stood in the future; it waits until then."""
    box.wall = NOON + 400 * DAY
    box.watch().write()
    box.wall = NOON
    watch = box.watch()
    assert watch.wait() is not None
    return watch


def test_a_time_service_is_believed_against_what_was_seen(box: Box) -> None:
    """A clock that once stood in the future must not bar TLS until then."""
    again = once_ahead(box)
    box.kernel = Kernel(synchronized=True, offset=0.0)
    assert again.wait() is None
    again.write()
    box.kernel = Kernel(synchronized=False, offset=0.0)
    assert box.watch().wait() is None


def test_who_deletes_the_file_is_believed_at_once(box: Box) -> None:
    """As the sentence says: no restart is needed."""
    watch = once_ahead(box)
    (box.folder / FILE).unlink()
    assert watch.wait() is None
    assert watch.state(box.wall) == "holdover"


def test_a_clock_that_is_set_back_while_we_run_bars_nothing(box: Box) -> None:
    watch = box.watch()
    box.wall -= 3600.0
    assert watch.wait() is None
    watch.write()
    assert box.watch().wait() is None


@pytest.mark.parametrize("damage", [b"", b"{", b'{"seen":"now"}', b"\x00" * 5000])
def test_a_damaged_file_is_none(box: Box, damage: bytes) -> None:
    (box.folder / FILE).write_bytes(damage)
    assert box.watch().wait() is None


def test_a_folder_that_may_not_be_written_costs_what_it_would_keep(box: Box) -> None:
    box.folder /= "gone"
    box.watch().write()
    assert box.watch().wait() is None


def test_a_clock_that_is_off_is_told(box: Box) -> None:
    watch = box.watch()
    box.kernel = Kernel(synchronized=True, offset=OFF)
    assert watch.look().alarm is None
    box.kernel = Kernel(synchronized=True, offset=-1.5)
    view = watch.look()
    assert (view.offset, view.alarm is not None and "-1.5 s off" in view.alarm) == (-1.5, True)


def test_a_clock_that_was_set_was_off_until_then(box: Box) -> None:
    watch = box.watch()
    box.turn(5.0)
    assert watch.look().alarm is None
    box.turn(5.0)
    box.wall += DAY
    view = watch.look()
    assert (view.offset, view.alarm is not None) == (DAY, True)
    box.turn(59.0)
    assert watch.look().alarm is not None, "long enough to be seen"
    box.turn(2.0)
    assert watch.look().alarm is None


def test_a_day_without_a_time_service_is_told_and_a_restart_does_not_hide_it(box: Box) -> None:
    box.kernel = Kernel(synchronized=True, offset=0.0)
    watch = box.watch()
    box.turn(60.0)
    watch.look()
    box.kernel = Kernel(synchronized=False, offset=0.0)
    box.turn(ALONE - 10.0)
    assert watch.look().alarm is None
    watch.write()
    restarted = box.watch()
    box.turn(20.0)
    for one in (watch, restarted):
        view = one.look()
        assert view.state == "holdover"
        assert view.alone == pytest.approx(ALONE + 10.0)
        assert view.alarm is not None
        assert "24 h" in view.alarm
    box.kernel = Kernel(synchronized=True, offset=0.0)
    assert restarted.look().alarm is None


def test_a_first_start_counts_from_itself(box: Box) -> None:
    watch = box.watch()
    box.turn(ALONE + 1.0)
    assert watch.look().alarm is not None


def test_nothing_before_this_version_is_a_time(box: Box) -> None:
    box.wall = PLAUSIBLE - 1.0
    box.kernel = Kernel(synchronized=True, offset=0.0)
    assert box.watch().wait() is not None


def test_the_kernel_answers_everybody() -> None:
    told = kernel()
    assert isinstance(told.synchronized, bool)
    assert abs(told.offset) < 1e6
