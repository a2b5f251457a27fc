"""Is this machine's clock right? TLS waits until it is set; a person is told where it is wrong or on its own for long.

What was seen is kept beside the outbox, for a box without a battery starts in 1970, or where it was when it was made.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.outbox.host_clock import PLAUSIBLE, ClockState, Kernel, kernel
from gateway.overview import ClockView

FILE = "clock"
EVERY = 600.0
"""Seconds by which the file may be behind."""

OFF = 1.0
"""Seconds off from which a person should know."""

ALONE = 86400.0
"""Seconds without a time service, likewise."""

_REMEMBER = 60.0
"""Seconds for which an alarm of a clock that was just set lasts."""

_SLACK = 60.0
"""Seconds before the last time seen at which a clock still counts as set: it was put right a little."""


class Seen(msgspec.Struct, frozen=True):
    """The last time seen, and when a time service last had the clock; Unix seconds."""

    seen: float = 0.0
    synchronized: float | None = None


def boot_time() -> float:
    """Seconds that nobody sets, and that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockWatch:
    """Watches `clock` (Unix seconds) against `steady` seconds and the kernel's word. The file is in `folder`."""

    def __init__(
        self,
        folder: Path,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = boot_time,
        ask: Callable[[], Kernel] = kernel,
    ) -> None:
        self._file = folder / FILE
        self._clock = clock
        self._steady = steady
        self._ask = ask
        self._before = _read(self._file)
        self._trusted = False
        self._apart: float | None = None
        self._step = (0.0, -_REMEMBER)
        self._last_synchronized: float | None = None
        self._begun = steady()
        self._carried: float | None = None
        self._written = -EVERY
        self.view = ClockView()
        self.look()

    def look(self) -> ClockView:
        """How the clock is now: some microseconds."""
        before, now, steady, told = self._steady(), self._clock(), self._steady(), self._ask()
        if steady - before < OFF / 2:  # else we were stopped in between, and the two tell nothing of each other
            self._follow(now - steady, steady)
        if self.view.state == "unset" and not self._file.exists():
            self._before = Seen()  # who knows better has deleted it
        state = self._state(now, told)
        if state == "synchronized":
            self._last_synchronized = steady
        elif state == "holdover" and self._carried is None:
            # Known once the clock is set: for how long before this start nobody had it in hand.
            last = self._before.synchronized
            self._carried = 0.0 if last is None else max(0.0, now - last - (steady - self._begun))
        step = self._step[0] if steady - self._step[1] < _REMEMBER else 0.0
        offset = max(step, told.offset, key=abs)
        alone = self._alone(steady)
        self.view = ClockView(state, offset, alone, self._alarm(state, now, offset, alone))
        return self.view

    def state(self, now: float) -> ClockState:
        """How good the time `now` is; from any thread, and as of now, whenever somebody looked last."""
        if now < PLAUSIBLE:
            return "unset"
        told = self._ask()
        trusted = self.view.state != "unset" or self._plausible(now, told)
        return "unset" if not trusted else "synchronized" if told.synchronized else "holdover"

    def wait(self) -> str | None:
        """Why TLS must wait, if it must."""
        view = self.look()
        return view.alarm if view.state == "unset" else None

    @property
    def due(self) -> bool:
        """Whether the file is to be written."""
        return self._trusted and self._steady() - self._written >= EVERY

    def write(self) -> None:
        """Keep what was seen; where that fails, the next start knows less. Blocks: call it in a thread."""
        if not self._trusted:
            return
        self._written = steady = self._steady()
        now = self._clock()
        last = self._last_synchronized
        synchronized = self._before.synchronized if last is None else now - (steady - last)
        new = self._file.with_suffix(".new")
        with contextlib.suppress(OSError):
            new.write_bytes(msgspec.json.encode(Seen(now, synchronized)))
            new.replace(self._file)

    def _follow(self, apart: float, steady: float) -> None:
        """A clock that is set was wrong by so much until then."""
        before, self._apart = self._apart, apart
        if before is not None and abs(apart - before) > OFF:
            self._step = apart - before, steady

    def _state(self, now: float, told: Kernel) -> ClockState:
        """Once it was right it is trusted, even when it is set back: only a start may find one that was never set."""
        if now < PLAUSIBLE:
            self._trusted = False
            return "unset"
        self._trusted = self._trusted or self._plausible(now, told)
        if not self._trusted:
            return "unset"
        return "synchronized" if told.synchronized else "holdover"

    def _plausible(self, now: float, told: Kernel) -> bool:
        return told.synchronized or now >= self._before.seen - _SLACK

    def _alone(self, steady: float) -> float:
        if self._last_synchronized is not None:
            return steady - self._last_synchronized
        return steady - self._begun + (self._carried or 0.0)

    def _alarm(self, state: ClockState, now: float, offset: float, alone: float) -> str | None:
        if state == "unset":
            least = max(PLAUSIBLE, self._before.seen - _SLACK)
            return (
                f"clock not set: it says {_text(now)}, TLS waits for a time after {_text(least)}; is there a time "
                f"service? If the time is right, delete {self._file}"
            )
        if abs(offset) > OFF:
            return f"the clock was {offset:+.1f} s off: look at the time service (chronyc tracking, timedatectl)"
        if alone > ALONE:
            return (
                f"the clock has been on its own for {alone / 3600:.0f} h: is the time service running, and does it "
                "reach its server (chronyc sources, timedatectl)?"
            )
        return None


def _read(file: Path) -> Seen:
    """What was kept; nothing where there is no such file, or it is damaged."""
    try:
        with file.open("rb") as kept:
            return msgspec.json.decode(kept.read(1000), type=Seen)
    except (OSError, msgspec.MsgspecError):
        return Seen()


def _text(seconds: float) -> str:
    with contextlib.suppress(ValueError, OverflowError, OSError):
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
    return f"{seconds:g} s since 1970"
