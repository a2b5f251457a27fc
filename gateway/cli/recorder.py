"""The files of a recording: whole lines alone, in one file or in one after another, packed when they are done."""

from __future__ import annotations

import contextlib
import errno
import gzip
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import click

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_STAMP = r"-\d{8}T\d{6}\.\d{3}Z"


class Rotation(NamedTuple):
    """A new file after so many bytes; so many files at most, the oldest go; finished ones packed."""

    size: int
    keep: int | None = None
    packed: bool = False


class Recorder:
    """Writes lines to `file` ('-' is stdout), or to files named after it and the time. Enter, `write`, leave.

    Whatever ends it, the last line is whole: a write that fails half-way is taken back. What goes wrong with the file
    is a click.ClickException with what was kept. A file that it made is gone again where an error leaves nothing in it.
    """

    def __init__(self, file: Path, rotation: Rotation | None = None, clock: Callable[[], float] = time.time) -> None:
        self.lines = self.reads = self.bytes = self.files = 0
        self.path = file
        self._named = file
        self._rotation = rotation
        self._clock = clock
        self._descriptor = -1
        self._stamp = 0
        self._size = 0
        self._made = False
        self._packing: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self._rotation is not None and self._rotation.packed:
            self._packing = ThreadPoolExecutor(1, thread_name_prefix="gzip")
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        nothing = error is not None and self._made and not self._size
        self._finish()
        if nothing:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
        if self._packing is not None:
            self._packing.shutdown()
            # One that was removed while it was packed is back.
            self._clean()

    def write(self, line: bytes) -> None:
        """One line, without its end."""
        data = line + b"\n"
        if self._rotation is not None and self._size and self._size + len(data) > self._rotation.size:
            self._finish()
            self._open()
        self._put(data)
        self.lines += 1
        # A quote inside of a string has a backslash before it: these are names of members.
        self.reads += b'"state":' not in line and b'"signal":' not in line

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            raise self._refused(error) from None
        self._size += len(data)
        self.bytes += len(data)

    def _refused(self, error: OSError) -> click.ClickException:
        kept = f"{self.lines} whole lines are kept"
        if error.errno in _FULL:
            text = f"{self.path}: no room for more ({error.strerror}): {kept}; free some space, or rotate with --keep"
        else:
            text = f"{self.path}: {error.strerror}: {kept}"
        return click.ClickException(text)

    def _open(self) -> None:
        self.files += 1
        self._size = 0
        if str(self._named) == "-":
            self._descriptor = os.dup(sys.stdout.fileno())
            about = os.fstat(self._descriptor)
            # A file that stdout is added to, by `>>`, keeps what it has when a line is taken back.
            self._size = about.st_size if stat.S_ISREG(about.st_mode) else 0
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        if self._rotation is not None:
            self.path = self._fresh()
        try:
            self._descriptor = os.open(self.path, flags | os.O_EXCL, 0o666)
            self._made = True
        except FileExistsError:
            if self._rotation is not None:
                raise
            self._descriptor = os.open(self.path, flags, 0o666)
        self._clean()
        about = os.fstat(self._descriptor)
        if stat.S_ISREG(about.st_mode) and about.st_size:
            self._size = about.st_size
            if os.pread(self._descriptor, 1, about.st_size - 1) != b"\n":
                # Somebody's line was cut off there; ours begins anew.
                self._put(b"\n")

    def _fresh(self) -> Path:
        """A name that sorts behind those before it."""
        self._stamp = max(self._stamp + 1, int(self._clock() * 1000))
        moment = datetime.fromtimestamp(self._stamp / 1000, UTC)
        stamp = f"{moment:%Y%m%dT%H%M%S}.{self._stamp % 1000:03d}Z"
        return self._named.with_name(f"{self._named.stem}-{stamp}{self._named.suffix}")

    def _finish(self) -> None:
        if self._descriptor < 0:
            return
        os.close(self._descriptor)
        self._descriptor = -1
        if self._packing is not None and self._size:
            self._packing.submit(_pack, self.path)

    def _clean(self) -> None:
        """Remove the oldest files of this name beyond those that are kept, an earlier recording's, too."""
        if self._rotation is None or self._rotation.keep is None:
            return
        name = re.escape(self._named.stem) + _STAMP + re.escape(self._named.suffix) + r"(?:\.gz)?"
        found = sorted(path for path in self._named.parent.iterdir() if re.fullmatch(name, path.name))
        for path in found[: -self._rotation.keep]:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()


def _pack(path: Path) -> None:
    """`FILE` → `FILE.gz`, whole or not at all. Without room for both it stays as it is."""
    packed, half = path.with_name(f"{path.name}.gz"), path.with_name(f"{path.name}.gz.part")
    try:
        with path.open("rb") as source, gzip.open(half, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target, 2**20)
        half.replace(packed)
        path.unlink()
    except OSError:
        half.unlink(missing_ok=True)
