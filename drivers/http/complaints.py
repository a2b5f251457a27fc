"""What is wrong with posts, as states of the device: the last bad bytes, one change every few seconds. Pure."""

from __future__ import annotations

from drivers.observations import Status

PAUSE = 5.0
SHOWN = 24
"""Bytes of what was refused that a person sees."""


class Complaints:
    """Counts what was refused and says so, and says when it is good again."""

    def __init__(self, good: str) -> None:
        self.refused = 0
        self._good = good
        self._bad = False
        self._changed = float("-inf")

    def bad(self, cause: str, data: bytes, now: float) -> Status | None:
        """Something was refused; the change of state to tell, if it is time."""
        self.refused += 1
        if now - self._changed < PAUSE:
            return None
        self._bad, self._changed = True, now
        shown = f"; it began with {data[:SHOWN].hex(' ')}" if data else ""
        return Status(None, "degraded", f"{cause}{shown} ({self.refused} refused so far)", now)

    def fine(self, now: float) -> Status | None:
        """Something was taken; the change of state to tell, if it is time."""
        if not self._bad or now - self._changed < PAUSE:
            return None
        self._bad, self._changed = False, now
        return Status(None, "online", self._good, now)
