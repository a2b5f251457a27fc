"""When sent rows go: `keep_sent` after they were sent, or an hour after it where the centre has confirmed them.

Oldest first, in steps that ride in other commits.
"""

from __future__ import annotations

from gateway.outbox.ledger import Ledger
from gateway.outbox.receipts import Mark

STEP = 1000
"""Rows looked at in one transaction."""

KEEP_CONFIRMED = 3600.0
"""Seconds that a confirmed row stays at least: a centre may find out later that it has lost what it had."""

_EVERY = 60.0
_PAUSE = 0.05
_SWEEP_EVERY = 3600.0
_NEVER = float("inf")
_SET = 5.0
"""Seconds by which the clock must jump against a steady one to count as set."""


class Retention:
    """Sweeps up the table, and starts again each hour at the oldest row for what was still pending then."""

    def __init__(self, keep_sent: float) -> None:
        self._keep = keep_sent
        self._sweep_at = 0.0
        self._apart: float | None = None
        self._ahead, self._until = 0.0, 0.0
        self.due = 0.0
        """When the next step is due (monotonic seconds)."""

    def stir(self, now: float) -> None:
        """Something was stored: it will have to go some day."""
        self.due = min(self.due, now + _EVERY)

    def step(self, ledger: Ledger, marks: dict[int, Mark], now: float, wall: float) -> None:
        """A step, if it is due; in the caller's transaction. `marks`, by epoch, say what is confirmed."""
        wall = self._follow(now, wall)
        if now < self.due:
            return
        if now >= self._sweep_at:
            ledger.sweep_again()
            marks.update({epoch: mark._replace(above=mark.base) for epoch, mark in marks.items()})
            self._sweep_at = now + _SWEEP_EVERY
        stored = ledger.counts.stored
        looked, young = ledger.purge(wall - self._keep, STEP)
        left = STEP - looked
        if left:
            left = self._confirmed(ledger, marks, wall - min(self._keep, KEEP_CONFIRMED), left)
        if not left:
            self.due = now if ledger.counts.stored < stored else now + _PAUSE
        elif young is not None:
            self.due = now + min(_EVERY, max(0.1, young + self._keep - wall))
        else:
            self.due = now + _EVERY if ledger.counts.stored else _NEVER

    def _follow(self, now: float, wall: float) -> float:
        """The time by which ages are judged: a clock that is set ahead makes nothing older, while that is kept."""
        before, self._apart = self._apart, wall - now
        if before is not None and self._apart - before > _SET:
            self._ahead += self._apart - before
            self._until = now + self._keep
        if now >= self._until:
            self._ahead = 0.0
        return wall - self._ahead

    @staticmethod
    def _confirmed(ledger: Ledger, marks: dict[int, Mark], before: float, steps: int) -> int:
        """Delete what is confirmed and old enough, looking at `steps` rows; how many looks are left."""
        for epoch, mark in list(marks.items()):
            if steps and mark.above < mark.upto:
                above, looked, young = ledger.purge_run(mark.above, mark.upto, before, steps)
                marks[epoch] = mark._replace(above=mark.upto if looked < steps and young is None else above)
                steps -= looked
        return steps
