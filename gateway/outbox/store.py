"""The outbox as the event loop sees it: put, claim, settle, and what waits for whom."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

from gateway.config import site
from gateway.model import Present, Sighting, Work
from gateway.outbox import database, queries
from gateway.outbox.futures import finish, refuse, resolve
from gateway.outbox.host_clock import ClockState, clock_state
from gateway.outbox.lock import exclusive
from gateway.outbox.machine import machine
from gateway.outbox.mailbox import Mailbox
from gateway.outbox.news import Committed, Opened, Plan
from gateway.outbox.values import (
    Declare,
    Entry,
    EpochState,
    Lane,
    OutboxError,
    OutboxFailed,
    OutboxLocked,
    OutboxStats,
    Receipt,
    Row,
    Selection,
    State,
    Verdict,
)
from gateway.outbox.writer import Writer

__all__ = [
    "Entry",
    "EpochState",
    "Outbox",
    "OutboxError",
    "OutboxFailed",
    "OutboxLocked",
    "OutboxStats",
    "Row",
    "Selection",
    "open_outbox",
]

T = TypeVar("T")

_EARLY = 1.0
"""Seconds by which an event's id may be newer than the time it was stored at."""


@asynccontextmanager
async def open_outbox(
    folder: Path,
    segment: str,
    settings: site.Outbox,
    *,
    machine_id: str | None = None,
    identity: str = "",
    clock: Callable[[], float] = time.time,
    declare: Declare | None = None,
    clock_state: Callable[[float], ClockState] = clock_state,
) -> AsyncIterator[Outbox]:
    """The outbox in a segment's folder (`{state_dir}/{segment}`, made if need be), held by nobody else meanwhile.

    `OutboxLocked` if somebody holds it, `OutboxError` if the file is not ours. When it can no longer write, the body is
    cancelled and `OutboxFailed` comes out. `declare` makes `loss` messages, in another thread: give it a composer of
    its own; without it a lost row is counted and kept, not declared. `clock_state` says, in that thread, how
    good the time is that an event is stored at. A stream is one machine's, and one `identity`'s: who its events say
    that they are from.
    """
    try:
        await asyncio.to_thread(database.prepare, folder)
    except OSError as error:
        who = "the user the gateway runs as must own this folder, and be able to write there"
        raise OutboxError(f"{folder}: {error.strerror}; {who}") from error
    if machine_id is None:
        machine_id = await asyncio.to_thread(machine)
    plan = Plan(folder, segment, machine_id, settings, clock, declare, clock_state, identity)
    with exclusive(folder, clock()):
        outbox = Outbox(plan)
        async with outbox.held():
            yield outbox


class Outbox:
    """The durable queue of one segment. All methods belong to the event loop that opened it."""

    def __init__(self, plan: Plan) -> None:
        self._loop = asyncio.get_running_loop()
        self._folder = plan.folder
        self._mailbox = Mailbox()
        self._writer = Writer(plan, self._mailbox, self._tell)
        self._progress = asyncio.Event()
        self._claimable = asyncio.Event()
        self._listeners: list[Callable[[Sequence[Row]], None]] = []
        self._present: list[Present] = []
        self._waiting: set[asyncio.Future[object]] = set()
        self._error: OutboxFailed | None = None
        self._open = False
        self._aborted = False
        self._put = 0
        self._last = 0
        self._marks: dict[int, asyncio.Future[int]] = {}
        self.backlog = 0
        """Works put and not yet committed."""
        self.stream = ""
        self.previous_stream: str | None = None
        self.epoch = 0
        self.fresh = False
        """Whether the file is new, so that what was present before is not known."""
        self.stats = OutboxStats()
        """As of the last commit; costs nothing to look at."""

    # The life of it.

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Run the writer's thread; on the way out everything put is stored and the file closed."""
        owner = asyncio.current_task()
        assert owner is not None
        executor = ThreadPoolExecutor(1, thread_name_prefix="outbox")
        ready: asyncio.Future[None] = self._loop.create_future()
        done = self._loop.run_in_executor(executor, self._writer.run, partial(self._on_open, ready), self._on_commit)
        try:
            await asyncio.wait([done, ready], return_when=asyncio.FIRST_COMPLETED)
            if (error := done.exception() if done.done() else None) is not None:
                raise error if isinstance(error, OutboxError) else self._fail(error)
            done.add_done_callback(partial(self._on_end, owner))
            yield
        except asyncio.CancelledError:
            if not self._aborted:
                raise
        finally:
            if self._aborted:
                owner.uncancel()
            self._open = False
            self._mailbox.close()
            await finish(done)
            executor.shutdown(wait=False)
        if self._error is None and (error := done.exception()) is not None:
            raise self._fail(error)
        if self._error is not None:
            raise self._error

    def _tell(self, what: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(what)

    def _on_open(self, ready: asyncio.Future[None], news: Opened) -> None:
        self.stream, self.previous_stream, self.epoch = news.life.stream, news.life.previous, news.life.epoch
        self._present, self.stats, self.fresh = news.present, news.stats, news.fresh
        if news.stats.pending:
            self._claimable.set()
        self._open = True
        if not ready.done():
            ready.set_result(None)

    def _on_commit(self, news: Committed) -> None:
        self.stats = news.stats
        self.backlog -= len(news.works)
        if self._marks:
            self._reach(news)
        for work in news.works:
            for callback in work.stored:
                self._loop.call_soon(callback)
        if news.rows:
            self._last = news.rows[-1].sequence
        if news.waiting:
            self._claimable.set()
        if news.rows:
            for listener in self._listeners:
                self._loop.call_soon(listener, news.rows)
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()

    def _on_end(self, owner: asyncio.Task[object], done: asyncio.Future[None]) -> None:
        """The writer ended: if nobody asked it to, whoever holds the outbox must not go on."""
        error = done.exception()
        if error is None:
            return
        failed = self._fail(error)
        for future in self._waiting:
            if not future.done():
                future.set_exception(failed)
        self._progress.set()
        self._claimable.set()
        if self._open:
            self._aborted = True
            owner.cancel()

    def _fail(self, error: BaseException) -> OutboxFailed:
        if self._error is None:
            self._error = OutboxFailed(
                f"{self._folder}: the outbox stopped: {error}; end this process and start it again: what was committed"
                " is safe, and the file must be opened afresh after a failed write"
            )
            self._error.__cause__ = error
        return self._error

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if not self._open:
            raise OutboxError(f"{self._folder}: this outbox is closed")

    async def _ask(self, function: Callable[[], T], undo: Callable[[T], None] | None = None) -> T:
        """Run in the writer's thread. `undo` takes back what a cancelled asker will not use."""
        self._check()
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.add(future)  # type: ignore[arg-type]
        future.add_done_callback(self._waiting.discard)

        def command() -> None:
            try:
                result = function()
            except OutboxError as error:
                self._loop.call_soon_threadsafe(refuse, future, error)
            else:
                self._loop.call_soon_threadsafe(resolve, future, result, undo)

        self._mailbox.command(command)
        return await future

    async def look(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer to a question of `queries` or `told`."""
        return await self._ask(partial(self._writer.look, question))

    # In.

    def presence(self) -> list[Present]:
        """What was present when the outbox was opened."""
        return self._present

    def put(self, work: Work) -> None:
        """Hand a work to the writer: stored whole within the linger, or kept in memory while there is no room."""
        if not self._open or self._error is not None:
            self._check()
        self._put += 1
        self.backlog += 1
        self._mailbox.put(work)

    def touch(self, sightings: Sequence[Sighting]) -> None:
        """Write back `last_seen` of these with the next commit that happens anyway, or at the end."""
        self._mailbox.touch(sightings)

    async def drained(self, below: int) -> None:
        """Until fewer than `below` works wait for their commit: the back-pressure of a slow or full disk."""
        while self.backlog >= below:
            self._check()
            await self._progress.wait()
        self._check()

    async def flush(self) -> None:
        """Until everything put so far is committed, however long there is no room (leaving the outbox is bounded)."""
        target = self._put
        while self._put - self.backlog < target:
            self._check()
            self._mailbox.hurry()
            await self._progress.wait()
        self._check()

    async def position(self) -> int:
        """The sequence of the newest event of this epoch put before the call, once that is stored; 0 if there is none.

        What is put later has a greater one, even where it is stored in the same commit.
        """
        mark = Work()
        reached: asyncio.Future[int] = self._loop.create_future()
        self._waiting.add(reached)  # type: ignore[arg-type]
        reached.add_done_callback(self._waiting.discard)
        self._marks[id(mark)] = reached
        self.put(mark)
        self._mailbox.hurry()
        return await reached

    def _reach(self, news: Committed) -> None:
        drafts = 0
        for work in news.works:
            drafts += len(work.drafts)
            reached = self._marks.pop(id(work), None)
            if reached is not None and not reached.done():
                reached.set_result(news.rows[drafts - 1].sequence if drafts else self._last)

    # Out.

    async def begin_live(self) -> None:
        """The live lane starts now: what is pending and in nobody's hands is historical. For each (re)connect.

        Until first called, live is what this run of the outbox stored.
        """
        await self._ask(self._writer.begin_live)

    async def claim(self, lane: Lane, rows: int, size: int) -> list[Row]:
        """Take the lane's next pending rows, oldest first: at most `rows`, at most `size` bytes of payload, or one.

        They are in the caller's hands until settled, released, dead, or the process ends.
        """
        return await self._ask(lambda: self._writer.claim(lane, rows, size), self._give_back)

    def _give_back(self, rows: list[Row]) -> None:
        if self._open and self._error is None:  # else they are pending at the next opening anyway
            self.release([row.rowid for row in rows])

    async def changed(self) -> None:
        """Until something may have become claimable since this last returned. For one waiter."""
        await self._claimable.wait()
        self._check()
        self._claimable.clear()

    def settle(self, rowids: Sequence[int], state: Literal["sent", "confirmed"] = "sent") -> None:
        """The broker has them; written within a second. A crash before that sends them again."""
        self._check()
        self._mailbox.settle(tuple(rowids), state)

    def release(self, rowids: Iterable[int]) -> None:
        """Not sent after all: to be claimed again."""
        self._check()
        self._mailbox.command(partial(self._writer.release, list(rowids)))

    def dead(self, rowids: Iterable[int], reason: str) -> None:
        """Undeliverable as they are: kept as dead letters for `reason`, and declared lost in the same commit."""
        self._check()
        self._mailbox.command(partial(self._writer.bury, list(rowids), reason))

    async def acknowledge(self, receipt: Receipt) -> Verdict:
        """What the centre has. It can shorten how long sent rows stay; what is missing and gone is declared."""
        return await self._ask(partial(self._writer.acknowledge, receipt))

    async def again(self, first: int, last: int, rows: int, size: int) -> tuple[list[Row], int | None]:
        """Sent rows of these row ids, at most `rows` and `size` bytes (one at least), and where to go on, if anywhere.

        They stay sent: to give them once more changes nothing here.
        """
        return await self.look(partial(queries.sent_before, first=first, last=last, rows=rows, size=size))

    # Looking.

    def listen(self, callback: Callable[[Sequence[Row]], None]) -> Callable[[], None]:
        """Call in the event loop with the rows of every commit, until the returned function is called."""
        self._listeners.append(callback)
        return partial(self._listeners.remove, callback)

    async def rows(
        self,
        state: State | None = None,
        limit: int = 100,
        after: int = 0,
        reason: str | None = None,
        since: float | None = None,
    ) -> list[Entry]:
        """Rows after row id `after`, oldest first, in a state or in all, for a reason, in that state since then."""
        found: list[Entry] = []
        step: int | None = after
        while step is not None and len(found) < limit:
            at, want = step, limit - len(found)
            more, step = await self.look(
                partial(queries.entries, state=state, limit=want, after=at, reason=reason, since=since)
            )
            found += more
        return found

    async def show(
        self,
        *,
        id: uuid.UUID | None = None,  # noqa: A002 - CloudEvents' word
        epoch: int | None = None,
        sequence: int | None = None,
    ) -> Row | None:
        """One event by its CloudEvents id, or by epoch (the present one if not given) and sequence."""
        if id is None:
            if sequence is None:
                raise ValueError("show needs an id, or a sequence")
            number = self.epoch if epoch is None else epoch
            return await self.look(partial(queries.by_number, epoch=number, sequence=sequence))
        made = (id.int >> 80) / 1000.0 - _EARLY  # RFC 9562 section 5.7: milliseconds in the top 48 bits
        after: int | None = await self.look(partial(queries.made_before, time=made))
        found: Row | None = None
        while found is None and after is not None:
            found, after = await self.look(partial(queries.by_id, id=id, after=after))
        return found

    async def resend(self, selection: Selection, *, dry_run: bool = False) -> int:
        """Make the selected rows pending again, as they are; how many (or, with `dry_run`, how many it would be)."""
        if dry_run:
            return len(await self.look(partial(queries.selected, selection=selection)))
        return await self._ask(partial(self._writer.resend, selection))

    async def epochs(self) -> list[EpochState]:
        """Every epoch on file with its greatest sequence and what is pending of it, oldest first."""
        return await self._ask(self._writer.epochs)
