"""The shell: moves bytes from a socket into the conversation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress

from acme_desk.conversation import Conversation
from acme_desk.settings import PortSettings, Settings
from drivers.contract import Antenna, Batch, Context, Disconnected, Status, Unreachable
from drivers.sockets import connected, words

CHUNK = 16 * 2**10
"""Bytes taken at once: what nobody takes waits in the reader, not here."""


class AcmeDesk:
    """One desk reader. `open` may be called again after it ended."""

    def __init__(
        self,
        settings: Settings,
        ports: Mapping[Antenna, PortSettings],  # noqa: ARG002 - it has one antenna, without settings
        context: Context,
    ) -> None:
        self._settings = settings
        self._context = context

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """Enter: it is connected. Raises `DriverError`, here or while iterating; on leaving the socket is closed."""
        reader, writer = await self._connect()
        try:
            async with aclosing(self._batches(reader)) as batches:
                yield batches
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        settings = self._settings
        where = f"{settings.host}:{settings.port}"
        try:
            async with asyncio.timeout(settings.connect_timeout):
                sock = await connected(settings.host, settings.port, self._context.interface)
        except TimeoutError as error:
            raise Unreachable(f"{where} did not answer: is the reader on, and the address right?") from error
        return await asyncio.open_connection(sock=sock)

    async def _batches(self, reader: asyncio.StreamReader) -> AsyncGenerator[Batch]:
        conversation = Conversation()
        yield Batch((Status(None, "online", "", self._context.clock()),))
        while data := await self._read(reader):
            seen = conversation.feed(data, self._context.clock())
            if seen:
                yield Batch(seen)
        raise Disconnected("the reader closed the connection")

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            async with asyncio.timeout(self._settings.silence):
                return await reader.read(CHUNK)
        except TimeoutError as error:
            raise Disconnected(f"nothing came for {self._settings.silence:g} s: is its network cable in?") from error
        except OSError as error:
            raise Disconnected(f"the connection broke: {words(error)}") from error
