"""A large file is looked over while it works: a start checks only as much of it as can be read in a second."""

from __future__ import annotations

import sqlite3
import threading
from functools import partial
from pathlib import Path

from gateway.outbox.mailbox import Mailbox
from gateway.outbox.values import OutboxDamaged

STEP = 500
"""Rows read in one go: the writer is held up for some milliseconds."""

PAUSE = 0.25
"""Seconds between two steps: a day's million events are looked over in ten minutes."""


class Patrol(threading.Thread):
    """Reads every row there was at the start once, a few at a time, in the writer's thread, at this thread's pace.

    What it finds ends the writer as any damage does: the next start sets the file aside, and saves what is whole. An
    event that was changed where it stands is not looked for here: its checksum tells when it is sent.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, mailbox: Mailbox, closed: threading.Event) -> None:
        super().__init__(name="patrol", daemon=True)
        self._sql = connection
        self._path = path
        self._mailbox = mailbox
        self._closed = closed
        self._at = 0
        self._top: int | None = connection.execute("SELECT max(id) FROM events").fetchone()[0]

    def run(self) -> None:
        while self._top is not None and not self._closed.wait(PAUSE):
            taken = threading.Event()
            self._mailbox.command(partial(self._step, taken))
            while not taken.wait(PAUSE) and not self._closed.is_set():
                pass

    def _step(self, taken: threading.Event) -> None:
        rows = self._sql.execute(
            "SELECT id, epoch, sequence, state, stored, changed, crc, payload FROM events WHERE id > ? AND id <= ?"
            " ORDER BY id LIMIT ?",
            (self._at, self._top, STEP),
        ).fetchall()
        for rowid, *numbers, payload in rows:
            if any(type(number) not in {int, float} for number in numbers) or type(payload) is not bytes:
                raise OutboxDamaged(f"{self._path}: row {rowid} holds what was never stored")
        if len(rows) < STEP:
            self._top = None
        else:
            self._at = rows[-1][0]
        taken.set()
