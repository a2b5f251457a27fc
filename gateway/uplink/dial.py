"""A TCP connection to a broker: name resolution and connect, both blocking, for the thread that dials.

The kernel waits 1, 2, 4 s between two SYN: a link that comes back would be found seconds late, and one address that
swallows them would hide the others. So each second another try begins beside those that wait (as RFC 8305 does for
addresses), and the first that is answered is taken.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import selectors
import socket
import time
from collections.abc import Iterator

EVERY = 1.0
"""Seconds after which an unanswered try gets company."""

Address = tuple[int, int, int, str, tuple[str | int, ...]]
"""As `socket.getaddrinfo` gives it."""


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a name, best first. `socket.gaierror` where there are none; blocks as long as the resolver."""
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))  # type: ignore[arg-type]


def connect(addresses: list[Address], source: str, timeout: float) -> socket.socket:
    """A connected, blocking socket with this time-out, from address `source` if it is not empty.

    `TimeoutError` when nobody answers in `timeout` seconds; the first error when every address fails before that.
    """
    with selectors.DefaultSelector() as waiting:
        try:
            return _race(waiting, addresses, source, time.monotonic() + timeout, timeout)
        finally:
            for key in list(waiting.get_map().values()):
                key.fileobj.close()  # type: ignore[union-attr]


def _race(
    waiting: selectors.BaseSelector, addresses: list[Address], source: str, deadline: float, timeout: float
) -> socket.socket:
    errors: list[OSError] = []
    tries: Iterator[Address] = itertools.cycle(addresses)
    begun = 0
    while (now := time.monotonic()) < deadline:
        try:
            _begin(waiting, next(tries), source)
        except OSError as error:
            errors.append(error)
        begun += 1
        answered = _answered(waiting, errors, min(deadline, now + EVERY))
        if answered is not None:
            answered.settimeout(timeout)
            return answered
        if begun >= len(addresses) and not waiting.get_map():
            raise errors[0]
    raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))


def _begin(waiting: selectors.BaseSelector, address: Address, source: str) -> None:
    family, kind, protocol, _, where = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setblocking(False)
        if source:
            made.bind((source, 0))
        with contextlib.suppress(BlockingIOError):
            made.connect(where)
        waiting.register(made, selectors.EVENT_WRITE)
    except OSError:
        made.close()
        raise


def _answered(waiting: selectors.BaseSelector, errors: list[OSError], until: float) -> socket.socket | None:
    """The first that is connected; None when all have failed, or none was by then."""
    while waiting.get_map() and (left := until - time.monotonic()) > 0:
        for key, _ in waiting.select(left):
            made = key.fileobj
            assert isinstance(made, socket.socket)
            waiting.unregister(made)
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code == 0:
                return made
            made.close()
            errors.append(OSError(code, os.strerror(code)))
    return None
