"""The first bytes of the file: two of them SQLite believes, whatever they say, and then never writes again."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.logs import get_logger

log = get_logger(__name__)

_MAGIC = b"SQLite format 3\0"
_KNOWN = {18: 2, 47: 4}
"""File format write version and schema format (SQLite's file format, section 1.3): the newest there are, and ours."""


def mend(path: Path) -> None:
    """Write them back where they say what no SQLite writes. Nobody may have the file open: closing it here would drop
    the locks of this process.
    """
    with path.open("r+b", buffering=0) as file:
        header = file.read(100)
        if not header.startswith(_MAGIC) or len(header) < 100:
            return
        damaged = [at for at, newest in _KNOWN.items() if header[at] > newest]
        for at in damaged:
            os.pwrite(file.fileno(), bytes([_KNOWN[at]]), at)
        if damaged:
            os.fsync(file.fileno())
            log.warning("a flipped bit in the outbox's header was mended", file=str(path), bytes=damaged)
