"""As much of HTTP/1.1 (RFC 9112) as a scrape needs: GET and HEAD, one request a connection, everything bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

MAX_CLIENTS = 8
PATIENCE = 5.0
"""Seconds for a request to come and its answer to leave."""

_LONGEST = 8192
"""Bytes of a request."""


class Answer(NamedTuple):
    """Status code with its phrase, content type, content."""

    status: str
    kind: str
    content: bytes


Asked = Callable[[str], Answer | None]
"""The answer to GET of a path; None where there is nothing."""

_TEXT = "text/plain; charset=utf-8"


class Listener:
    """Answers `asked`; whoever is slow, talks too much or comes in crowds is dropped."""

    def __init__(self, asked: Asked, patience: float = PATIENCE) -> None:
        self._asked = asked
        self._patience = patience
        self._clients = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, host: str, port: int) -> asyncio.Server:
        """Listen there. OSError where that cannot be."""
        return await asyncio.start_server(self._connected, host, port, limit=_LONGEST)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of asyncio's own would tell of a bug, with a traceback, if it were cancelled: as at every stop.
        task = asyncio.get_running_loop().create_task(self._client(reader, writer), name="metrics client")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        closed = False
        try:
            if self._clients <= MAX_CLIENTS:
                async with asyncio.timeout(self._patience):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._answer(head))
                    writer.close()
                    await writer.wait_closed()  # all of it has left: `drain` is content with 64 KiB that have not
                    closed = True
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever it was has gone, or is told nothing
        finally:
            self._clients -= 1
            if not closed:  # of what is closed CPython 3.11 has no loop any more to abort it
                writer.transport.abort()

    def _answer(self, head: bytes) -> bytes:
        words = head.partition(b"\r\n")[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _message(Answer("400 Bad Request", _TEXT, b"this is no HTTP/1.1 request\n"))
        method, target, _ = words
        if method not in ("GET", "HEAD"):
            return _message(Answer("405 Method Not Allowed", _TEXT, b"GET it\n"), "Allow: GET, HEAD\r\n")
        answer = self._asked(target.partition("?")[0])
        if answer is None:
            answer = Answer("404 Not Found", _TEXT, b"there are /metrics and /healthz\n")
        return _message(answer, empty=method == "HEAD")


def _message(answer: Answer, extra: str = "", *, empty: bool = False) -> bytes:
    head = (
        f"HTTP/1.1 {answer.status}\r\nContent-Type: {answer.kind}\r\nContent-Length: {len(answer.content)}\r\n"
        f"Cache-Control: no-store\r\nConnection: close\r\n{extra}\r\n"
    )
    return head.encode() + (b"" if empty else answer.content)
