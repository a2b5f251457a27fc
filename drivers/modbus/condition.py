"""How the bus as a whole is: online, or degraded and why. Pure."""

from __future__ import annotations

from drivers.modbus.words import excerpt
from drivers.observations import Observation, Status

SPACING = 2.0
"""Seconds between two changes that are told."""
QUIET = 5.0
"""Seconds without garbage until all is well again."""


class Condition:
    """Says what changed, at most every few seconds; the last word is always the right one."""

    def __init__(self, say: list[Observation]) -> None:
        self._say = say
        self._told: str | None = None
        self._told_at: float | None = None  # of a change: the first trouble is told at once
        self._dead: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._garbage = self._garbage_told = 0
        self._last = b""
        self._noisy_at: float | None = None

    def online(self, time: float) -> None:
        """The first unit has answered."""
        self._say_so("", time)

    def dead(self, unit: str, why: str, time: float) -> None:
        """A unit does not answer."""
        self._dead[unit] = why
        self._tell(time)

    def revived(self, unit: str, time: float) -> None:
        """It answers again."""
        self._dead.pop(unit, None)
        self._tell(time)

    def trouble(self, unit: str, what: str) -> None:
        """Something of a unit that only a person can mend."""
        self._troubles[unit] = what

    def noise(self, data: bytes, time: float) -> None:
        """Bytes came that nobody can read."""
        self._garbage += 1
        self._last = data
        self._noisy_at = time
        self._tell(time)

    def well(self, time: float) -> None:
        """An answer came."""
        over = self._noisy_at is not None and not 0 <= time - self._noisy_at < QUIET
        if over and self._garbage == self._garbage_told:
            self._noisy_at = None
        self._tell(time)

    def _now(self) -> str:
        """Why it is not well; empty: it is."""
        causes = [f"{unit}: {why}" for unit, why in sorted({**self._troubles, **self._dead}.items())[:3]]
        more = len(self._dead) + len(self._troubles) - len(causes)
        if more > 0:
            causes.append(f"and {more} more")
        if self._noisy_at is not None:
            causes.append(f"answers nobody can read: {self._garbage}, the last: {excerpt(self._last)}")
        return "; ".join(causes)

    def _tell(self, time: float) -> None:
        cause = self._now()
        if self._told is None or cause == self._told:
            return
        if self._told_at is None or not 0 <= time - self._told_at < SPACING:
            self._told_at = time
            self._say_so(cause, time)

    def _say_so(self, cause: str, time: float) -> None:
        self._told = cause
        self._garbage_told = self._garbage
        self._say.append(Status(None, "degraded" if cause else "online", cause, time))
