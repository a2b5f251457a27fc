"""What goes when the quota is nearly used up: first what was sent, then what each channel's policy says.

At 85 % confirmed rows go, then sent ones, whatever their age. At 95 % a channel drops its oldest pending events, or
takes no new ones, declared in the same transaction; or it keeps all, and new events wait in memory when it is full.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence

from gateway.outbox.claims import Claims
from gateway.outbox.ledger import Counts, Ledger
from gateway.outbox.receipts import Mark
from gateway.outbox.room import Room
from gateway.outbox.values import Row

RELIEF, LAST = 0.85, 0.95
"""Shares of the quota."""

STEP = 1000
"""Rows looked at in one transaction."""

_LOOK_EVERY = 0.25
_MINUTE = 60.0
_MINUTES = 10
_NEVER = float("inf")


class Quota:
    """Rides in the writer's commits. `policies` by channel: keep, drop_oldest or refuse."""

    def __init__(self, room: Room, claims: Claims, policies: Mapping[str, str]) -> None:
        self._room = room
        self._claims = claims
        self._oldest = {channel for channel, policy in policies.items() if policy == "drop_oldest"}
        self._newest = {channel for channel, policy in policies.items() if policy == "refuse"}
        self._look_at = 0.0
        self._share = 0.0
        self._cursor = 0
        self._past: deque[tuple[float, int]] = deque(maxlen=_MINUTES)

    @property
    def tight(self) -> bool:
        """Whether policies apply: declarations may use their reserve."""
        return self._share >= LAST

    def look(self, now: float) -> None:
        """How much is used: a few times a second."""
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            self._share = self._room.used() / self._room.most

    def step(self, ledger: Ledger, marks: dict[int, Mark], new: Sequence[Row], wall: float, clock: str) -> list[Row]:
        """Make some room, if it is due, in the caller's transaction; the declarations made. `new` was just stored."""
        if self._share < RELIEF:
            return []
        self._look_at = 0.0
        if self._sent(ledger, marks) or self._share < LAST:
            return []
        refused = [row.rowid for row in new if row.channel in self._newest]
        return ledger.drop(self._pending(ledger), "full", wall, clock) + ledger.drop(refused, "refused", wall, clock)

    @staticmethod
    def _sent(ledger: Ledger, marks: dict[int, Mark]) -> bool:
        """Delete a step of confirmed rows, else of sent ones; whether there were any."""
        stored = ledger.counts.stored
        for epoch, mark in marks.items():
            if mark.above < mark.upto and ledger.counts.stored == stored:
                above, looked, _ = ledger.purge_run(mark.above, mark.upto, _NEVER, STEP)
                marks[epoch] = mark._replace(above=above if looked == STEP else mark.upto)
        if ledger.counts.stored == stored and stored > ledger.counts.pending + ledger.counts.dead:
            looked, _ = ledger.purge(_NEVER, STEP)
            if looked < STEP:
                ledger.sweep_again()
        return ledger.counts.stored < stored

    def free(self, ledger: Ledger, needed: int) -> None:
        """Delete what was sent, whatever its age, a step a transaction, until there is room for twice so many bytes."""
        ledger.sweep_again()
        looked, enough = STEP, max(2 * needed, self._room.quota // 16)
        while looked == STEP and self._room.free_inside() < enough:
            with ledger.transaction():
                looked, _ = ledger.purge(_NEVER, STEP)

    def _pending(self, ledger: Ledger) -> list[int]:
        """The oldest pending events of channels that drop these, and that nobody has in hand."""
        if not self._oldest:
            return []
        found = ledger.pending_after(self._cursor, STEP)
        self._cursor = found[-1][0] if len(found) == STEP else 0
        return [rowid for rowid, channel in found if channel in self._oldest and self._claims.free(rowid)]

    def hours(self, now: float, counts: Counts, appended: int) -> float | None:
        """How long what is free, and what was sent, would last at the rate of the last minutes; None while unknown."""
        if not self._past or now - self._past[-1][0] >= _MINUTE:
            self._past.append((now, appended))
        since, before = self._past[0]
        if now - since < _MINUTE or appended == before or not counts.stored:
            return None
        used = self._room.used()
        free = self._room.most - used * (counts.pending + counts.dead) / counts.stored
        rate = (appended - before) / (now - since) * used / counts.stored
        return max(0.0, free / rate / 3600.0)
