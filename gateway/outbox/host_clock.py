"""What the kernel knows of its clock: the `clock` attribute of every stored event."""

from __future__ import annotations

import ctypes
from typing import Literal

ClockState = Literal["synchronized", "holdover", "unset"]

TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronized."""

PLAUSIBLE = 1767225600.0
"""2026-01-01: no gateway of this version ran before; an earlier clock was never set."""

_EVERY = 10.0
"""Seconds for which an answer of the kernel serves."""

_libc = ctypes.CDLL(None)


def kernel_synchronized() -> bool:
    """adjtimex(2) in read mode: true when a time service disciplines the clock."""
    timex = ctypes.create_string_buffer(512)  # struct timex, `modes` 0: only the returned state is of interest
    return 0 <= int(_libc.adjtimex(timex)) < TIME_ERROR


def clock_state(now: float) -> ClockState:
    """`unset` before any possible now, `synchronized` by the kernel's word, else `holdover`."""
    if now < PLAUSIBLE:
        return "unset"
    return "synchronized" if kernel_synchronized() else "holdover"


class HostClock:
    """The state of the clock, looked up again every 10 s."""

    def __init__(self) -> None:
        self._state: ClockState = "unset"
        self._due = -float("inf")

    def state(self, now: float, wall: float) -> ClockState:
        """As of `now` (monotonic), at most 10 s old."""
        if now >= self._due:
            self._due = now + _EVERY
            self._state = clock_state(wall)
        return self._state
