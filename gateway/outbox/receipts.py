"""What the centre says it has: checked against what was issued and sent, and kept as one number an epoch.

A centre gone wrong cannot touch a row: what it says shortens how long sent rows stay, and which of them are sent again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gateway.outbox.database import Life
from gateway.outbox.ledger import DEAD, PENDING, Ledger, Loss, is_whole
from gateway.outbox.runs import MOST, Runs
from gateway.outbox.values import LossReason, Receipt, Row, Verdict

LOOKS = 2000
"""Rows looked at for one receipt: what lies beyond is answered when the centre asks again."""


class _Epoch(NamedTuple):
    base: int
    last: int
    confirmed: int


class Mark(NamedTuple):
    """Sent rows of an epoch, above row id `base` and up to `upto`, are confirmed; those up to `above` were swept."""

    base: int
    above: int
    upto: int


class Receipts:
    """The books on what the centre has. Not thread-safe: its thread is the writer's."""

    def __init__(self, connection: sqlite3.Connection, ledger: Ledger, life: Life) -> None:
        self._sql = connection
        self._ledger = ledger
        self._life = life
        self._sent = Runs()
        # What earlier runs left pending may have been on its way when they ended.
        self._sent.add(1, life.base)
        self._answered = Runs()
        self._new: dict[int, int] = {}
        self.losses: list[tuple[Loss, LossReason]] = []
        """What is to be declared because the centre asked for it and it is gone."""
        self.marks: dict[int, Mark] = {
            epoch: Mark(base, base, base + confirmed)
            for epoch, base, confirmed in connection.execute(
                "SELECT epoch, base, confirmed FROM epochs WHERE confirmed > 0 AND last > gone"
            )
        }

    @property
    def confirmed(self) -> int:
        """The present epoch's number up to which the centre has everything."""
        mark = self.marks.get(self._life.epoch)
        return 0 if mark is None else mark.upto - mark.base

    def handed(self, rows: Sequence[Row]) -> None:
        """These rows, a claim in its order, are about to be sent."""
        if rows:
            self._sent.add(rows[0].rowid, rows[-1].rowid)

    def take(self, receipt: Receipt) -> Verdict:
        """Believe a receipt, or say why not."""
        if receipt.stream != self._life.stream:
            return Verdict(f"it is for the stream {receipt.stream!r}, and this one is {self._life.stream!r}")
        known = self._epoch(receipt.epoch)
        if known is None:
            if receipt.epoch < self._life.epoch:
                return Verdict("", known=False)
            return Verdict(f"epoch {receipt.epoch} has never begun, this one is {self._life.epoch}")
        missing = sorted(receipt.missing)
        top = max(receipt.upto, *(last for _, last in missing), 0)
        if top > known.last:
            return Verdict(f"number {top} of epoch {receipt.epoch} was never issued, the last one is {known.last}")
        unsent = self._unsent(known, receipt.upto, missing)
        if unsent is not None:
            return Verdict(f"number {unsent} of epoch {receipt.epoch} was never sent")
        self._confirm(receipt.epoch, known, min([receipt.upto, *(first - 1 for first, _ in missing)]))
        looks = LOOKS
        for first, last in missing:
            looks -= self._answer(receipt.epoch, known, max(first, 1), last, looks)
        return Verdict(None, tuple((known.base + max(first, 1), known.base + last) for first, last in missing))

    def _epoch(self, epoch: int) -> _Epoch | None:
        found = self._sql.execute(
            "SELECT base, last, confirmed FROM epochs JOIN streams ON streams.id = epochs.stream"
            " WHERE epoch = ? AND name = ?",
            (epoch, self._life.stream),
        ).fetchone()
        if found is None:
            return None
        base, last, confirmed = found
        if epoch == self._life.epoch:
            last = max(last, self._ledger.last)
        return _Epoch(base, last, max(confirmed, self._new.get(epoch, 0)))

    def _unsent(self, known: _Epoch, upto: int, missing: Sequence[tuple[int, int]]) -> int | None:
        """The first number the centre cannot have: pending, and never handed out to be sent."""
        for first, last in _between(known.confirmed + 1, upto, missing):
            for low, high in self._sent.outside(known.base + first, known.base + last):
                pending = self._pending(low, high)
                if pending is not None:
                    return pending - known.base
        return None

    def _pending(self, low: int, high: int) -> int | None:
        """The first pending row id of `low` to `high`."""
        found = self._sql.execute(
            "SELECT id FROM events WHERE state = 0 AND id >= ? AND id <= ? ORDER BY id LIMIT 1", (low, high)
        ).fetchone()
        return None if found is None else int(found[0])

    def _confirm(self, epoch: int, known: _Epoch, upto: int) -> None:
        if upto <= known.confirmed:
            return
        pending = self._pending(known.base + known.confirmed + 1, known.base + upto)
        if pending is not None:  # on its way, and not acknowledged by the broker
            upto = pending - known.base - 1
        if upto > known.confirmed:
            self._new[epoch] = upto
            above = self.marks[epoch].above if epoch in self.marks else known.base
            self.marks[epoch] = Mark(known.base, above, known.base + upto)

    def _answer(self, epoch: int, known: _Epoch, first: int, last: int, looks: int) -> int:
        """Note what of `first` to `last` is gone or given up, once: to be declared. How many rows it looked at."""
        at, end = known.base + first, known.base + last
        found = self._sql.execute(
            "SELECT id, state, crc, channel, name, payload FROM events WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?",
            (at, end, looks),
        ).fetchall()
        for rowid, state, *row in found:
            self._gone(epoch, known.base, at, rowid - 1, "full")
            if state == DEAD:
                self._gone(epoch, known.base, rowid, rowid, "dead-letter")
            elif state != PENDING and not is_whole(*row):
                self._gone(epoch, known.base, rowid, rowid, "corrupt")
            at = rowid + 1
        if len(found) < looks:
            self._gone(epoch, known.base, at, end, "full")
        return len(found)

    def _gone(self, epoch: int, base: int, first: int, last: int, reason: LossReason) -> None:
        for low, high in list(self._answered.outside(first, last)):
            if len(self._answered) >= MOST:
                return  # a centre that asks for every other number it was told: it has had its answers
            self._answered.add(low, high)
            self.losses.append((Loss(epoch, low - base, high - base), reason))

    def write(self, now: float, clock: str) -> list[Row]:
        """Put down what is new, in the caller's transaction; the declarations among it."""
        if self._new:
            self._sql.executemany(
                "UPDATE epochs SET confirmed = max(confirmed, ?) WHERE epoch = ?",
                [(upto, epoch) for epoch, upto in self._new.items()],
            )
        # What an earlier epoch has lost at its end was issued all the same.
        self._sql.executemany(
            "UPDATE epochs SET gone = gone + max(0, ?1 - last), last = max(last, ?1) WHERE epoch = ?2 AND epoch < ?3",
            [(loss.last, loss.epoch, self._life.epoch) for loss, _ in self.losses],
        )
        return [row for loss, reason in self.losses for row in self._ledger.declare([loss], reason, now, clock)]

    def written(self) -> None:
        """That transaction was committed."""
        self._new.clear()
        self.losses.clear()


def _between(first: int, last: int, holes: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """`first` to `last` without the holes, which are in order and may overlap."""
    for low, high in holes:
        if first < low:
            yield first, min(low - 1, last)
        first = max(first, high + 1)
    if first <= last:
        yield first, last
