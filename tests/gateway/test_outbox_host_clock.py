"""What a stored event says of the clock it was stored by."""

from __future__ import annotations

import pytest

from gateway.outbox import host_clock


@pytest.mark.parametrize(("now", "state"), [(0.0, "unset"), (86400.0, "unset"), (host_clock.PLAUSIBLE - 1, "unset")])
def test_a_clock_before_any_possible_now_was_never_set(now, state):
    assert host_clock.clock_state(now) == state


def test_a_plausible_clock_is_what_the_kernel_says():
    expected = "synchronized" if host_clock.kernel_synchronized() else "holdover"
    assert host_clock.clock_state(host_clock.PLAUSIBLE) == expected


def test_what_is_stored_once_the_clock_is_set_says_so_at_once():
    clock = host_clock.HostClock()
    assert clock.state(1.0, 10.0) == "unset"
    assert clock.state(1.1, host_clock.PLAUSIBLE) != "unset"
    assert clock.state(1.2, 10.0) == "unset"
