"""The byte stream to a reader: TCP or TLS, bound to an interface, cut into frames."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import ExitStack, suppress
from pathlib import Path

from drivers.contract import Disconnected, Unreachable
from drivers.llrp.codec.framing import Framer
from drivers.llrp.settings import Settings
from drivers.sockets import dialled, words
from drivers.tls import check_pinned, client_context, handshake

_CHUNK = 32 * 2**10
_GOODBYE = 1.0
"""How long a reader may take to end the conversation (s); a longer wait would hold up a shutdown."""


class Link:
    """An open connection. Raises `Disconnected` when it ends, `ProtocolViolation` when it cannot be followed."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._framer = Framer()

    async def receive(self) -> list[bytes]:
        """The frames that came, one at least."""
        while True:
            try:
                data = await self._reader.read(_CHUNK)
            except OSError as error:
                raise Disconnected(f"the connection broke: {words(error)}") from error
            if not data:
                raise Disconnected("the reader closed the connection")
            frames = self._framer.feed(data)
            if frames:
                return frames

    async def send(self, frames: list[bytes]) -> None:
        """Sends them; waits while the reader takes nothing."""
        try:
            self._writer.write(b"".join(frames))
            await self._writer.drain()
        except OSError as error:
            raise Disconnected(f"the connection broke: {words(error)}") from error

    def post(self, frames: list[bytes]) -> None:
        """Sends a few without waiting: they go out when the reader takes them; a broken link shows in `receive`."""
        self._writer.write(b"".join(frames))

    async def close(self, farewell: bytes | None = None) -> None:
        """Says goodbye where one is given, waits a little for the reader to hang up, and frees the socket."""
        try:
            if farewell is not None:
                with suppress(TimeoutError, Disconnected, OSError):
                    async with asyncio.timeout(_GOODBYE):
                        await self.send([farewell])
                        while await self._reader.read(_CHUNK):
                            pass
        finally:
            self._writer.transport.abort()
        with suppress(OSError):
            await self._writer.wait_closed()


async def connect(settings: Settings, *, interface: str | None, base: str) -> Link:
    """Connects, with TLS where set. Raises `Unreachable` saying why, and what to do."""
    host, port = settings.address
    tls = settings.tls
    context = None if tls is None else client_context(tls, Path(base))
    sock = await dialled(
        host, port, interface, within=settings.connect_timeout, advice="is the reader on, and LLRP enabled in it?"
    )
    with ExitStack() as undo:
        undo.callback(sock.close)
        reader, writer = await _opened(sock, context, host, settings.connect_timeout)
        undo.pop_all()
    link = Link(reader, writer)
    try:
        check_pinned(tls, writer.get_extra_info("ssl_object"), f"{host}:{port}")
    except Unreachable:
        await link.close()
        raise
    return link


async def _opened(
    sock: socket.socket, context: ssl.SSLContext | None, host: str, patience: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if context is None:
        return await asyncio.open_connection(sock=sock)
    with handshake(host):
        return await asyncio.open_connection(
            sock=sock, ssl=context, server_hostname=host, ssl_handshake_timeout=patience
        )
