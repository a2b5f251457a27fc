"""How fast a source may post: a bucket that fills with its rate. Pure: the caller has the clock."""

from __future__ import annotations

SPAN = 10.0
"""Seconds of its rate that a source may post at once."""
COST = 100
"""Bytes of a body that count as one read: what is refused costs as much as what is taken."""


class Bucket:
    """A post is let in while the bucket holds one read, and then pays for its length, on credit if need be."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self._most = max(1.0, rate * SPAN)
        self._level = self._most
        self._time = now

    def wait(self, now: float) -> float:
        """Seconds until the next post is let in; 0 is at once."""
        self._level = min(self._most, self._level + (now - self._time) * self.rate)
        self._time = now
        return max(0.0, (1.0 - self._level) / self.rate)

    def pay(self, size: int) -> None:
        """A post of so many bytes came."""
        # What a body of the largest size costs is waited for at most a hundred spans.
        self._level = max(self._level - max(1.0, size / COST), -100 * self._most)
