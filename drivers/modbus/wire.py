"""The byte stream to a bus: TCP, TLS or a serial port."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
import termios
from pathlib import Path
from typing import Protocol

import serial

from drivers import serial_ports
from drivers.contract import Disconnected, Unreachable
from drivers.modbus.address import Address
from drivers.modbus.settings import Serial, Settings, Tls
from drivers.sockets import connected, words

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
    context = None if settings.tls is None else _context(settings.tls, Path(base))
    try:
        async with asyncio.timeout(settings.connect_timeout):
            sock = await connected(address.host, address.port, interface, advice=_ADVICE)
    except TimeoutError as error:
        text = f"{address} did not answer within {settings.connect_timeout:g} s: is it on, and the address right?"
        raise Unreachable(text) from error
    except Unreachable as error:
        where = f"{address.host}:{address.port}"
        raise Unreachable(str(error).replace(where, str(address))) from error
    try:
        return await _stream(sock, address, context, settings)
    except BaseException:
        sock.close()
        raise


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

    def certificate(self) -> bytes | None:
        """The device's, as DER."""
        shown = None if self._transport is None else self._transport.get_extra_info("ssl_object")
        return None if shown is None else shown.getpeercert(binary_form=True)


class _Line:
    """A serial port, held for us alone."""

    def __init__(self, address: Address, settings: Serial) -> None:
        self.inbox = Inbox()
        stop_bits = settings.stop_bits or (2 if settings.parity == "none" else 1)
        try:
            self._port = serial.Serial(
                address.path,
                settings.baud,
                parity=settings.parity[0].upper(),
                stopbits=stop_bits,
                timeout=0,
                write_timeout=0,
                exclusive=True,
            )
        except (OSError, ValueError, termios.error) as error:  # termios: the port cannot do this baud or parity
            raise serial_ports.trouble(address.path, error) from error
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
    try:
        _, stream = await loop.create_connection(
            _Stream,
            sock=sock,
            ssl=context,
            server_hostname=address.host,
            ssl_handshake_timeout=settings.connect_timeout,
        )
    except ssl.SSLCertVerificationError as error:
        text = f"the certificate of {address} is not accepted: {error.verify_message}; see tls.ca"
        raise Unreachable(text) from error
    except (OSError, TimeoutError) as error:
        text = f"TLS with {address} failed: {words(error)}; does it speak TLS, and does it want a client certificate?"
        raise Unreachable(text) from error
    pinned = settings.tls.fingerprint if settings.tls else None
    found = hashlib.sha256(stream.certificate() or b"").hexdigest()
    if pinned is not None and found != pinned:
        await stream.close()
        text = f"{address} shows another certificate than the pinned one: sha256:{found}; if it was given a new one"
        raise Unreachable(f"{text}, put this fingerprint in the file, else somebody is between")
    return stream


def _context(tls: Tls, base: Path) -> ssl.SSLContext:
    """Checks the device's chain and name by `ca`, or leaves both to the fingerprint. TLS 1.2 at least."""
    for name in (tls.ca, tls.cert, tls.key):
        if name is not None and (base / name).exists() and not (base / name).is_file():
            raise Unreachable(f"the TLS files cannot be used: {name} is no file")  # a FIFO would stop everything
    try:
        context = ssl.create_default_context(cafile=None if tls.ca is None else str(base / tls.ca))
        if tls.cert is not None:
            # without a password an encrypted key would be asked for on the terminal
            context.load_cert_chain(base / tls.cert, None if tls.key is None else base / tls.key, password="")
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (tls.ca, tls.cert, tls.key) if name)
        raise Unreachable(f"the TLS files cannot be used ({files}): {words(error)}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.fingerprint is not None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
