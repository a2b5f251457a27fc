"""File descriptors: how many this process may have, and that devices leave some for everything else."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

RESERVE = 12
"""Descriptors that devices leave: for the uplink and its renewal, the outbox, who asks for `status`."""

_FOLDER = Path("/dev/fd")
_openings: set[object] = set()


def raise_limit() -> None:
    """As many as the system lets this process have: the soft limit of systemd and of shells is for select(2)."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def one_more() -> Iterator[None]:
    """While a device is being opened. `OSError` (EMFILE) when so many are open that it must not have another."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit != resource.RLIM_INFINITY and sum(1 for _ in _FOLDER.iterdir()) + len(_openings) > limit - RESERVE:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    mark = object()
    _openings.add(mark)
    try:
        yield
    finally:
        _openings.discard(mark)


def told() -> str:
    """The sentence for a device that must wait."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        f"too many open files: this process may have {limit}, and {RESERVE} are kept for broker, outbox and status; "
        "set LimitNOFILE= in the service, or ulimit -n, to twice the number of devices and 100 more"
    )


def ran_out(error: BaseException | None) -> bool:
    """Whether an error, or what brought it about, is the lack of descriptors."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False
