"""The bytes of a receiver: a serial port, a TCP connection or UDP datagrams. Everything is opened here."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import serial

from drivers import serial_ports
from drivers.contract import Disconnected, Unreachable
from drivers.nmea.settings import Address, Settings
from drivers.sockets import bind, connected, words

_CHUNK = 4096
"""Bytes taken at once: what the session does with them is done within a few milliseconds."""

_DATAGRAM = 65_535

Receive = Callable[[], Awaitable[bytes]]


@asynccontextmanager
async def connect(settings: Settings, interface: str | None) -> AsyncIterator[Receive]:
    """Enter: it is open; gives what waits for bytes. Raises `Unreachable`, later `Disconnected`; closes at the end."""
    where = settings.address
    if where is None:
        path = settings.port or ""
        port = _opened(path, settings.baud)
        try:
            yield lambda: _from_port(port.fileno(), path)
        finally:
            port.close()
        return
    sock = await _listening(where, interface) if where.scheme == "udp" else await _dialled(settings, where, interface)
    try:
        yield (lambda: _datagram(sock)) if where.scheme == "udp" else (lambda: _from_stream(sock))
    finally:
        sock.close()


def _opened(path: str, baud: int) -> serial.Serial:
    """Open, and ours alone."""
    try:
        return serial.Serial(path, baud, timeout=0, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        raise serial_ports.trouble(path, error) from error


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
    gone = Disconnected(f"{path} is gone: was the receiver unplugged? It is taken up again when it is back")
    gone.again = serial_ports.AGAIN
    return gone


async def _dialled(settings: Settings, where: Address, interface: str | None) -> socket.socket:
    advice = "is it on, and does it send NMEA on that port?"
    try:
        async with asyncio.timeout(settings.connect_timeout):
            return await connected(where.host, where.port, interface, advice=advice)
    except Unreachable as error:
        raise Unreachable(f"{settings.url}: {error}") from error
    except TimeoutError as error:
        raise Unreachable(
            f"{settings.url} did not answer within {settings.connect_timeout:g} s: is it on, and the address right?"
        ) from error


async def _listening(where: Address, interface: str | None) -> socket.socket:
    """Where datagrams come in. A name must be one of this machine."""
    found = await _resolved(where)
    family, kind, protocol, _, address = found[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        bind(sock, interface)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise Unreachable(
            f"udp://{where.host}:{where.port} cannot be listened on: {words(error)}; "
            "is it an address of this machine (ip address), and no other program there?"
        ) from error
    except BaseException:
        sock.close()
        raise
    return sock


async def _resolved(where: Address) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(where.host, where.port, type=socket.SOCK_DGRAM)
    except (OSError, ValueError) as error:
        raise Unreachable(f"the name {where.host} is not known: {words(error)}; write its address") from error
    return found  # type: ignore[return-value]


async def _from_stream(sock: socket.socket) -> bytes:
    try:
        data = await asyncio.get_running_loop().sock_recv(sock, _CHUNK)
    except OSError as error:
        raise Disconnected(f"the connection broke: {words(error)}") from error
    if not data:
        raise Disconnected("the other side closed the connection: does it serve one client at a time?")
    return data


async def _datagram(sock: socket.socket) -> bytes:
    """A datagram, whose end is the end of a line."""
    try:
        return await asyncio.get_running_loop().sock_recv(sock, _DATAGRAM) + b"\n"
    except OSError as error:
        raise Disconnected(f"the socket broke: {words(error)}") from error
