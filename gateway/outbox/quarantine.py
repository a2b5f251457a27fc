"""A damaged file is set aside, whole, and a new one begun: reading goes on, and what can be is saved from there."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.outbox import database, high_water
from gateway.outbox.values import OutboxDamaged

log = logging.getLogger(__name__)

FOLDER = "quarantine"
KEPT = 3
"""The newest damaged files stay, for whoever wants to look."""

UNSAVED = "unsaved"
"""Stands beside a damaged file until all that could be saved was."""

_DAMAGED = "damaged"
_FILES = (database.FILE, f"{database.FILE}-wal", high_water.NAME)


def open_or_set_aside(folder: Path, now: float) -> tuple[sqlite3.Connection, bool]:
    """The outbox's connection, and whether it is a new file because the one before was damaged."""
    path = folder / database.FILE
    flag = folder / _DAMAGED
    cause = flag.read_text(errors="replace") if flag.exists() else ""
    if not cause:
        try:
            return database.open_file(path), False
        except OutboxDamaged as error:
            cause = str(error)
    aside = _set_aside(folder, now)
    flag.unlink(missing_ok=True)
    log.error("%s; it is set aside in %s, a new stream begins, and what is whole is saved from it", cause, aside)
    return database.open_file(path), True


@contextmanager
def noticed(folder: Path) -> Iterator[None]:
    """What turns out to be damaged while it is used is set aside at the next start."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if database.is_damage(error):
            (folder / _DAMAGED).write_text(f"{folder / database.FILE}: {error}")
        raise


def unsaved(folder: Path) -> list[Path]:
    """Damaged files from which something may still be saved, oldest first."""
    return sorted(marker.parent for marker in (folder / FOLDER).glob(f"*/{UNSAVED}"))


def _set_aside(folder: Path, now: float) -> Path:
    kept = folder / FOLDER
    kept.mkdir(mode=0o700, exist_ok=True)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 1 + max((int(one.name.split("-")[0]) for one in kept.iterdir() if one.name[:1].isdigit()), default=0)
    aside = kept / f"{number:06d}-{stamp}"
    aside.mkdir(mode=0o700)
    (aside / UNSAVED).touch()
    for name in _FILES:
        if (folder / name).exists():
            (folder / name).rename(aside / name)
    (folder / f"{database.FILE}-shm").unlink(missing_ok=True)
    for old in sorted(one for one in kept.iterdir() if one.name[:1].isdigit())[:-KEPT]:
        shutil.rmtree(old)
    database.sync_folder(kept)
    database.sync_folder(folder)
    return aside
