"""The reader's clock: minimum, window, steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.llrp.clock import WINDOW, ReaderClock

HOST = 1_790_000_000.0
Y2000 = 946_684_800.0


@pytest.mark.parametrize("reader_start", [HOST, Y2000, 12.5], ids=["utc", "year 2000", "uptime"])
def test_the_least_delayed_stamp_counts(reader_start: float) -> None:
    clock = ReaderClock()
    clock.seed(reader_start, HOST + 0.030)
    for second, delay in enumerate([0.4, 0.002, 0.25, 0.9], start=1):
        clock.observe(reader_start + second, HOST + second + delay)
    assert clock.time(reader_start + 10, HOST + 99) == pytest.approx(HOST + 10.002, abs=1e-5)


def test_the_minimum_is_forgotten_after_its_window() -> None:
    clock = ReaderClock()
    clock.seed(0.0, HOST)
    for second in range(1, int(WINDOW) + 20):
        clock.observe(float(second), HOST + second + 0.1)
    assert clock.offset == pytest.approx(HOST + 0.1)


def test_a_greeting_after_an_outage_keeps_the_minimum_of_the_same_clock() -> None:
    clock = ReaderClock()
    clock.seed(100.0, HOST)
    clock.seed(130.0, HOST + 30.2)
    assert clock.offset == pytest.approx(HOST - 100.0)


def test_a_restarted_reader_begins_anew() -> None:
    clock = ReaderClock()
    clock.seed(5000.0, HOST)
    clock.seed(3.0, HOST + 30)
    assert clock.time(4.0, HOST) == pytest.approx(HOST + 31)


def test_a_clock_set_while_connected_is_followed_both_ways() -> None:
    clock = ReaderClock()
    clock.seed(Y2000, HOST)
    clock.observe(HOST + 5, HOST + 5)  # the reader found its time server
    clock.observe(HOST + 6, HOST + 6)
    assert clock.offset == pytest.approx(0.0)
    clock.observe(Y2000 + 9, HOST + 9)  # and lost its battery
    assert clock.offset == pytest.approx(HOST - Y2000)


@pytest.mark.parametrize("garbled", [2**63 / 1e6, 253402300799.0, HOST + 3600.0])
def test_one_stamp_far_ahead_shifts_no_read(garbled: float) -> None:
    clock = ReaderClock()
    clock.seed(HOST, HOST)
    clock.observe(garbled, HOST + 1)
    clock.observe(HOST + 2, HOST + 2)
    clock.observe(2 * garbled, HOST + 3)
    assert clock.offset == pytest.approx(0.0)


def test_a_greeting_far_ahead_begins_anew() -> None:
    clock = ReaderClock()
    clock.seed(Y2000, HOST)
    clock.seed(HOST + 30, HOST + 30)
    assert clock.offset == pytest.approx(0.0)


def test_without_a_stamp_the_arrival_counts() -> None:
    assert ReaderClock().time(None, HOST) == HOST
    assert ReaderClock().time(7.0, HOST) == HOST


@given(st.lists(st.tuples(st.floats(0, 2), st.floats(0, 0.9)), min_size=1, max_size=200))
def test_no_report_is_ever_put_after_its_arrival(steps: list[tuple[float, float]]) -> None:
    clock, host = ReaderClock(), HOST
    clock.seed(0.0, host)
    for step, delay in steps:
        host += step
        clock.observe(host - HOST, host + delay)
        assert clock.time(host - HOST, host) <= host + delay + 1e-6
