"""Who changed what: a line of JSON for each, kept beside the outbox. It is on the disk when it is said to be.

Requests that changed nothing stand in a file of their own, so that no number of them drives out what was changed.
"""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from gateway.timestamps import rfc3339

FILE = "audit.jsonl"

MOST = 4 * 2**20
"""Bytes of a file; then it is `audit.jsonl.1`, in the place of the one before."""

REFUSED = "refused.jsonl"

MOST_REFUSED = 64 * 2**10
"""Bytes of that file; then it is `refused.jsonl.1`, likewise."""

TOLD = 10
"""Refused requests a minute that have a line; of further ones there is their number."""

_LONGEST = 200
"""Characters of a reason."""

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
    _add(folder / FILE, MOST, time, entry)


def _add(path: Path, most: int, time: float, entry: Mapping[str, Any]) -> None:
    if path.exists() and path.stat().st_size >= most:
        path.replace(path.with_name(f"{path.name}.1"))
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


class Asked:
    """That a user asks for a change: noted just before something is changed."""

    def __init__(self, folder: Path, time: float, uid: int, request: msgspec.Struct) -> None:
        self._folder = folder
        self._time = time
        self._uid = uid
        self._request = request
        self.noted = False

    async def begin(self) -> None:
        """Something is about to be changed. ValueError where that cannot be noted: then it must not be."""
        if self.noted:
            return
        entry = {**who(self._uid), "asked": msgspec.to_builtins(self._request)}
        try:
            await asyncio.to_thread(note, self._folder, self._time, entry)
        except OSError as error:
            raise ValueError(f"nothing was changed, for it cannot be noted who did: {error}") from error
        self.noted = True

    async def refuse(self, refusals: Refusals, why: str) -> None:
        """It was refused; that is noted as far as there is room, if nothing was changed before."""
        if not self.noted:
            with suppress(OSError):
                await asyncio.to_thread(refusals.note, self._folder, self._time, self._uid, self._request, why)


class Refusals:
    """What was refused, some lines a minute (of `clock`, in seconds)."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._told = self._further = 0

    def note(self, folder: Path, time: float, uid: int, request: msgspec.Struct, why: str) -> None:
        """Add a line, or count. OSError where that is not possible."""
        now = self._clock()
        if now >= self._until:
            self._until, self._told = now + 60.0, 0
        if self._told >= TOLD:
            self._further += 1
            return
        self._told += 1
        asked = msgspec.to_builtins(request).get("verb")
        entry: dict[str, Any] = {**who(uid), "refused": asked, "why": why[:_LONGEST]}
        if self._further:
            entry["further"] = self._further
            self._further = 0
        _add(folder / REFUSED, MOST_REFUSED, time, entry)


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
