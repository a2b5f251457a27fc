"""The bytes of a scanner: a serial port that is ours alone, or a TCP connection. Everything is opened here."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import serial

from drivers import serial_ports
from drivers.barcode.settings import Address, Settings
from drivers.observations import Disconnected, Unreachable
from drivers.sockets import connected, words

_CHUNK = 4096
"""Bytes taken at once: what is made of them is made within milliseconds."""

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
        port = _opened(settings)
        try:
            yield Link(lambda: _from_port(port.fileno(), settings.port), lambda data: os.write(port.fileno(), data))
        finally:
            port.close()
    else:
        sock = await _dialled(settings, where, interface)
        try:
            yield Link(lambda: _from_socket(sock, settings.port), sock.send)
        finally:
            sock.close()


def _opened(settings: Settings) -> serial.Serial:
    try:
        return serial.Serial(
            settings.port,
            settings.baud,
            bytesize=settings.bytesize,
            parity=settings.parity[0].upper(),
            stopbits=settings.stopbits,
            rtscts=settings.flow == "rtscts",
            xonxoff=settings.flow == "xonxoff",
            timeout=0,
            exclusive=True,
        )
    except (serial.SerialException, OSError, ValueError) as error:
        raise serial_ports.trouble(settings.port, error) from error


async def _from_port(descriptor: int, path: str) -> bytes:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    try:
        data = os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return b""
    except OSError as error:
        raise _unplugged(path) from error
    if not data:
        raise _unplugged(path)
    return data


def _unplugged(path: str) -> Disconnected:
    """USB gives EIO or an end of file first and ENOENT later; whichever it is, the port is gone."""
    gone = Disconnected(f"{path} is gone: was the scanner unplugged? It is taken up again when it is back")
    gone.again = serial_ports.AGAIN
    return gone


async def _dialled(settings: Settings, where: Address, interface: str | None) -> socket.socket:
    advice = "is it on, and does it serve one client at a time?"
    try:
        async with asyncio.timeout(settings.connect_timeout):
            sock = await connected(where.host, where.port, interface, advice=advice)
    except TimeoutError as error:
        waited = f"{settings.connect_timeout:g} s"
        raise Unreachable(
            f"{settings.port} did not answer within {waited}: is it on, and the address right?"
        ) from error
    except Unreachable as error:
        raise Unreachable(f"{settings.port}: {error}") from error
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)
    return sock


async def _from_socket(sock: socket.socket, name: str) -> bytes:
    try:
        data = await asyncio.get_running_loop().sock_recv(sock, _CHUNK)
    except OSError as error:
        raise Disconnected(f"the connection to {name} broke: {words(error)}") from error
    if not data:
        raise Disconnected(f"{name} closed the connection: is another program connected to it?")
    return data
