"""The writer's thread: it owns the connection, gathers works into commits, and tells the event loop."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeVar

from gateway.model import Work
from gateway.outbox import database, queries
from gateway.outbox.batch import Batch
from gateway.outbox.claims import Claims
from gateway.outbox.host_clock import HostClock
from gateway.outbox.ledger import Ledger, state_number
from gateway.outbox.mailbox import GROUP, Mailbox
from gateway.outbox.news import Committed, Opened, Plan
from gateway.outbox.presence import LINGER, Key, Presence
from gateway.outbox.quota import Quota
from gateway.outbox.receipts import Receipts
from gateway.outbox.recovery import recovering
from gateway.outbox.restore import Restoring
from gateway.outbox.retention import Retention
from gateway.outbox.room import Room, is_full, size_of
from gateway.outbox.salvage import Chunk
from gateway.outbox.values import (
    EpochState,
    Lane,
    OutboxError,
    OutboxFailed,
    OutboxStats,
    Receipt,
    Row,
    Selection,
    State,
    Verdict,
)
from gateway.outbox.wal import Wal

T = TypeVar("T")

SETTLE_LINGER = 1.0
"""Seconds a settlement may wait for company."""

RETRY = 1.0
"""Seconds between attempts while there is no room."""

_ALL = 1 << 30
_CLOSE_GRACE = 5.0
_NEVER = float("inf")


class Writer:
    """All methods but `__init__` run in the thread. `tell` takes what the event loop is to run."""

    def __init__(self, plan: Plan, mailbox: Mailbox, tell: Callable[[Callable[[], None]], None]) -> None:
        self._plan = plan
        self._mailbox = mailbox
        self._tell = tell
        self._batch = Batch(mailbox)
        self._settle_most = _ALL
        self._burials: list[tuple[list[int], str]] = []
        self._works_due = self._settle_due = self._bury_due = self._retry_at = _NEVER
        self._retention = Retention(plan.settings.keep_sent)
        self._seen: dict[Key, float] = {}
        self._cause: str | None = None
        self._clock = HostClock(plan.clock_state)
        self._appended = self._commits = self._corrupt = 0

    def run(self, opened: Callable[[Opened], None], committed: Callable[[Committed], None]) -> None:
        """Open, serve until closed, close. What it raises has cost nothing that was committed."""
        self._committed = committed
        with recovering(self._plan) as (connection, self._recovery):
            self._open(connection, opened)
            while not self._mailbox.closing:
                self._turn()
            self._drain()
            self._wal.checkpoint(connection, "TRUNCATE")
            self._recovery.mark(self._ledger, _NEVER)

    def _open(self, connection: sqlite3.Connection, opened: Callable[[Opened], None]) -> None:
        plan = self._plan
        self._sql = connection
        queries.prepare(connection)
        self._room = Room(plan.folder, connection, plan.settings.max_size)
        self._wal = Wal(plan.folder / f"{database.FILE}-wal", self._room.page, self._room.wal_size)
        life = self._recovery.begin(self._room)
        database.sync_folder(plan.folder)
        self._ledger = Ledger(connection, life, plan.declare)
        self._life = life
        self._receipts = Receipts(connection, self._ledger, life)
        self._claims = Claims(self._ledger.next_rowid)
        self._quota = Quota(self._room, self._claims, plan.settings.when_full)
        room = self._room.restore()
        self._batch.allow(self._room.wal_size // 4096)
        self._presence = Presence(connection)
        news = Opened(life, self._recovery.present(self._presence), self._stats(), self._recovery.fresh)
        self._tell(lambda: opened(news))
        self._receipts.losses = self._recovery.losses
        self._bury_due = 0.0 if self._receipts.losses else _NEVER
        self._saved = Restoring(connection, self._ledger, life, self._claims, self._room, plan.clock)
        self._recovery.save(self._restore, self._mailbox)
        if room:  # after the telling: nobody has to wait for it
            self._wal.lay()

    def _turn(self) -> None:
        mailbox = self._mailbox
        now = time.monotonic()
        due = min(self._due(now), self._recovery.due(self._ledger.last))
        mailbox.wait(None if due == _NEVER else max(0.0, due - now))
        now = time.monotonic()
        self._note(now)
        self._obey()
        if self._cause is not None and now >= self._retry_at:
            self._relieve(now)
        if self._due(now) <= now:
            self._commit(now)
        if self._recovery.due(self._ledger.last) <= now:
            self._recovery.mark(self._ledger, now)

    def _obey(self) -> None:
        while self._mailbox.commands:
            self._mailbox.commands.popleft()()

    def _due(self, now: float) -> float:
        """When there is something to do."""
        self._note(now)
        if self._cause is not None:
            return min(self._retry_at, self._settle_due, self._bury_due)
        return min(self._works_due, self._settle_due, self._bury_due, self._presence.due, self._retention.due)

    def _note(self, now: float) -> None:
        """Start the linger of what has begun to wait."""
        mailbox = self._mailbox
        if mailbox.works or self._batch:
            self._works_due = min(self._works_due, now + (self._plan.settings.linger if mailbox.urgent else LINGER))
            if len(mailbox.works) >= GROUP or mailbox.hurried:
                self._works_due = now
        if mailbox.settled:
            self._settle_due = min(self._settle_due, now + (0.0 if mailbox.hurried else SETTLE_LINGER))
        mailbox.hurried = mailbox.hurried and bool(mailbox.works or mailbox.settled)

    def _commit(self, now: float, *, works: bool = True) -> None:
        """One transaction with all that waits; without room the works wait on, and what frees room goes alone."""
        works = works and self._cause is None
        batch = self._gather() if works else ()
        if batch and not self._room.admits(size_of(batch)):
            self._no_room(now, batch)
            return
        try:
            rows = self._write(batch, now)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            self._no_room(now, batch)
            return
        if works:
            self._batch.stored()
            self._works_due = _NEVER
            self._note(now)
            self._retention.stir(now)
        self._report(batch, rows)
        self._keep_wal_short(now)

    def _gather(self) -> tuple[Work, ...]:
        batch = self._batch.gather(self._wal.left)
        if self._batch.cut and self._wal.checkpoint(self._sql, "PASSIVE"):  # two small commits cost more
            batch = self._batch.gather(self._wal.left)
        return batch

    def _keep_wal_short(self, now: float) -> None:
        if self._wal.due and not self._wal.checkpoint(self._sql, "PASSIVE"):
            # At once: the ballast is no larger than what half of the log may need in the file.
            self._no_room(now, ())

    def _write(self, batch: tuple[Work, ...], now: float) -> list[Row]:
        ledger, wall = self._ledger, self._plan.clock()
        state = self._clock.state(now, wall)
        settled = list(islice(self._mailbox.settled, self._settle_most)) if self._settling(now) else []
        if settled and self._cause is not None:
            self._retry_at = now  # what was settled can be deleted
        if batch or settled or self._mailbox.closing:
            self._seen.update(self._mailbox.take_seen())
        self._quota.look(now)
        declaring = bool(self._burials or self._receipts.losses or self._quota.tight)
        if declaring:
            self._room.limit(reserve=True)
        try:
            with self._presence.transaction(), ledger.transaction():
                for rowids, name in settled:
                    ledger.settle(rowids, state_number(name), wall)
                rows = ledger.append((draft for work in batch for draft in work.drafts), wall, state)
                self._presence.apply(batch, now, closing=self._mailbox.closing)
                self._presence.touch(self._seen)
                for buried, reason in self._burials:
                    rows += ledger.bury(buried, reason, wall, state)
                rows += self._receipts.write(wall, state)
                rows += self._quota.step(ledger, self._receipts.marks, rows, wall, state)
                self._retention.step(ledger, self._receipts.marks, now, wall)
        finally:
            if declaring:
                self._room.limit(reserve=False)
        ledger.committed(rows)
        self._commits += bool(rows or settled or batch)
        self._seen.clear()
        self._forget(settled)
        self._wal.note(len(rows), ledger.written, sum(len(rowids) for rowids, _ in settled))
        return rows

    def _settling(self, now: float) -> bool:
        """Settlements ride when most of their time is over: fewer pages are written twice."""
        return now >= self._settle_due - SETTLE_LINGER / 4 or self._cause is not None or self._mailbox.closing

    def _forget(self, settled: list[tuple[Sequence[int], State]]) -> None:
        """What is committed is no longer waiting, nor in anybody's hands."""
        for _ in settled:
            self._claims.forget(self._mailbox.settled.popleft()[0])
        if settled:
            self._settle_due = _NEVER
            self._settle_most = min(2 * self._settle_most, _ALL)
        for rowids, _ in self._burials:
            self._claims.forget(rowids)
        self._burials.clear()
        self._receipts.written()
        self._bury_due = _NEVER

    def _no_room(self, now: float, batch: tuple[Work, ...]) -> None:
        """Keep the works, in order, and try again with half of them."""
        self._cause = self._room.cause(size_of(batch or self._batch.works))
        first = self._retry_at == _NEVER
        self._retry_at = now if first else now + RETRY
        self._settle_due = now + RETRY if self._mailbox.settled else _NEVER
        self._bury_due = now + RETRY if self._burials or self._receipts.losses else _NEVER
        self._settle_less()
        if batch:
            self._batch.halve()
        self._mailbox.urgent = True
        if not first:  # deleting what was sent may help at once: nothing to tell of, then
            self._report((), [])

    def _settle_less(self) -> bool:
        """Half as many settlements a transaction: their pages need room, too. False when they cannot be fewer."""
        tried = min(self._settle_most, len(self._mailbox.settled))
        self._settle_most = max(1, tried // 2)
        return tried > 1

    def _relieve(self, now: float) -> None:
        """Make room: settle, delete what was sent, empty the WAL; then, if it may have helped, let the works in."""
        self._retry_at = now + RETRY
        needed = size_of(self._batch.works)
        if not self._room.by_quota(needed):
            self._room.give_up()
        try:
            self._empty(now, needed)
            admitted = self._room.admits(needed)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            self._room.give_up()
            admitted = False
            if self._settle_less():
                self._retry_at = now
        if admitted:
            self._admit(now)
            return
        if self._batch.halve():
            self._retry_at = now
        self._report((), [])

    def _empty(self, now: float, needed: int) -> None:
        self._wal.restart(self._sql)
        self._write((), now)
        self._quota.free(self._ledger, needed)
        self._wal.restart(self._sql)

    def _admit(self, now: float) -> None:
        """Try the works again; room is there when one commit succeeds."""
        self._cause = None
        self._commit(now)
        if self._cause is None:
            self._batch.as_many_as_ever()
            self._settle_most = _ALL
            self._retry_at = _NEVER

    def _drain(self) -> None:
        """All that was put is stored before the end; without room it tries for a while, then says what is lost."""
        deadline = time.monotonic() + _CLOSE_GRACE
        self._obey()
        self._note(time.monotonic())
        self._commit(time.monotonic())
        while self._mailbox.works or self._batch:
            now = time.monotonic()
            if self._cause is None:
                self._commit(now)
            elif now >= deadline:
                left = len(self._mailbox.works) + len(self._batch)
                raise OutboxFailed(f"{left} works could not be stored before the end: {self._cause}")
            else:
                self._mailbox.wait(0.1)
                if now >= self._retry_at:
                    self._relieve(now)

    def _stats(self) -> OutboxStats:
        stored, pending, dead = self._ledger.counts
        return OutboxStats(
            pending=pending,
            sent=stored - pending - dead,
            dead=dead,
            stored=stored,
            appended=self._appended,
            commits=self._commits,
            corrupt=self._corrupt,
            confirmed=self._receipts.confirmed,
            oldest_pending=self._ledger.oldest_pending(),
            bytes=self._room.used(),
            quota=self._room.quota,
            saved=self._recovery.told,
            hours=self._quota.hours(time.monotonic(), self._ledger.counts, self._appended),
            full=self._cause is not None,
            cause=self._cause,
        )

    def _report(self, works: tuple[Work, ...], rows: list[Row], *, waiting: bool = False) -> None:
        self._appended += len(rows)
        news = Committed(works, rows, self._stats(), bool(rows) or waiting)
        self._tell(lambda: self._committed(news))

    # Commands: each runs between two commits.

    def begin_live(self) -> None:
        """The live lane starts with the next event stored."""
        self._claims.begin_live(self._ledger.next_rowid)
        self._report((), [], waiting=True)

    def claim(self, lane: Lane, rows: int, size: int) -> list[Row]:
        """Rows of a lane; damaged ones are buried with the next commit, at once."""
        taken, bad = self._ledger.claim(self._claims, lane, rows, size)
        if bad:
            self._corrupt += len(bad)
            self.bury(bad, "corrupt")
        self._receipts.handed(taken)
        return taken

    def acknowledge(self, receipt: Receipt) -> Verdict:
        """What the centre has: it is written with the next commit; what is gone is declared at once."""
        verdict = self._receipts.take(receipt)
        if self._receipts.losses:
            self._bury_due = 0.0
        return verdict

    def release(self, rowids: list[int]) -> None:
        self._claims.give_back(rowids)
        self._report((), [], waiting=True)

    def bury(self, rowids: list[int], reason: str) -> None:
        self._burials.append((rowids, reason))
        self._bury_due = 0.0

    def resend(self, selection: Selection) -> int:
        """Rows of the selection pending again, committed when this returns."""
        self._commit(time.monotonic(), works=False)
        rowids = queries.selected(self._sql, selection)
        try:
            with self._ledger.transaction():
                self._ledger.revive(rowids, self._plan.clock())
        except sqlite3.OperationalError as error:
            if is_full(error):
                raise OutboxError(f"nothing was resent: {self._room.cause(size_of(self._batch.works))}") from None
            raise
        for rowid in rowids:
            self._claims.reopen(rowid)
        self._report((), [], waiting=True)
        return len(rowids)

    def _restore(self, chunk: Chunk) -> bool:
        """Take what was saved of a damaged file; False where there is no room for it."""
        now = time.monotonic()
        rows = self._saved(chunk, self._clock.state(now, self._plan.clock()))
        if rows is not None:
            self._ledger.committed(rows)
            self._wal.note(len(chunk.rows) + len(rows), self._ledger.written, 0)
            self._report((), rows, waiting=True)
            self._keep_wal_short(now)
        return rows is not None

    def look(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Answer a question that changes nothing."""
        return question(self._sql)

    def epochs(self) -> list[EpochState]:
        return queries.epochs(self._sql, self._life.epoch, self._ledger.last)
