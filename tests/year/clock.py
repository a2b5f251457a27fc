"""Time that can be made to pass: the host's clocks, both ahead of the machine's by the same jumps."""

from __future__ import annotations

import time

_real, _steady = time.time, time.monotonic


class Clock:
    """Starts at `start` (Unix seconds) and runs as the machine's does, but for jumps, always forward."""

    def __init__(self, start: float) -> None:
        self._ahead = start - _real()
        self._jumped = 0.0

    def __call__(self) -> float:
        return _real() + self._ahead

    def monotonic(self) -> float:
        """What `time.monotonic` is from `install` on: the event loop, the outbox and all timers follow."""
        return _steady() + self._jumped

    def reach(self, moment: float) -> None:
        """Let the time pass until then."""
        jump = moment - self()
        if jump > 0.0:
            self._ahead += jump
            self._jumped += jump

    def install(self) -> None:
        """This is the process's time from now on."""
        time.time = self  # type: ignore[assignment]
        time.monotonic = self.monotonic
