"""One holder of a segment's folder at a time, and a name for who it is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from gateway.outbox.values import OutboxLocked

NAME = "outbox.lock"


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock: process id, and since when (Unix seconds)."""

    pid: int
    since: float


@contextmanager
def exclusive(folder: Path, now: float, *, make: bool = True) -> Iterator[None]:
    """Hold the folder. `OutboxLocked`, naming the holder, if somebody does; the kernel lets go when a process ends.

    Who only looks does not `make` the file, which made by root would shut the gateway out: without it nobody runs.
    """
    if not make and not (folder / NAME).exists():
        yield
        return
    descriptor = os.open(folder / NAME, os.O_RDWR | (os.O_CREAT if make else 0) | os.O_CLOEXEC, 0o600)
    try:
        # flock, not lockf: a second open inside this process is refused too.
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OutboxLocked(_refusal(folder, os.pread(descriptor, 4096, 0))) from None
        # A full disk costs the holder's name, not the lock.
        with suppress(OSError):
            os.ftruncate(descriptor, os.pwrite(descriptor, msgspec.json.encode(Holder(os.getpid(), now)), 0))
        yield
    finally:
        os.close(descriptor)


def _refusal(folder: Path, text: bytes) -> str:
    try:
        holder = msgspec.json.decode(text, type=Holder)
        since = datetime.fromtimestamp(holder.since, UTC).isoformat(timespec="seconds")
        who = f"process {holder.pid} since {since}"
    except (msgspec.MsgspecError, ValueError, OverflowError, OSError):
        who = "another process"
    return f"{folder}: this outbox is in use by {who}; stop that gateway, or ask it over its control socket"
