"""Room on the disk: the quota, and a ballast to throw overboard so that a full disk can still be emptied."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway.model import Work

BALLAST = "ballast"
_WAL_MOST = 8 * 2**20
"""Half of it is used between checkpoints, for which the ballast must make room on a full disk."""

_RESERVE_MOST = 2**20
_SMALLEST = 2**20

_START_PAGES = 8
"""What the rows of a start may need: each of two tables may split a page, and grow by a level."""


class Room:
    """Shares `max_size` out: the database's pages, a reserve for declarations of loss, the WAL, the ballast."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, max_size: int) -> None:
        size = max(max_size, _SMALLEST)
        self._folder = folder
        self._sql = connection
        self._ballast = folder / BALLAST
        self.wal_size = min(_WAL_MOST, size // 4)
        self._ballast_size = self.wal_size // 2
        self.quota = size - self._ballast_size - self.wal_size
        self._reserve = min(_RESERVE_MOST, self.quota // 8)
        self._max_size = max_size
        self._laid = False
        self.most = self.quota - self._reserve
        """Bytes for all but declarations."""
        self.page = self._pragma("page_size")
        connection.execute(f"PRAGMA journal_size_limit = {self.wal_size}")
        self.limit(reserve=False)

    def limit(self, *, reserve: bool) -> None:
        """Set how far the file may grow, with the reserve or without."""
        pages = (self.quota if reserve else self.quota - self._reserve) // self.page
        self._sql.execute(f"PRAGMA max_page_count = {pages}")

    @contextmanager
    def beyond(self) -> Iterator[None]:
        """A few pages more than there are: a start is written down however full the outbox is."""
        pages = self._pragma("page_count") + _START_PAGES
        self._sql.execute(f"PRAGMA max_page_count = {pages}")
        try:
            yield
        finally:
            self.limit(reserve=False)

    def used(self) -> int:
        """Bytes of the file that hold something."""
        return (self._pragma("page_count") - self._pragma("freelist_count")) * self.page

    def free_inside(self) -> int:
        """Bytes of the file that hold nothing: to be used without growth."""
        return self._pragma("freelist_count") * self.page

    def _pragma(self, name: str) -> int:
        return int(self._sql.execute(f"PRAGMA {name}").fetchone()[0])

    def by_quota(self, needed: int) -> bool:
        """Whether it is the quota, not the disk, that has no room for so many bytes."""
        return (self._pragma("max_page_count") - self._pragma("page_count")) * self.page < needed

    def cause(self, needed: int) -> str:
        """A sentence for a person: what is full and what to do."""
        if self.by_quota(needed):
            return (
                f"outbox quota used up (max_size {self._max_size} bytes): events wait in memory until the uplink has"
                " sent some; check the uplink, or raise outbox.max_size"
            )
        return f"disk full at {self._folder}: events wait in memory; free some space there"

    def admits(self, needed: int) -> bool:
        """Whether so many bytes may come in: without ballast only what needs no growth, else nothing could go out."""
        return self._laid or self.restore() or self.free_inside() > needed

    def restore(self) -> bool:
        """Lay the ballast down again where there is room for twice that; true when it is there."""
        self._laid = self._ballast.exists() and self._ballast.stat().st_size == self._ballast_size
        if not self._laid and self._disk_free() >= 2 * self._ballast_size:
            self._laid = self._lay()
        return self._laid

    def _lay(self) -> bool:
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, self._ballast_size)
            os.posix_fallocate(descriptor, 0, self._ballast_size)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            self._ballast.unlink()
            return False
        finally:
            os.close(descriptor)
        return True

    def give_up(self) -> None:
        """Throw the ballast overboard."""
        self._ballast.unlink(missing_ok=True)
        self._laid = False

    def _disk_free(self) -> int:
        disk = os.statvfs(self._folder)
        return disk.f_bavail * disk.f_frsize


def size_of(works: Sequence[Work]) -> int:
    """Bytes of the file that works may need, generously."""
    return 2 * sum(len(draft.body) + 512 for work in works for draft in work.drafts)


def is_full(error: sqlite3.OperationalError) -> bool:
    """SQLITE_FULL: the quota or the disk. Everything else ends the process: never write on after a failed write."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
