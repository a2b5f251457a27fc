"""When sent rows go: `keep_sent` after they were sent, oldest first, in steps that ride in other commits."""

from __future__ import annotations

from gateway.outbox.ledger import Ledger

STEP = 1000
"""Rows looked at in one transaction."""

_EVERY = 60.0
_PAUSE = 0.05
_SWEEP_EVERY = 3600.0
_NEVER = float("inf")


class Retention:
    """Sweeps up the table, and starts again each hour at the oldest row for what was still pending then."""

    def __init__(self, keep_sent: float) -> None:
        self._keep = keep_sent
        self._sweep_at = 0.0
        self.due = 0.0
        """When the next step is due (monotonic seconds)."""

    def stir(self, now: float) -> None:
        """Something was stored: it will have to go some day."""
        self.due = min(self.due, now + _EVERY)

    def step(self, ledger: Ledger, now: float, wall: float) -> None:
        """A step, if it is due; in the caller's transaction."""
        if now < self.due:
            return
        if now >= self._sweep_at:
            ledger.sweep_again()
            self._sweep_at = now + _SWEEP_EVERY
        stored = ledger.counts.stored
        looked, young = ledger.purge(wall - self._keep, STEP)
        if looked == STEP:
            self.due = now if ledger.counts.stored < stored else now + _PAUSE
        elif young is not None:
            self.due = now + min(_EVERY, max(0.1, young + self._keep - wall))
        else:
            self.due = now + _EVERY if ledger.counts.stored else _NEVER
