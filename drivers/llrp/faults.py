"""What a reader does wrong without being lost: counted, told once, forgotten after a quiet minute."""

from __future__ import annotations

from drivers.contract import ProtocolViolation, Status
from drivers.llrp.codec.values import Message
from drivers.llrp.refusal import refusal

_QUIET = 60.0
_MOST = 5
"""Faults told in a second: a reader that complains without end must not fill the outbox."""


class Faults:
    """Tag entries and frames that could not be read, and what else went wrong lately."""

    def __init__(self) -> None:
        self.bad_entries = 0
        self.bad_frames = 0
        self._since: float | None = None
        self._last = ("", float("-inf"))
        self._told_in = (0, 0)

    def news(self, status: Status, received: float) -> bool:
        """Whether a fault is to be told: not if the same was told just now, nor if many were."""
        repeated = status.cause == self._last[0] and 0 <= received - self._last[1] < _QUIET
        second = int(received)
        self._told_in = (second, self._told_in[1] + 1 if second == self._told_in[0] else 1)
        if repeated or self._told_in[1] > _MOST:
            return False
        self._last = (status.cause, received)
        return True

    def noted(self, status: Status) -> Status:
        """Remembers a degraded state, so that it ends."""
        self._since = status.time
        return status

    def entries(self, count: int, received: float) -> list[Status]:
        """Tag entries of a report that could not be read."""
        self.bad_entries += count
        return self._told(f"{self.bad_entries} tag entries of its reports could not be read", received)

    def frame(self, error: ProtocolViolation, received: float) -> list[Status]:
        """A whole frame that could not be read."""
        self.bad_frames += 1
        return self._told(f"{self.bad_frames} of its frames could not be read; the last: {error}", received)

    def refused(self, message: Message, received: float) -> Status:
        """An ERROR_MESSAGE nobody waits for."""
        return self.noted(Status(None, "degraded", f"the reader complains: {refusal(message)}", received))

    def healed(self, received: float) -> bool:
        """True once, when nothing has gone wrong for a minute after a fault."""
        if self._since is None or received - self._since < _QUIET:
            return False
        self._since = None
        return True

    def _told(self, cause: str, received: float) -> list[Status]:
        first = self._since is None
        status = self.noted(Status(None, "degraded", cause, received))
        return [status] if first else []
