"""What the kernel knows of its clock: the `clock` attribute of every stored event."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Literal, NamedTuple

ClockState = Literal["synchronized", "holdover", "unset"]

TIME_ERROR = 5
"""adjtimex(2): the clock is not synchronized."""

_STA_UNSYNC = 0x0040
_STA_NANO = 0x2000

PLAUSIBLE = 1767225600.0
"""The newest dated release in CHANGELOG.md, 2026-01-01 before the first: an earlier clock was never set."""

_EVERY = 10.0
"""Seconds for which an answer of the kernel serves."""

_libc = ctypes.CDLL(None)


class Kernel(NamedTuple):
    """Whether a time service disciplines the clock, and by how many seconds it is believed to be off."""

    synchronized: bool
    offset: float


class _Timex(ctypes.Structure):
    """The beginning of struct timex; `modes` 0 only reads, which everybody may."""

    _fields_ = (
        ("modes", ctypes.c_int),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def kernel() -> Kernel:
    """adjtimex(2): what is still to be corrected, or where that is more, the estimated error of a time service."""
    timex = _Timex()
    state = int(_libc.adjtimex(ctypes.byref(timex)))
    synchronized = 0 <= state < TIME_ERROR and not timex.status & _STA_UNSYNC
    offset = timex.offset / (1e9 if timex.status & _STA_NANO else 1e6)
    estimated = timex.esterror / 1e6 if synchronized else 0.0  # it means nothing before
    return Kernel(synchronized, offset if abs(offset) >= estimated else estimated)


def kernel_synchronized() -> bool:
    """Whether a time service disciplines the clock."""
    return kernel().synchronized


def clock_state(now: float) -> ClockState:
    """`unset` before any possible now, `synchronized` by the kernel's word, else `holdover`."""
    if now < PLAUSIBLE:
        return "unset"
    return "synchronized" if kernel_synchronized() else "holdover"


class HostClock:
    """The state of the clock, looked up again every 10 s, and when it is set for the first time."""

    def __init__(self, look: Callable[[float], ClockState] = clock_state) -> None:
        self._look = look
        self._state: ClockState = "unset"
        self._due = -float("inf")

    def state(self, now: float, wall: float) -> ClockState:
        """As of `now` (monotonic): what the kernel says is at most 10 s old."""
        if now >= self._due or (wall < PLAUSIBLE) != (self._state == "unset"):
            self._due = now + _EVERY
            self._state = self._look(wall)
        return self._state
