"""The write-ahead log's file: kept at its size, so that commits overwrite blocks that are there.

While a file grows, each commit to it is also one of the file system's journal, which writes more than it does.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from typing import Literal

from gateway.outbox.room import is_full

_BLOCK = bytes(4096)
"""Written one by one: a file system that caches a larger piece as one may write it as one ever after."""


class Wal:
    """How much of the log is used, by estimate. `size` is what it may have on the disk."""

    def __init__(self, path: Path, page: int, size: int) -> None:
        self.size = size
        self._path = path
        self._page = page
        self._written = 0
        # What a killed process left may still be in use, where the disk was too full to empty it.
        self._used = path.stat().st_size if path.exists() else 0

    @property
    def due(self) -> bool:
        """Time for a checkpoint: half is used; or more than all of it, by what the estimate leaves out."""
        return self._used >= self.size // 2 or self._path.stat().st_size > self.size

    @property
    def left(self) -> int:
        """Bytes until then."""
        return max(0, self.size // 2 - self._used)

    def note(self, rows: int, written: int, settled: int) -> None:
        """A commit of so many new rows and settled ones; `written`: bytes of payloads, as stored, by then in all."""
        new, self._written = written - self._written, written
        # Rather too much: what a full disk keeps from the file must not fill the log as well.
        self._used += (4 + settled // 2 + 2 * rows) * self._page + new

    def checkpoint(self, connection: sqlite3.Connection, mode: Literal["PASSIVE", "TRUNCATE"]) -> bool:
        """Bring its content into the file; False where that has no room: everything is in the WAL still, and safe."""
        try:
            self._empty(connection, mode)
        except sqlite3.OperationalError as error:
            if not is_full(error):
                raise
            return False
        return True

    def restart(self, connection: sqlite3.Connection) -> None:
        """Bring its content into the file, or raise. Its blocks stay: they are the room for the next commit."""
        self._empty(connection, "RESTART")

    def _empty(self, connection: sqlite3.Connection, mode: str) -> None:
        _, frames, done = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        if done == frames:  # the next commit starts at the beginning
            self._used = 0

    def lay(self) -> None:
        """Write the file out in zeros, which SQLite takes for its end; not where the disk is nearly full."""
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < 2 * self.size:
            return
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            for at in range(os.fstat(descriptor).st_size, self.size * 5 // 8, len(_BLOCK)):
                os.pwrite(descriptor, _BLOCK, at)
            os.fsync(descriptor)
        except OSError as error:
            # It serves at any size.
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
        finally:
            os.close(descriptor)
