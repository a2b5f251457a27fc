"""What a start finds out about the life before: a damaged file, a lost tail, a mark that is ahead of the file."""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from gateway.model import Present
from gateway.outbox import database, high_water, quarantine, salvage
from gateway.outbox.high_water import HighWater
from gateway.outbox.ledger import Ledger, Loss
from gateway.outbox.mailbox import Mailbox
from gateway.outbox.news import Plan
from gateway.outbox.patrol import Patrol
from gateway.outbox.presence import Presence
from gateway.outbox.restore import seed
from gateway.outbox.room import Room, is_full
from gateway.outbox.salvage import Books, Chunk, OldEpoch, Salvage
from gateway.outbox.values import LossReason

_PATIENCE = 0.2
"""Seconds between two looks at whether the outbox is closed."""

_AGAIN = 2.0
"""Seconds until what there was no room for is offered again."""


@contextmanager
def recovering(plan: Plan) -> Iterator[tuple[sqlite3.Connection, Recovery]]:
    """Open the file, or a new one where it is damaged; what turns out to be damaged later is for the next start."""
    connection, renewed = quarantine.open_or_set_aside(plan.folder, plan.clock())
    with (
        closing(connection),
        quarantine.noticed(plan.folder),
        closing(Recovery(plan, connection, renewed=renewed)) as it,
    ):
        yield connection, it


class Recovery:
    """Beside one open file, from before its epoch begins until it is closed. Its thread is the writer's."""

    def __init__(self, plan: Plan, connection: sqlite3.Connection, *, renewed: bool) -> None:
        self._plan = plan
        self._sql = connection
        self._floor = (0, 0)
        self._closed = threading.Event()
        self._keeper = high_water.Keeper(plan.folder)
        self.losses: list[tuple[Loss, LossReason]] = []
        """What the start found missing; whoever declares it empties the list."""
        self.told: str | None = None
        """A sentence on what was damaged."""
        new = database.newest(connection) is None
        self.fresh = new or _unfilled(connection)
        self._named: dict[int, str] = {}
        self._unsaved = quarantine.unsaved(plan.folder)
        self._upto: dict[str, int] = dict(connection.execute("SELECT aside, upto FROM salvaged").fetchall())
        if self._unsaved and (renewed or new):  # a start may have ended before the new file knew of the old one
            self._renew(self._unsaved[-1])
        elif new:
            self._missing()
        else:
            self._compare()
        if self._unsaved:
            self.told = f"a damaged outbox was set aside in {self._unsaved[-1]}; what is whole is being saved from it"

    def _renew(self, aside: Path) -> None:
        connection, books = salvage.look(aside, self._plan.segment)
        connection.close()
        seed(self._sql, books, self._plan.clock())
        self._floor = salvage.newest(books)

    def _missing(self) -> None:
        """No file, and a mark of one that was: what was pending in it is lost."""
        water = high_water.read(self._plan.folder)
        if water is not None:
            name = f"{self._plan.segment}-{water.mark}"
            done = max(0, water.first - 1)
            lost = OldEpoch(name, water.epoch, 0.0, water.base, done, done)
            seed(self._sql, Books([lost], water.base + done), self._plan.clock())
            self._compare()

    def _compare(self) -> None:
        """The file against the mark: what was in it once and is not, is lost. The file's books say so once it is told:
        a start that ends before leaves it to the next.
        """
        water = high_water.read(self._plan.folder)
        if water is None:
            return
        names = [name for (name,) in self._sql.execute("SELECT name FROM streams").fetchall()]
        stream = next((name for name in names if high_water.mark_of(name) == water.mark), None)
        found = database.newest(self._sql, water.epoch)
        if stream is None or (found is not None and found[0] != stream):
            return
        # Without its epoch it is an older file than the mark, from a backup.
        first = water.first if found is None else found[3] + 1
        if found is None or first <= water.last:
            self._floor = water.epoch, water.base + water.last
        if first <= water.last:
            self._named = {water.epoch: stream}
            self.losses.append((Loss(water.epoch, first, water.last), "corrupt"))

    def begin(self, room: Room) -> database.Life:
        """The next epoch, above all that was ever given; on a full disk with the room of the ballast."""
        with room.beyond():
            try:
                life = self._begin()
            except sqlite3.OperationalError as error:
                if not is_full(error):
                    raise
                room.give_up()
                life = self._begin()
        self._life = life
        life.streams.update(self._named)
        return life

    def _begin(self) -> database.Life:
        plan = self._plan
        return database.begin(self._sql, plan.segment, plan.machine_id, plan.clock(), self._floor, plan.identity)

    def present(self, presence: Presence) -> list[Present]:
        """What was present. What of it is damaged is not known: whose it was arrives anew."""
        found, damaged = presence.load()
        if damaged:
            self.fresh = True
            self.told = self.told or f"{damaged} rows of what was present were damaged: those objects arrive anew"
        return found

    # The mark.

    def due(self, last: int) -> float:
        """When the mark is to be written (monotonic seconds), with this newest sequence."""
        return float("inf") if self.losses else self._keeper.due(last)

    def mark(self, ledger: Ledger, now: float) -> None:
        """Write how far the file is; on a full disk later, and not before what the old one shows lost is declared."""
        if self.losses:
            return
        life = self._life
        oldest = self._sql.execute(
            "SELECT id FROM events WHERE state = 0 AND id > ? ORDER BY id LIMIT 1", (life.base,)
        ).fetchone()
        first = ledger.last + 1 if oldest is None else oldest[0] - life.base
        water = HighWater(high_water.mark_of(life.stream), life.epoch, life.base, ledger.last, first)
        try:
            self._keeper.write(water, now)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise

    # What is saved.

    def save(self, store: Callable[[Chunk], bool], mailbox: Mailbox) -> None:
        """Read damaged files in the background, and hand what is whole to `store`, in the writer's thread.

        What of the present file was too much for the start is looked over then, too.
        """
        path = self._plan.folder / database.FILE
        if not database.is_small(path):
            Patrol(self._sql, path, mailbox, self._closed).start()
        self._save_next(store, mailbox)

    def _save_next(self, store: Callable[[Chunk], bool], mailbox: Mailbox) -> None:
        if self._unsaved:
            courier = _Courier(store, mailbox, self._closed)
            aside, done = self._unsaved[0], partial(self._saved, store, mailbox)
            Salvage(aside, self._plan.segment, self._upto.get(aside.name, 0), courier.bring, done).start()

    def _saved(self, store: Callable[[Chunk], bool], mailbox: Mailbox) -> None:
        """The oldest is done; on with the next."""
        aside = self._unsaved.pop(0)
        (aside / quarantine.UNSAVED).unlink(missing_ok=True)
        quarantine.prune(self._plan.folder)
        self.told = f"a damaged outbox was set aside in {aside}; what was whole is saved, the rest declared"

        def tell() -> None:
            """With no commit to come, nobody would hear of it: nothing more is stored, and that is news."""
            store(Chunk([], []))

        mailbox.command(tell)
        self._save_next(store, mailbox)

    def close(self) -> None:
        self._closed.set()
        self._keeper.close()


def _unfilled(connection: sqlite3.Connection) -> bool:
    """Whether the file was begun in place of a damaged one, and nothing has been decided since: what was present is
    still not known.
    """
    ask = connection.execute
    seeded, present = ask(
        "SELECT EXISTS (SELECT 1 FROM streams WHERE machine = ''), EXISTS (SELECT 1 FROM presence)"
    ).fetchone()
    if not seeded or present:
        return False
    base, gone = ask(
        "SELECT min(base), sum(gone) FROM epochs JOIN streams ON streams.id = epochs.stream WHERE machine != ''"
    ).fetchone()
    if base is None:
        return True
    decided = "SELECT EXISTS (SELECT 1 FROM events WHERE id > ? AND channel = 'epcis')"
    return not gone and not ask(decided, (base,)).fetchone()[0]


class _Courier:
    """From the salvage's thread into the writer's: one chunk at a time, each waited for, and for room if need be."""

    def __init__(self, store: Callable[[Chunk], bool], mailbox: Mailbox, closed: threading.Event) -> None:
        self._store = store
        self._mailbox = mailbox
        self._closed = closed

    def bring(self, chunk: Chunk) -> bool:
        """Whether it is stored; False when the outbox is closed before."""
        while (stored := self._try(chunk)) is False:
            if self._closed.wait(_AGAIN):
                return False
        return stored is True

    def _try(self, chunk: Chunk) -> bool | None:
        """Whether there was room; None when nobody stores any more."""
        stored: list[bool] = []
        taken = threading.Event()

        def command() -> None:
            try:
                stored.append(self._store(chunk))
            finally:
                taken.set()

        self._mailbox.command(command)
        while not taken.wait(_PATIENCE):
            if self._closed.is_set():
                return None
        return stored[0] if stored else None
