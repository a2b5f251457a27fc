"""Asks a running segment over its control socket. Blocking: the command line has nothing else to do."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec

from gateway.control.errors import NotRunning, Refused
from gateway.control.protocol import Ask

__all__ = ["NotRunning", "Refused", "ask"]

_CONNECT = 10.0
"""Seconds that a gateway may take to let us in."""


def ask(path: Path, request: Ask, patience: float | None = 10.0) -> Iterator[bytes]:
    """The lines of the answer, without their line ends. `patience`: seconds to wait for the next one, None for ever.

    It is asked at once. `NotRunning` and `Refused`, then or while the lines are read; nothing else.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(_CONNECT)
        connection.connect(str(path))
        # Who may not ask is told so before the request is read: then it cannot be sent, and the answer is there.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(msgspec.json.encode(request) + b"\n")
    except OSError as error:
        connection.close()
        raise _why(path, error) from None
    return _lines(connection, path, patience)


def _lines(connection: socket.socket, path: Path, patience: float | None) -> Iterator[bytes]:
    with connection, connection.makefile("rb") as answer:
        connection.settimeout(patience)
        while True:
            try:
                line = answer.readline()
            except TimeoutError:
                raise NotRunning(f"the gateway at {path} did not answer for {patience:g} s: is it stuck?") from None
            except OSError as error:
                raise NotRunning(f"the gateway at {path} ended the connection: {error.strerror or error}") from None
            if not line:
                return
            yield _checked(line, path)


def _why(path: Path, error: OSError) -> NotRunning | Refused:
    if isinstance(error, PermissionError):
        return Refused(f"not allowed to open {path}: ask its owner, or be in group readpoint")
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return NotRunning(f"no gateway runs there: nothing listens at {path}; start one with `readpoint run FILE`")
    return NotRunning(f"no gateway can be asked at {path}: {error.strerror or error}")


def _checked(line: bytes, path: Path) -> bytes:
    if not line.endswith(b"\n"):
        raise NotRunning(f"the gateway at {path} ended in the middle of a line")
    line = line[:-1]
    if line.startswith(b'{"error":'):
        raise Refused(str(msgspec.json.decode(line)["error"]))
    return line
