"""The local control socket of a segment.

It never makes the gateway wait, whoever is at the other end and however it behaves: requests are bounded, so is the
number of those who ask at once, and who does not read what he asked for is dropped.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path

from gateway.config.folders import LONGEST_SOCKET
from gateway.control import access, protocol
from gateway.logs import get_logger

log = get_logger(__name__)

MAX_CLIENTS = 32

Answer = Callable[[protocol.AnyAsk, int], AsyncGenerator[bytes, None]]
"""Lines that answer a request of a user (its number); raises ValueError with a sentence for who asked."""


class ControlServer:
    """Serves `answer` to whom the kernel vouches for. `patience`: seconds that one line may wait for its reader."""

    def __init__(self, answer: Answer, patience: float = 10.0) -> None:
        self.dropped = 0
        self._answer = answer
        self._patience = patience
        self._clients: set[asyncio.Task[None]] = set()
        self._admitted = 0

    @asynccontextmanager
    async def serve(self, path: Path) -> AsyncIterator[None]:
        """Listen at `path`; on leaving, whoever is connected is let go and the socket is removed."""
        if len(os.fsencode(path)) > LONGEST_SOCKET:
            raise OSError(f"{path}: too long for a socket's path: write a run_dir of at most 60 characters")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._connected, path, limit=protocol.MAX_REQUEST)
        path.chmod(0o666)
        try:
            yield
        finally:
            server.close()
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
            path.unlink(missing_ok=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._client(reader, writer), name="control client")
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        closed = False
        try:
            await self._serve_one(reader, writer)
            writer.close()
            async with asyncio.timeout(self._patience):
                await writer.wait_closed()
            closed = True
        except (TimeoutError, OSError):
            self.dropped += 1
        finally:
            if not closed:  # of what is closed CPython 3.11 has no loop any more to abort it
                writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            who = _allowed(writer)
            with self._admit():
                async with asyncio.timeout(self._patience):
                    line = await reader.readline()
                await self._reply(protocol.parse(line), who, reader, writer)
        except ValueError as error:
            writer.write(protocol.error_line(str(error)))
            async with asyncio.timeout(self._patience):
                await writer.drain()

    @contextmanager
    def _admit(self) -> Iterator[None]:
        """Before anything of a request is read: those beyond the number hold no memory, and nobody's place."""
        if self._admitted >= MAX_CLIENTS:
            raise ValueError(f"{MAX_CLIENTS} others are connected already: close one and ask again")
        self._admitted += 1
        try:
            yield
        finally:
            self._admitted -= 1

    async def _reply(
        self, request: protocol.AnyAsk, who: access.Peer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if isinstance(request, protocol.CHANGES):
            if access.right(who) != "change":
                raise ValueError(f"not allowed: to change something, be in group {access.CHANGERS}")
            log.debug("asked over the control socket", user=who.uid, request=request)
        gone = asyncio.ensure_future(_gone(reader))
        sender = asyncio.ensure_future(self._send(request, who.uid, writer))
        try:
            await asyncio.wait((gone, sender), return_when=asyncio.FIRST_COMPLETED)
            if sender.done():
                await sender
        finally:
            gone.cancel()
            sender.cancel()
            await asyncio.gather(gone, sender, return_exceptions=True)

    async def _send(self, request: protocol.AnyAsk, uid: int, writer: asyncio.StreamWriter) -> None:
        async with aclosing(self._answer(request, uid)) as lines:
            async for line in lines:
                writer.write(line)
                async with asyncio.timeout(self._patience):
                    await writer.drain()


def _allowed(writer: asyncio.StreamWriter) -> access.Peer:
    """Who is at the other end. ValueError for who may ask nothing: the socket is open to all users of the machine."""
    connection: socket.socket = writer.get_extra_info("socket")
    who = access.peer(connection)
    if access.right(who) == "none":
        raise ValueError(f"not allowed: user {who.uid} is not in group {access.READERS}")
    return who


async def _gone(reader: asyncio.StreamReader) -> None:
    """Returns when the other end hangs up; what it says meanwhile is not kept."""
    while await reader.read(65536):
        pass
