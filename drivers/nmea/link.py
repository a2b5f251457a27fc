"""The bytes of a receiver: a serial port, a TCP connection or UDP datagrams. Everything is opened here."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager

from drivers import serial_lines
from drivers.contract import Disconnected, Unreachable
from drivers.nmea.settings import Address, Settings
from drivers.sockets import bind, dialled, received, resolved, words

_HINT = "does it serve one client at a time?"

_DATAGRAM = 8192
"""A receiver's datagrams have some hundred bytes. What is behind this of a longer one is not looked at: anybody may
send it, and the sentences of 64 KiB would hold up the gateway for 100 ms."""

Receive = Callable[[], Awaitable[bytes]]


@asynccontextmanager
async def connect(settings: Settings, interface: str | None) -> AsyncIterator[Receive]:
    """Enter: it is open; gives what waits for bytes. Raises `Unreachable`, later `Disconnected`; closes at the end."""
    where = settings.address
    if where is None:
        port = serial_lines.opened(settings.port or "", settings.baud)
        try:
            yield lambda: serial_lines.received(port, "receiver")
        finally:
            port.close()
        return
    sock = await _listening(where, interface) if where.scheme == "udp" else await _dialled(settings, where, interface)
    try:
        yield (lambda: _datagram(sock, where)) if where.scheme == "udp" else (lambda: received(sock, str(where), _HINT))
    finally:
        sock.close()


async def _dialled(settings: Settings, where: Address, interface: str | None) -> socket.socket:
    advice = "is it on, and does it send NMEA on that port?"
    return await dialled(
        where.host, where.port, interface, within=settings.connect_timeout, advice=advice, where=str(where)
    )


async def _listening(where: Address, interface: str | None) -> socket.socket:
    """Where datagrams come in. A name must be one of this machine."""
    family, kind, protocol, _, address = (await resolved(where.host, where.port, socket.SOCK_DGRAM))[0]
    sock = socket.socket(family, kind, protocol)
    with ExitStack() as undo:
        undo.callback(sock.close)
        try:
            sock.setblocking(False)
            bind(sock, interface)
            sock.bind(address)
        except OSError as error:
            raise Unreachable(
                f"{where} cannot be listened on: {words(error)}; "
                "is it an address of this machine (ip address), and no other program there?"
            ) from error
        undo.pop_all()
    return sock


async def _datagram(sock: socket.socket, where: Address) -> bytes:
    """A datagram, whose end is the end of a line."""
    try:
        return await asyncio.get_running_loop().sock_recv(sock, _DATAGRAM) + b"\n"
    except OSError as error:
        raise Disconnected(f"the socket of {where} broke: {words(error)}") from error
