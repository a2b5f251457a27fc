"""What can be read of a damaged outbox: rows that are whole, with their ids, and the row ids that are gone."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from gateway.logs import get_logger
from gateway.outbox import database, high_water
from gateway.outbox.ledger import DEAD, PENDING, is_whole
from gateway.outbox.packing import readable
from gateway.outbox.values import STATES

log = get_logger(__name__)

CHUNK = 200
"""Rows saved in one transaction: the new file's own events wait no longer than for these."""

MOST = 100_000
"""Readings that may fail before what is left of a stretch is given up whole."""

UNKNOWN_BASE = 1 << 40
UNKNOWN_EPOCH = 1 << 20
"""Where a new file goes on counting when nobody can say how far the damaged one was."""

_UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""The second where what SQLite says quotes a text that is none."""

_STREAM = re.compile(rb'"stream":"([a-z0-9-]{1,64})"')
_NUMBERS = re.compile(rb'"epoch":([0-9]{1,18}),"sequence":"([0-9]{1,18})"')
_ROW = "id, epoch, sequence, state, stored, changed, crc, channel, name, reason, payload"

Saved = tuple[int, int, int, int, float, float, int, str, str | None, str | None, bytes]


class OldEpoch(NamedTuple):
    """An epoch of a damaged file."""

    stream: str
    epoch: int
    started: float
    base: int
    last: int
    confirmed: int


class Books(NamedTuple):
    """What a damaged file says of itself: its epochs, and the greatest row id that may be in it.

    `known` is that without what the mark beside it says; None if the file does not say.
    """

    epochs: list[OldEpoch]
    top: int
    known: int | None = None


class Chunk(NamedTuple):
    """Rows that are whole, and runs of row ids that cannot be read: all up to row id `upto` of the file in `aside`."""

    rows: list[Saved]
    gone: list[tuple[int, int]]
    aside: str = ""
    upto: int = 0


def look(folder: Path, segment: str) -> tuple[sqlite3.Connection, Books]:
    """Open the damaged file in a folder for reading, and read its books as far as they can be."""
    connection = sqlite3.connect(f"{(folder / database.FILE).resolve().as_uri()}?mode=ro", uri=True)
    water = high_water.read(folder)
    top = _ask(connection, "SELECT max(id) FROM events")
    epochs = {row[1]: OldEpoch(*row) for row in _epochs(connection)}
    given = None if top is None else max(top, *(one.base + one.last for one in epochs.values()), 0)
    if water is not None:
        known = epochs.get(water.epoch)
        stream = f"{segment}-{water.mark}" if known is None else known.stream
        confirmed = max(0, water.first - 1) if known is None else known.confirmed
        last = max(water.last, known.last if known else 0)
        epochs[water.epoch] = OldEpoch(stream, water.epoch, 0.0, water.base, last, confirmed)
    newest = max(epochs.values(), key=lambda one: one.epoch, default=None)
    if newest is not None and top is not None:
        epochs[newest.epoch] = newest = newest._replace(last=max(newest.last, top - newest.base))
    if newest is None:
        return connection, Books([], UNKNOWN_BASE if top is None else top)
    return connection, Books([epochs[number] for number in sorted(epochs)], newest.base + newest.last, given)


def _ask(connection: sqlite3.Connection, question: str) -> int | None:
    try:
        found = connection.execute(question).fetchone()[0]
    except _UNREADABLE:
        return None
    return found if isinstance(found, int) else 0


def _epochs(connection: sqlite3.Connection) -> list[tuple[str, int, float, int, int, int]]:
    """All epochs, or none."""
    for confirmed in ("confirmed", "0"):  # a file of an older version has no such column
        try:
            return connection.execute(
                f"SELECT name, epoch, started, base, last, {confirmed} FROM epochs"  # noqa: S608 - constants
                " JOIN streams ON streams.id = epochs.stream"
            ).fetchall()
        except _UNREADABLE:
            continue
    return []


def chunks(connection: sqlite3.Connection, top: int, above: int = 0) -> Iterator[Chunk]:
    """All rows above a row id up to another, oldest first: where reading fails, they are halved until it does not."""
    open_ = [(above + 1, top)] if above < top else []
    failures = 0 if _ask(connection, "SELECT count(*) FROM (SELECT id FROM events LIMIT 1)") is not None else MOST
    while open_:
        first, last = open_.pop()
        try:
            rows: list[Saved] = connection.execute(
                f"SELECT {_ROW} FROM events WHERE id >= ? AND id <= ? ORDER BY id LIMIT ?",  # noqa: S608 - constants
                (first, last, CHUNK),
            ).fetchall()
        except _UNREADABLE:
            failures += 1
            if first == last or failures > MOST:
                yield Chunk([], [(first, last)], upto=last)
            else:
                middle = (first + last) // 2
                open_ += [(middle + 1, last), (first, middle)]
            continue
        upto = last
        if len(rows) == CHUNK:
            upto = rows[-1][0]
            open_.append((upto + 1, last))
        hidden = _hidden(connection, first, upto, {row[0] for row in rows})
        found = [_alone(connection, rowid) for rowid in hidden]
        rows += [row for row in found if row is not None]
        lost = [(rowid, rowid) for rowid, row in zip(hidden, found, strict=True) if row is None]
        whole = [mended for row in rows if (mended := _mended(row)) is not None]
        kept = {row[0] for row in whole}
        yield Chunk(whole, lost + [(row[0], row[0]) for row in rows if row[0] not in kept], upto=upto)


def _hidden(connection: sqlite3.Connection, first: int, last: int, seen: set[int]) -> list[int]:
    """What the indexes of pending and of dead rows list, but a walk through the rows did not meet.

    A changed bit in the key of one row hides those behind it; what was sent is in no index, and lost by nobody.
    """
    listed: set[int] = set()
    for index, state in (("events_pending", PENDING), ("events_dead", DEAD)):
        with suppress(*_UNREADABLE):
            listed.update(
                rowid
                for (rowid,) in connection.execute(
                    f"SELECT id FROM events INDEXED BY {index} WHERE state = {state} AND id >= ? AND id <= ?"  # noqa: S608 - constants
                    " LIMIT ?",
                    (first, last, MOST),
                )
            )
    return sorted(listed - seen)


def _alone(connection: sqlite3.Connection, rowid: int) -> Saved | None:
    try:
        found: Saved | None = connection.execute(f"SELECT {_ROW} FROM events WHERE id = ?", (rowid,)).fetchone()  # noqa: S608 - constants
    except _UNREADABLE:
        return None
    return found


def _mended(row: Saved) -> Saved | None:
    """A row whose event is whole: its checksum says so. What is kept beside the event is not under the checksum.

    Its numbers stand in the event as well; a state that is none, or a time, may cost that it is sent once more.
    """
    rowid, epoch, sequence, state, stored, changed, crc, channel, name, reason, payload = row
    if not is_whole(crc, channel, name, payload):
        return None
    if (said := _NUMBERS.search(readable(payload)[:256])) is not None:
        epoch, sequence = int(said[1]), int(said[2])
    if type(epoch) is not int or type(sequence) is not int:
        return None
    state = state if state in range(len(STATES)) else PENDING
    stored, changed = (time if type(time) is float else 0.0 for time in (stored, changed))
    reason = reason if type(reason) is str else None
    return rowid, epoch, sequence, state, stored, changed, crc, channel, name, reason, payload


def stream_of(row: Saved) -> str | None:
    """The stream that a row's payload names."""
    found = _STREAM.search(readable(row[-1])[:256])
    return None if found is None else found[1].decode()


def size_of(chunk: Chunk) -> int:
    """Bytes of the file that a chunk may need, generously."""
    return 2 * (sum(len(row[-1]) + 512 for row in chunk.rows) + 1024 * len(chunk.gone))


def tail(books: Books, above: int = 0) -> Iterator[Chunk]:
    """What the mark knows of and the file does not: a damaged log has taken the file back to before it."""
    first = max(books.top if books.known is None else books.known, above) + 1
    if first <= books.top:
        yield Chunk([], [(first, books.top)], upto=books.top)


def gather(found: Iterator[Chunk]) -> Iterator[Chunk]:
    """Chunks of some size: single lost row ids that follow each other are one run."""
    rows: list[Saved] = []
    gone: list[tuple[int, int]] = []
    upto = 0
    for chunk in found:
        upto = chunk.upto
        rows += chunk.rows
        for first, last in chunk.gone:
            if gone and gone[-1][1] + 1 == first:
                gone[-1] = (gone[-1][0], last)
            else:
                gone.append((first, last))
        if len(rows) >= CHUNK or len(gone) >= CHUNK:
            yield Chunk(rows, gone, upto=upto)
            rows, gone = [], []
    yield Chunk(rows, gone, upto=upto)


class Salvage(threading.Thread):
    """Reads a damaged file, from above a row id, in a thread of its own; `store` takes each chunk, and gives False
    when it is to end.
    """

    def __init__(
        self, folder: Path, segment: str, above: int, store: Callable[[Chunk], bool], done: Callable[[], None]
    ) -> None:
        super().__init__(name="salvage", daemon=True)
        self._folder = folder
        self._segment = segment
        self._above = above
        self._store = store
        self._done = done

    def run(self) -> None:
        try:
            self._read()
        except (sqlite3.Error, OSError) as error:
            said = "a damaged outbox cannot be read now; the next start tries again"
            log.error(said, aside=str(self._folder), cause=str(error))  # noqa: TRY400 - it is the disk's fault

    def _read(self) -> None:
        connection, books = look(self._folder, self._segment)
        with closing(connection):
            found = gather(chain(chunks(connection, books.top, self._above), tail(books, self._above)))
            if all(self._store(chunk._replace(aside=self._folder.name)) for chunk in found):
                self._done()


def newest(books: Books) -> tuple[int, int]:
    """The epoch and the row id above which a new file counts on."""
    if not books.epochs:
        return UNKNOWN_EPOCH, max(books.top, UNKNOWN_BASE)
    return books.epochs[-1].epoch, books.top
