"""The byte stream to a bus: TCP, TLS or a serial port."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from drivers.contract import Disconnected, Unreachable
from drivers.modbus.address import Address
from drivers.modbus.settings import Serial, Settings
from drivers.serial_lines import opened
from drivers.sockets import dialled, words
from drivers.tls import check_pinned, client_context, handshake

_ADVICE = "is it on, and Modbus enabled in it?"
_KEPT = 4096
"""Bytes that wait to be looked at; of a device that sends without being asked the last are kept."""


class Inbox:
    """What has come and nobody has looked at, and whether more can come."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.lost: str | None = None
        self._news = asyncio.Event()

    def arrived(self, data: bytes) -> None:
        """More bytes."""
        self.data += data
        del self.data[:-_KEPT]
        self._news.set()

    def ended(self, why: str) -> None:
        """No more bytes will come."""
        self.lost = self.lost or why
        self._news.set()

    async def news(self) -> None:
        """Waits for bytes. Raises `Disconnected` when none can come any more."""
        if self.lost is None:
            await self._news.wait()
            self._news.clear()
        if self.lost is not None:
            raise Disconnected(self.lost)


class Wire(Protocol):
    """An open stream."""

    inbox: Inbox

    def write(self, data: bytes) -> None: ...

    async def close(self) -> None: ...


async def connect(settings: Settings, *, interface: str | None, base: str) -> Wire:
    """Opens the port or connects, with TLS where set. Raises `Unreachable` saying why, and what to do."""
    address = settings.address
    if address.scheme == "rtu":
        return _Line(address, settings.serial)
    context = None if settings.tls is None else client_context(settings.tls, Path(base))
    sock = await dialled(
        address.host, address.port, interface, within=settings.connect_timeout, advice=_ADVICE, where=str(address)
    )
    with ExitStack() as undo:
        undo.callback(sock.close)
        wire = await _stream(sock, address, context, settings)
        undo.pop_all()
    return wire


class _Stream(asyncio.Protocol):
    """TCP or TLS."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self._transport: asyncio.Transport | None = None
        self._closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.inbox.arrived(data)

    def connection_lost(self, exc: Exception | None) -> None:
        why = "the device closed the connection" if exc is None else f"the connection broke: {words(exc)}"
        self.inbox.ended(why)
        self._closed.set()

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            await self._closed.wait()

    def shown(self) -> ssl.SSLObject | None:
        """Where the device's certificate stands, with TLS."""
        return None if self._transport is None else self._transport.get_extra_info("ssl_object")


class _Line:
    """A serial port, held for us alone."""

    def __init__(self, address: Address, settings: Serial) -> None:
        self.inbox = Inbox()
        stop_bits = settings.stop_bits or (2 if settings.parity == "none" else 1)
        self._port = opened(address.path, settings.baud, parity=settings.parity[0].upper(), stopbits=stop_bits)
        self._loop = asyncio.get_running_loop()
        self._port.reset_input_buffer()
        self._loop.add_reader(self._port.fileno(), self._readable)

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:
            self._end(f"the serial port broke: {words(error)}")

    async def close(self) -> None:
        self._end("closed")
        self._port.close()

    def _readable(self) -> None:
        try:
            data = self._port.read(_KEPT)
        except OSError as error:
            self._end(f"the serial port is gone: {words(error)}")
        else:
            if data:
                self.inbox.arrived(data)

    def _end(self, why: str) -> None:
        if self.inbox.lost is None:
            self._loop.remove_reader(self._port.fileno())
        self.inbox.ended(why)


async def _stream(sock: socket.socket, address: Address, context: ssl.SSLContext | None, settings: Settings) -> Wire:
    loop = asyncio.get_running_loop()
    if context is None:
        _, stream = await loop.create_connection(_Stream, sock=sock)
        return stream
    with handshake(str(address)):
        _, stream = await loop.create_connection(
            _Stream,
            sock=sock,
            ssl=context,
            server_hostname=address.host,
            ssl_handshake_timeout=settings.connect_timeout,
        )
    try:
        check_pinned(settings.tls, stream.shown(), str(address))
    except Unreachable:
        await stream.close()
        raise
    return stream
