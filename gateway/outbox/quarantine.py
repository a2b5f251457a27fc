"""A damaged file is set aside, whole, and a new one begun: reading goes on, and what can be is saved from there."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from gateway.logs import get_logger
from gateway.outbox import database, high_water
from gateway.outbox.values import OutboxDamaged

log = get_logger(__name__)

FOLDER = "quarantine"
KEPT = 3
"""The newest damaged files stay, for whoever wants to look; and any from which something may still be saved."""

UNSAVED = "unsaved"
"""Stands beside a damaged file until all that could be saved was."""

_DAMAGED = "damaged"
_FILES = (f"{database.FILE}-wal", high_water.NAME, database.FILE)
"""The database last: where it is, all of it is."""


def open_or_set_aside(folder: Path, now: float) -> tuple[sqlite3.Connection, bool]:
    """The outbox's connection, and whether it is a new file because the one before was damaged.

    Whatever ends it half-way, the next start goes on from there.
    """
    path = folder / database.FILE
    flag = folder / _DAMAGED
    if not flag.exists():
        try:
            return database.open_file(path), False
        except OutboxDamaged as error:
            _flag(folder, str(error))
    cause = flag.read_text(errors="replace")
    aside = _set_aside(folder, now)
    flag.unlink()
    if aside is not None:
        said = f"{cause}; it is set aside, a new stream begins, and what is whole is saved from it"
        log.error(said, aside=aside)
    return database.open_file(path), aside is not None


@contextmanager
def noticed(folder: Path) -> Iterator[None]:
    """What turns out to be damaged while it is used is set aside at the next start."""
    try:
        yield
    except OutboxDamaged as error:
        _flag(folder, str(error))
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if database.is_damage(error):
            _flag(folder, f"{folder / database.FILE}: {error}")
        raise


def _flag(folder: Path, cause: str) -> None:
    """Durably, and before anything is moved: without its log a damaged file may look whole."""
    with (folder / _DAMAGED).open("w") as file:
        file.write(cause)
        file.flush()
        os.fsync(file.fileno())
    database.sync_folder(folder)


def unsaved(folder: Path) -> list[Path]:
    """Damaged files from which something may still be saved, oldest first."""
    found = (marker.parent for marker in (folder / FOLDER).glob(f"*/{UNSAVED}"))
    return sorted(one for one in found if (one / database.FILE).exists())


def _set_aside(folder: Path, now: float) -> Path | None:
    """Where the damaged file is; None if there is none any more."""
    kept = folder / FOLDER
    kept.mkdir(mode=0o700, exist_ok=True)
    if not (folder / database.FILE).exists():
        return next(reversed(unsaved(folder)), None)
    aside = _begun(kept) or _another(kept, now)
    for name in _FILES:
        if (folder / name).exists():
            (folder / name).rename(aside / name)
    (folder / f"{database.FILE}-shm").unlink(missing_ok=True)
    prune(folder)
    database.sync_folder(aside)
    database.sync_folder(kept)
    database.sync_folder(folder)
    return aside


def prune(folder: Path) -> None:
    """Delete older ones from which all was saved."""
    for old in sorted(one for one in (folder / FOLDER).iterdir() if one.name[:1].isdigit())[:-KEPT]:
        if not (old / UNSAVED).exists() or not (old / database.FILE).exists():
            shutil.rmtree(old, ignore_errors=True)


def _begun(kept: Path) -> Path | None:
    """Where an earlier start has put what goes with the file, but not the file."""
    newest = max((marker.parent for marker in kept.glob(f"*/{UNSAVED}")), default=None)
    return None if newest is None or (newest / database.FILE).exists() else newest


def _another(kept: Path, now: float) -> Path:
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 1 + max((int(one.name.split("-")[0]) for one in kept.iterdir() if one.name[:1].isdigit()), default=0)
    aside = kept / f"{number:06d}-{stamp}"
    aside.mkdir(mode=0o700)
    (aside / UNSAVED).touch()
    return aside
