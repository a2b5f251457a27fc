"""The bytes of a scanner: a serial port that is ours alone, or a TCP connection. Everything is opened here."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from drivers import serial_lines
from drivers.barcode.settings import Address, Settings
from drivers.sockets import dialled, received

_KEEPALIVE = ((socket.TCP_KEEPIDLE, 5), (socket.TCP_KEEPINTVL, 2), (socket.TCP_KEEPCNT, 3))
"""A scanner says nothing for hours: only so is a dead one noticed, after 11 s."""


class Link:
    """An open line. `receive` waits for bytes, raises `Disconnected`; `send` never waits: what has no room is lost."""

    def __init__(self, receive: Callable[[], Awaitable[bytes]], send: Callable[[bytes], object]) -> None:
        self.receive = receive
        self._send = send

    def send(self, data: bytes) -> None:
        """A line that is gone says so at the next `receive`."""
        with suppress(OSError):
            self._send(data)


@asynccontextmanager
async def connect(settings: Settings, interface: str | None) -> AsyncIterator[Link]:
    """Raises `Unreachable`; on leaving, the port is free."""
    where = settings.address
    if where is None:
        port = serial_lines.opened(
            settings.port,
            settings.baud,
            bytesize=settings.bytesize,
            parity=settings.parity[0].upper(),
            stopbits=settings.stopbits,
            rtscts=settings.flow == "rtscts",
            xonxoff=settings.flow == "xonxoff",
        )
        try:
            yield Link(lambda: serial_lines.received(port, "scanner"), lambda data: os.write(port.fileno(), data))
        finally:
            port.close()
    else:
        sock = await _dialled(settings, where, interface)
        try:
            yield Link(lambda: received(sock, settings.port, "is another program connected to it?"), sock.send)
        finally:
            sock.close()


async def _dialled(settings: Settings, where: Address, interface: str | None) -> socket.socket:
    sock = await dialled(
        where.host,
        where.port,
        interface,
        within=settings.connect_timeout,
        advice="is it on, and does it serve one client at a time?",
        where=settings.port,
    )
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return sock
