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
        self._told: tuple[str, str] | None = None
        self._told_at = 0.0
        self._dead: dict[str, str] = {}
        self._troubles: dict[str, str] = {}
        self._garbage = self._garbage_told = 0
        self._last = b""
        self._noisy_at: float | None = None

    def online(self, time: float) -> None:
        """The first unit has answered."""
        self._said(("online", ""), time)

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

    def _now(self) -> tuple[str, str]:
        causes = [f"{unit}: {why}" for unit, why in sorted({**self._troubles, **self._dead}.items())[:3]]
        more = len(self._dead) + len(self._troubles) - len(causes)
        if more > 0:
            causes.append(f"and {more} more")
        if self._noisy_at is not None:
            causes.append(f"answers nobody can read: {self._garbage}, the last: {excerpt(self._last)}")
        return ("degraded", "; ".join(causes)) if causes else ("online", "")

    def _tell(self, time: float) -> None:
        if self._told is None or self._told == (now := self._now()):
            return
        fresh = self._told[0] == "online" and self._told[1] == "" and now[0] == "degraded" and not self._told_at
        if fresh or not 0 <= time - self._told_at < SPACING:
            self._said(now, time)

    def _said(self, now: tuple[str, str], time: float) -> None:
        first = self._told is None
        self._told = now
        self._garbage_told = self._garbage
        self._told_at = 0.0 if first else time  # the first trouble is told at once
        state, cause = now
        self._say.append(Status(None, "online" if state == "online" else "degraded", cause, time))
