"""Who changed what: a line of JSON for each, kept beside the outbox. It is on the disk when it is said to be."""

from __future__ import annotations

import errno
import os
import pwd
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway.timestamps import rfc3339

FILE = "audit.jsonl"

MOST = 4 * 2**20
"""Bytes of a file; then it is `audit.jsonl.1`, in the place of the one before."""

Runs = dict[tuple[str, int], list[tuple[int, int]]]
"""Of each (stream, epoch): runs of numbers."""


def who(uid: int) -> dict[str, Any]:
    """A user as a line names it: number, and name where the account is known."""
    try:
        return {"uid": uid, "user": pwd.getpwuid(uid).pw_name}
    except KeyError:
        return {"uid": uid}


def note(folder: Path, time: float, entry: Mapping[str, Any]) -> None:
    """Add a line. OSError where that is not possible: then the change should not be made."""
    path = folder / FILE
    if path.exists() and path.stat().st_size >= MOST:
        path.replace(folder / f"{FILE}.1")
    line = msgspec.json.encode({"time": rfc3339(time), **entry}) + b"\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        line = _torn(file.fileno()) + line
        if file.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        os.fsync(file.fileno())


def _torn(descriptor: int) -> bytes:
    """What ends a line that a power cut or a full disk cut short: the next one must not become part of it."""
    size = os.fstat(descriptor).st_size
    return b"" if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n" else b"\n"


def asked(folder: Path, time: float, uid: int, request: msgspec.Struct) -> None:
    """That this user asks for this change; what only shows what it would do is no change."""
    if not getattr(request, "dry_run", False):
        note(folder, time, {**who(uid), "asked": msgspec.to_builtins(request)})


class TakenBack:
    """Which events were declared wrong before, as the lines tell."""

    def __init__(self, runs: Runs | None = None) -> None:
        self._runs = {key: sorted(found) for key, found in (runs or {}).items()}

    def has(self, stream: str, epoch: int, sequence: int) -> bool:
        runs = self._runs.get((stream, epoch), ())
        at = bisect_right(runs, (sequence, 2**63)) - 1
        return at >= 0 and runs[at][0] <= sequence <= runs[at][1]


class _Corrected(msgspec.Struct):
    stream: str
    epoch: int
    events: Sequence[tuple[int, int]]


class _Line(msgspec.Struct):
    corrected: Sequence[_Corrected] = ()


def taken_back(folder: Path) -> TakenBack:
    """Reads both files. A line that was cut short by a power cut is no line."""
    runs: Runs = {}
    for path in (folder / f"{FILE}.1", folder / FILE):
        for line in _head(path).splitlines():
            try:
                said = msgspec.json.decode(line, type=_Line)
            except msgspec.MsgspecError:
                continue
            for one in said.corrected:
                runs.setdefault((one.stream, one.epoch), []).extend(one.events)
    return TakenBack(runs)


def _head(path: Path) -> bytes:
    """All of a file that we wrote: one line at most goes beyond its size."""
    try:
        with path.open("rb") as file:
            return file.read(2 * MOST)
    except FileNotFoundError:
        return b""


def runs_of(numbers: Sequence[tuple[str, int, int]]) -> list[dict[str, Any]]:
    """(stream, epoch, sequence) of events as a line has them."""
    found: Runs = {}
    for stream, epoch, sequence in sorted(numbers):
        runs = found.setdefault((stream, epoch), [])
        if runs and runs[-1][1] == sequence - 1:
            runs[-1] = runs[-1][0], sequence
        else:
            runs.append((sequence, sequence))
    return [{"stream": stream, "epoch": epoch, "events": events} for (stream, epoch), events in found.items()]
