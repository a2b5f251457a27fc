"""Rows and their states: every statement that changes an event."""

from __future__ import annotations

import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from gateway.model import Draft
from gateway.outbox import bulk
from gateway.outbox.claims import Claims
from gateway.outbox.database import Life, transaction
from gateway.outbox.numbering import Numbering
from gateway.outbox.packing import pack, readable
from gateway.outbox.recent import Recent
from gateway.outbox.values import STATES, Declare, Lane, LossReason, Row, State

PENDING, SENT, CONFIRMED, DEAD = range(4)
_END = 2**63 - 1


class Counts(NamedTuple):
    """Rows by state; `stored` is all there are."""

    stored: int
    pending: int
    dead: int


class Loss(NamedTuple):
    """Sequence numbers that are gone: all from `first` to `last`, or so many of them."""

    epoch: int
    first: int
    last: int
    of: int | None = None


class Ledger:
    """The events of one open outbox. Not thread-safe: its thread is the writer's.

    Statements of many rows say OR FAIL: what breaks one rolls back the transaction, so SQLite need not keep each page
    as it was before the statement.
    """

    def __init__(self, connection: sqlite3.Connection, life: Life, declare: Declare | None) -> None:
        self._sql = connection
        self._life = life
        self._declare = declare
        self._recent = Recent()
        self._dropped = False
        self._last = 0
        self._swept = 0
        self.written = 0
        """Bytes of payloads handed to the file so far, as they are stored."""
        self._prefix = b'{"specversion":"1.0","stream":"%b","epoch":%d,"sequence":"' % (
            life.stream.encode(),
            life.epoch,
        )
        stored = connection.execute("SELECT coalesce(sum(last - gone), 0) FROM epochs").fetchone()[0]
        self.counts = Counts(stored, self._count(PENDING), self._count(DEAD))

    def _count(self, state: int) -> int:
        return int(self._sql.execute(f"SELECT count(*) FROM events WHERE state = {state:d}").fetchone()[0])  # noqa: S608 - a constant, so that the partial index fits

    @property
    def next_rowid(self) -> int:
        return self._life.base + self._last + 1

    @property
    def last(self) -> int:
        """The newest sequence of this epoch."""
        return self._last

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, in the file and in the numbers kept beside it."""
        with ExitStack() as undo:
            undo.callback(self._put_back, self._last, self._swept, self.counts)
            with transaction(self._sql):
                yield
            undo.pop_all()

    def _put_back(self, last: int, swept: int, counts: Counts) -> None:
        self._last, self._swept, self.counts = last, swept, counts

    def append(self, drafts: Iterable[Draft], now: float, clock: str) -> list[Row]:
        """Number the drafts and store them, in their order."""
        epoch, base, last = self._life.epoch, self._life.base, self._last
        prefix, clock_member = self._prefix, b'","clock":"%b",' % clock.encode()
        rows = []
        for last, draft in enumerate(drafts, last + 1):  # noqa: B020 - counts on from the newest
            payload = b"%b%d%b%b}" % (prefix, last, clock_member, draft.body)
            rows.append(Row(base + last, draft.channel, draft.name, last, epoch, now, payload))
        if rows:
            packed = [pack(row.payload) for row in rows]
            self.written += sum(map(len, packed))
            bulk.insert(
                self._sql,
                "INSERT OR FAIL INTO events (id, epoch, sequence, state, stored, changed, crc, channel, name, payload)",
                [
                    (
                        row.rowid,
                        epoch,
                        row.sequence,
                        PENDING,
                        now,
                        now,
                        checksum(row.channel, row.name, row.payload),
                        row.channel,
                        row.name,
                        payload,
                    )
                    for row, payload in zip(rows, packed, strict=True)
                ],
            )
            self._last = last
            stored, pending, dead = self.counts
            self.counts = Counts(stored + len(rows), pending + len(rows), dead)
        return rows

    def settle(self, rowids: Iterable[int], state: int, now: float) -> None:
        """Pending rows become `state`, SENT or CONFIRMED."""
        settled = sum(
            self._sql.execute(
                "UPDATE OR FAIL events SET state = ?, changed = ? WHERE id BETWEEN ? AND ? AND state = 0",
                (state, now, first, last),
            ).rowcount
            for first, last in bulk.runs(rowids)
        )
        stored, pending, dead = self.counts
        self.counts = Counts(stored, pending - settled, dead)

    def bury(self, rowids: Sequence[int], reason: str, now: float, clock: str) -> list[Row]:
        """Pending rows become dead, and their numbers are declared lost in the same transaction."""
        buried: list[tuple[int, int]] = []
        numbering = self._numbering()
        for rowid in sorted(rowids):
            found = self._sql.execute(
                "UPDATE events SET state = 3, changed = ?, reason = ? WHERE id = ? AND state = 0"
                " RETURNING id, epoch, sequence, channel",
                (now, reason, rowid),
            ).fetchone()
            if found is None:
                continue
            stored, pending, dead = self.counts
            self.counts = Counts(stored, pending - 1, dead + 1)
            # A refused declaration is not declared lost in turn: refused again, that would never end.
            if found[3] != "loss" or reason == "corrupt":
                number = numbering.of(*found[:3])
                buried += [] if number is None else [number]
        loss: LossReason = "corrupt" if reason == "corrupt" else "dead-letter"
        return self.declare(runs(buried), loss, now, clock)

    def declare(self, gone: Iterable[Loss], reason: LossReason, now: float, clock: str) -> list[Row]:
        """Store a `loss` message for each run of numbers."""
        if self._declare is None:
            return []
        drafts = [
            self._declare(
                self._life.streams[run.epoch],
                run.epoch,
                run.first,
                run.last,
                count=run.last - run.first + 1 if run.of is None else run.of,
                reason=reason,
                time=now,
            )
            for run in gone
        ]
        return self.append(drafts, now, clock)

    def committed(self, rows: Sequence[Row]) -> None:
        """These rows are in the file now; they may be claimed without reading them back."""
        if self._dropped:  # some of these are gone again
            self._recent, self._dropped = Recent(), False
        else:
            self._recent.add(rows)

    def revive(self, rowids: Sequence[int], now: float) -> int:
        """Rows of any other state become pending again, with the ids and numbers they have."""
        for rowid in rowids:
            was = self._sql.execute("SELECT state FROM events WHERE id = ?", (rowid,)).fetchone()
            if was is None or was[0] == PENDING:
                continue
            self._sql.execute("UPDATE events SET state = 0, changed = ?, reason = NULL WHERE id = ?", (now, rowid))
            stored, pending, dead = self.counts
            self.counts = Counts(stored, pending + 1, dead - (was[0] == DEAD))
        return len(rowids)

    def claim(self, claims: Claims, lane: Lane, rows: int, size: int) -> tuple[list[Row], list[int]]:
        """The lane's next pending rows, at most `rows` and `size` bytes (one at least), and the damaged ones met."""
        if rows < 1:
            return [], []
        after, before = claims.bounds(lane)
        taken = self._recent.after(after, rows, size) if lane == "live" else []
        if taken:
            claims.take(lane, [row.rowid for row in taken])
            return taken, []
        bad: list[int] = []
        total = 0
        with closing(
            self._sql.execute(
                "SELECT id, channel, name, sequence, epoch, stored, payload, crc FROM events"
                " WHERE state = 0 AND id > ? AND id < ? ORDER BY id",
                (after, before),
            )
        ) as found:
            for rowid, channel, name, sequence, epoch, stored, packed, crc in found:
                row = Row(rowid, channel, name, sequence, epoch, stored, readable(packed))
                if not claims.free(row.rowid):
                    continue
                if taken and (len(taken) >= rows or total + len(row.payload) > size):
                    break
                claims.take(lane, (row.rowid,))
                if crc != checksum(row.channel, row.name, row.payload):
                    bad.append(row.rowid)
                    continue
                taken.append(row)
                total += len(row.payload)
        return taken, bad

    def purge(self, before: float, steps: int) -> tuple[int, float | None]:
        """Delete rows sent at or before that time, oldest first, looking at `steps` rows.

        Gives how many it looked at, and, when it met a sent row that is too young, the time that one was sent.
        """
        self._swept, looked, young = self.purge_run(self._swept, _END, before, steps)
        return looked, young

    def purge_run(self, above: int, upto: int, before: float, steps: int) -> tuple[int, int, float | None]:
        """The same for the rows above a row id up to another; first, the row id up to which it has looked."""
        looked, young = 0, None
        low = above
        for rowid, state, changed in self._sql.execute(
            "SELECT id, state, changed FROM events WHERE id > ? AND id <= ? ORDER BY id LIMIT ?", (above, upto, steps)
        ).fetchall():
            if state in {SENT, CONFIRMED} and changed > before:
                young = changed
                break
            looked, above = looked + 1, rowid
        deleted = self._sql.execute(
            "DELETE FROM events WHERE id > ? AND id <= ? AND state IN (1, 2) RETURNING id, epoch, sequence",
            (low, above),
        ).fetchall()
        if deleted:
            numbering = self._numbering()
            gone = Counter(number[0] for row in deleted if (number := numbering.of(*row)) is not None)
            self._sql.execute("UPDATE epochs SET last = max(last, ?) WHERE epoch = ?", (self._last, self._life.epoch))
            self._sql.executemany(
                "UPDATE epochs SET gone = gone + ? WHERE epoch = ?", [(count, epoch) for epoch, count in gone.items()]
            )
            stored, pending, dead = self.counts
            self.counts = Counts(stored - len(deleted), pending, dead)
        return above, looked, young

    def pending_after(self, rowid: int, most: int) -> list[tuple[int, str]]:
        """The next pending rows above a row id, with their channels."""
        return self._sql.execute(
            "SELECT id, channel FROM events WHERE state = 0 AND id > ? ORDER BY id LIMIT ?", (rowid, most)
        ).fetchall()

    def drop(self, rowids: Sequence[int], reason: LossReason, now: float, clock: str) -> list[Row]:
        """Delete pending rows, declared in the same transaction: one declaration for those of an epoch."""
        if not rowids:
            return []
        gone: dict[int, list[int]] = {}
        numbering = self._numbering()
        deleted = 0
        for first, last in bulk.runs(rowids):
            for row in self._sql.execute(
                "DELETE FROM events WHERE id BETWEEN ? AND ? AND state = 0 RETURNING id, epoch, sequence", (first, last)
            ).fetchall():
                deleted += 1
                if (number := numbering.of(*row)) is not None:
                    gone.setdefault(number[0], []).append(number[1])
        losses = []
        for epoch, numbers in gone.items():
            self._sql.execute(
                "UPDATE epochs SET gone = gone + ?, last = max(last, ?) WHERE epoch = ?",
                (len(numbers), max(numbers), epoch),
            )
            losses.append(Loss(epoch, min(numbers), max(numbers), len(numbers)))
        stored, pending, dead = self.counts
        self.counts = Counts(stored - deleted, pending - deleted, dead)
        self._dropped = self._dropped or deleted > 0
        return self.declare(losses, reason, now, clock)

    def _numbering(self) -> Numbering:
        return Numbering(self._sql, self._life.epoch)

    def sweep_again(self) -> None:
        """The next purge starts at the oldest row."""
        self._swept = 0

    def oldest_pending(self) -> float | None:
        found = self._sql.execute("SELECT stored FROM events WHERE state = 0 ORDER BY id LIMIT 1").fetchone()
        return None if found is None else float(found[0])


def state_number(name: State) -> int:
    return STATES.index(name)


def checksum(channel: str, name: str | None, payload: bytes) -> int:
    """CRC-32 (zlib) over the topic and the payload: a flipped bit neither corrupts an event nor misroutes it."""
    return zlib.crc32(payload, _seed(channel, name))


def is_whole(crc: int, channel: str, name: str | None, stored: bytes) -> bool:
    """Whether a row's event is what it was; a flipped bit may even have changed a value's type."""
    try:
        return crc == checksum(channel, name, readable(stored))
    except (TypeError, AttributeError):
        return False


@lru_cache(maxsize=4096)
def _seed(channel: str, name: str | None) -> int:
    return zlib.crc32(f"{channel}/{name or ''}".encode())


def runs(numbers: Sequence[tuple[int, int]]) -> list[Loss]:
    """(epoch, sequence) pairs, in order, as runs without holes."""
    if not numbers:
        return []
    starts = [0, *(at for at, (one, two) in enumerate(pairwise(numbers), 1) if two != (one[0], one[1] + 1))]
    ends = [*(start - 1 for start in starts[1:]), len(numbers) - 1]
    return [Loss(numbers[a][0], numbers[a][1], numbers[b][1]) for a, b in zip(starts, ends, strict=True)]
