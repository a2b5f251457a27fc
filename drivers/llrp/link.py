"""The byte stream to a reader: TCP or TLS, bound to an interface, cut into frames."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from contextlib import suppress
from pathlib import Path

from drivers.contract import Disconnected, Unreachable
from drivers.llrp.codec.framing import Framer
from drivers.llrp.settings import Settings, Tls
from drivers.sockets import connected, words

_CHUNK = 64 * 2**10
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
    where = f"{host}:{port}"
    context = None if settings.tls is None else _context(settings.tls, Path(base))
    try:
        async with asyncio.timeout(settings.connect_timeout):
            sock = await connected(host, port, interface, advice="is the reader on, and LLRP enabled in it?")
    except TimeoutError as error:
        raise Unreachable(
            f"{where} did not answer within {settings.connect_timeout:g} s: is the reader on, and the address right?"
        ) from error
    try:
        link, certificate = await _open(sock, context, host, settings.connect_timeout)
    except BaseException:
        sock.close()
        raise
    if settings.tls is not None and settings.tls.fingerprint is not None:
        found = hashlib.sha256(certificate or b"").hexdigest()
        if found != settings.tls.fingerprint:
            await link.close()
            raise Unreachable(
                f"{where} shows another certificate than the pinned one: sha256:{found}; "
                "if the reader was given a new certificate put this fingerprint in the file, else somebody is between"
            )
    return link


async def _open(
    sock: socket.socket, context: ssl.SSLContext | None, host: str, handshake: float
) -> tuple[Link, bytes | None]:
    if context is None:
        reader, writer = await asyncio.open_connection(sock=sock)
        return Link(reader, writer), None
    try:
        reader, writer = await asyncio.open_connection(
            sock=sock, ssl=context, server_hostname=host, ssl_handshake_timeout=handshake
        )
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"the certificate of {host} is not accepted: {error.verify_message}; see tls.ca") from error
    except (OSError, TimeoutError) as error:
        raise Unreachable(
            f"TLS with {host} failed: {words(error)}; does this port speak TLS, and does it want a client certificate?"
        ) from error
    shown = writer.get_extra_info("ssl_object")
    return Link(reader, writer), shown.getpeercert(binary_form=True)


def _context(tls: Tls, base: Path) -> ssl.SSLContext:
    """Checks the reader's chain and name by `ca`, or leaves both to the fingerprint. TLS 1.2 at least."""
    for name in (tls.ca, tls.cert, tls.key):
        if name is not None and (base / name).exists() and not (base / name).is_file():
            raise Unreachable(f"the TLS files cannot be used: {name} is no file")  # a FIFO would stop the whole gateway
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
