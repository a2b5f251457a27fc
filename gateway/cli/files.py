"""Files that commands write for people."""

from __future__ import annotations

from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write it as UTF-8. An `OSError` names the file, which that of a full disk does not."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
