"""Asks a running segment over its control socket. Blocking: the command line has nothing else to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.control.protocol import Ask


class NotRunning(Exception):
    """No gateway answers at this socket."""


class Refused(Exception):
    """The gateway answered that it will not; the message says why."""


def ask(path: Path, request: Ask, patience: float | None = 10.0) -> Iterator[bytes]:
    """The lines of the answer, without their line ends. `patience`: seconds to wait for the next one, None for ever."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(10.0)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            raise NotRunning(f"no gateway runs there: nothing listens at {path}") from None
        except PermissionError:
            raise Refused(f"not allowed to open {path}") from None
        connection.sendall(msgspec.json.encode(request) + b"\n")
        connection.settimeout(patience)
        with connection.makefile("rb") as answer:
            for line in answer:
                yield _checked(line.rstrip(b"\n"))


def _checked(line: bytes) -> bytes:
    if line.startswith(b'{"error":'):
        raise Refused(str(msgspec.json.decode(line)["error"]))
    return line
