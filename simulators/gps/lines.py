"""The lines a receiver speaks on: a serial port (a pty behind a lasting name), a TCP server, UDP datagrams."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from simulators.pty import Pty

_BEHIND = 64 * 2**10
"""Bytes a client may be behind before it misses some, as on a serial line."""


class Line(Protocol):
    """Where bytes go. `busy`: somebody listens."""

    @property
    def busy(self) -> bool: ...
    async def plug(self) -> None: ...
    async def unplug(self) -> None: ...
    def send(self, data: bytes) -> None: ...


class SerialLine:
    """A serial port at `path`."""

    def __init__(self, path: Path) -> None:
        self._pty = Pty(path)

    @property
    def path(self) -> Path:
        """Where the port is."""
        return self._pty.path

    @property
    def busy(self) -> bool:
        """Whether somebody holds its exclusive lock."""
        return self._pty.busy

    def __str__(self) -> str:
        return str(self.path)

    async def plug(self) -> None:
        """It appears."""
        self._pty.plug()

    async def unplug(self) -> None:
        """It is gone, also for who has it open."""
        self._pty.unplug()

    def send(self, data: bytes) -> None:
        """What nobody fetches is lost once the buffer is full."""
        if self._pty.master is not None:
            with suppress(OSError):
                os.write(self._pty.master, data)


class TcpLine:
    """A serial server: every client hears all."""

    def __init__(self, host: str, port: int = 0) -> None:
        self.host, self.port = host, port
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    @property
    def busy(self) -> bool:
        """Whether somebody is connected."""
        return bool(self._clients)

    def __str__(self) -> str:
        return f"tcp://{self.host}:{self.port}"

    async def plug(self) -> None:
        """Listen, at the same port as before."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        """Neither listening nor connected any more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        serving = [task for task in self._clients.values() if task is not None]
        for client in list(self._clients):
            client.transport.abort()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients[writer] = asyncio.current_task()
        try:
            with suppress(OSError):
                while await reader.read(_BEHIND):
                    pass  # a receiver may be configured over its line; this one takes no orders
        finally:
            del self._clients[writer]
            writer.transport.abort()

    def send(self, data: bytes) -> None:
        """To every client that is not too far behind."""
        for client in self._clients:
            if client.transport.get_write_buffer_size() < _BEHIND:
                client.write(data)


class UdpLine:
    """Datagrams to an address, be there somebody or not."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._socket: socket.socket | None = None

    @property
    def busy(self) -> bool:
        """Whether somebody holds the port here."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((self.host, self.port))
            except OSError:
                return True
        return False

    def __str__(self) -> str:
        return f"udp://{self.host}:{self.port}"

    async def plug(self) -> None:
        """Begin to send."""
        if self._socket is None:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)

    async def unplug(self) -> None:
        """Nothing is sent any more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, data: bytes) -> None:
        """One datagram; that nobody listens is no trouble of the sender's."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendto(data, (self.host, self.port))
