"""Files that a person names. What is no file is an error, never a wait: opening a pipe lasts until somebody writes."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path


def open_file(path: Path) -> BufferedReader:
    """The file, to be read. Raises OSError, and ValueError for what cannot be a path."""
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - Path.open takes no opener; the caller closes
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "it is a pipe or a device, no file", str(path))


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
