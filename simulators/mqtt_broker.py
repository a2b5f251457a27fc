"""An MQTT 5 broker that answers as it is told: for what a real one cannot be made to say.

Speaks MQTT 5.0 over plain TCP, as far as one publishing client needs it: CONNECT, SUBSCRIBE, PUBLISH with QoS 1,
PINGREQ, DISCONNECT. Keeps nothing and routes nothing.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 8, 9, 12, 13, 14
_RECEIVE_MAXIMUM, _MAXIMUM_QOS, _RETAIN_AVAILABLE, _MAXIMUM_PACKET = 0x21, 0x24, 0x25, 0x27
_CONTENT_TYPE, _PAYLOAD_FORMAT, _SESSION_EXPIRY = 0x03, 0x01, 0x11
_FOUR_BYTES = (_SESSION_EXPIRY, _MAXIMUM_PACKET)


class Published(NamedTuple):
    """A PUBLISH as it came. `packet` is its packet identifier, `content_type` and `utf8` its properties."""

    topic: str
    payload: bytes
    packet: int
    retain: bool
    duplicate: bool
    content_type: str | None
    utf8: bool


class Limits(NamedTuple):
    """What CONNACK says the broker allows (MQTT 5.0, section 3.2.2.3)."""

    receive_maximum: int | None = None
    maximum_packet: int | None = None
    maximum_qos: int | None = None
    retain: bool = True

    def encode(self) -> bytes:
        """The CONNACK properties."""
        said = b""
        if self.receive_maximum is not None:
            said += struct.pack("!BH", _RECEIVE_MAXIMUM, self.receive_maximum)
        if self.maximum_qos is not None:
            said += struct.pack("!BB", _MAXIMUM_QOS, self.maximum_qos)
        if not self.retain:
            said += struct.pack("!BB", _RETAIN_AVAILABLE, 0)
        if self.maximum_packet is not None:
            said += struct.pack("!BI", _MAXIMUM_PACKET, self.maximum_packet)
        return _variable(len(said)) + said


def accept(_published: Published) -> int:
    """The answer of a broker that is well."""
    return 0x00


class ScriptedBroker:
    """`answer` gives the reason code for a PUBLISH, None for no answer; a negative one disconnects with its amount.

    `connack`, `answer` and `limits` may be changed while it runs. `silent` stops every answer, also to pings.
    """

    def __init__(self, answer: Callable[[Published], int | None] = accept, limits: Limits | None = None) -> None:
        self.answer = answer
        self.limits = limits or Limits()
        self.connack = 0x00
        self.silent = False
        self.port = 0
        self.published: list[Published] = []
        self.connects: list[str] = []
        self.sessions: list[tuple[bool, int]] = []
        """Of each CONNECT: Clean Start, and Session Expiry Interval in seconds."""
        self.subscribed: list[str] = []
        self.farewells = 0
        self.unanswered = 0
        self.peak = 0
        self._changed = asyncio.Condition()
        self._clients: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()

    @property
    def clients(self) -> int:
        """Connections that are open."""
        return len(self._clients)

    async def until(self, condition: Callable[[], bool], bound: float = 30.0) -> None:
        """Wait for what this broker sees; TimeoutError when it does not come about."""
        async with asyncio.timeout(bound), self._changed:
            await self._changed.wait_for(condition)

    def drop(self) -> None:
        """Cut every connection without a word."""
        for writer in self._clients:
            writer.transport.abort()

    def finish(self) -> None:
        """Close every connection after what was sent."""
        for writer in self._clients:
            writer.close()

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """PUBLISH with QoS 0 to every client."""
        body = _text(topic) + b"\0" + payload
        for writer in self._clients:
            writer.write(_packet(PUBLISH, body, retain))

    def garble(self, data: bytes) -> None:
        """Send every client these bytes."""
        for writer in self._clients:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while True:
                kind, flags, body = await _read(reader)
                if kind == DISCONNECT:
                    self.farewells += 1
                    break
                await self._handle(kind, flags, body, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.unanswered = 0
            self._clients.discard(writer)
            writer.close()
            async with self._changed:
                self._changed.notify_all()

    async def _handle(self, kind: int, flags: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        if kind == CONNECT:
            self.connects.append(_client_id(body))
            self.sessions.append(_session(body))
        elif kind == PUBLISH:
            self._publish(_published(flags, body), writer)
        if not self.silent:
            self._reply(kind, body, writer)
        async with self._changed:
            self._changed.notify_all()

    def _reply(self, kind: int, body: bytes, writer: asyncio.StreamWriter) -> None:
        if kind == CONNECT:
            writer.write(_packet(CONNACK, bytes([0, self.connack]) + self.limits.encode()))
        elif kind == SUBSCRIBE:
            filters = _filters(body)
            self.subscribed += filters
            writer.write(_packet(SUBACK, body[:2] + b"\0" + b"\x01" * len(filters)))
        elif kind == PINGREQ:
            writer.write(_packet(PINGRESP, b""))

    def _publish(self, published: Published, writer: asyncio.StreamWriter) -> None:
        self.published.append(published)
        self.unanswered += 1
        self.peak = max(self.peak, self.unanswered)
        code = None if self.silent else self.answer(published)
        if code is None:
            return
        self.unanswered -= 1
        if code < 0:
            writer.write(_packet(DISCONNECT, bytes([-code, 0])))
            writer.close()
        else:
            writer.write(_packet(PUBACK, struct.pack("!HBB", published.packet, code, 0)))


async def _read(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    (first,) = await reader.readexactly(1)
    length = shift = 0
    while True:
        (byte,) = await reader.readexactly(1)
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return first >> 4, first & 0x0F, await reader.readexactly(length)


def _variable(value: int) -> bytes:
    """A variable byte integer (section 1.5.5)."""
    written = bytearray()
    while True:
        value, low = divmod(value, 128)
        written.append(low | (0x80 if value else 0))
        if not value:
            return bytes(written)


def _number(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at


def _packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    return bytes([kind << 4 | flags]) + _variable(len(body)) + body


def _text(text: str) -> bytes:
    return struct.pack("!H", len(text.encode())) + text.encode()


def _string(body: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("!H", body, at)
    return body[at + 2 : at + 2 + size].decode(), at + 2 + size


def _client_id(body: bytes) -> str:
    length, at = _number(body, 10)
    return _string(body, at + length)[0]


def _session(body: bytes) -> tuple[bool, int]:
    """Sections 3.1.2.4 and 3.1.2.11.2; no interval is 0. Of other properties only those of four bytes are skipped."""
    length, at = _number(body, 10)
    expiry, end = 0, at + length
    while at < end and body[at] in _FOUR_BYTES:
        if body[at] == _SESSION_EXPIRY:
            (expiry,) = struct.unpack_from("!I", body, at + 1)
        at += 5
    return bool(body[7] & 0x02), expiry


def _filters(body: bytes) -> list[str]:
    length, at = _number(body, 2)
    at += length
    found = []
    while at < len(body):
        topic, at = _string(body, at)
        at += 1
        found.append(topic)
    return found


def _published(flags: int, body: bytes) -> Published:
    topic, at = _string(body, 0)
    packet = 0
    if flags & 0x06:
        (packet,) = struct.unpack_from("!H", body, at)
        at += 2
    length, at = _number(body, at)
    end = at + length
    content_type, utf8 = None, False
    while at < end:
        kind, at = body[at], at + 1
        if kind == _PAYLOAD_FORMAT:
            utf8, at = bool(body[at]), at + 1
        elif kind == _CONTENT_TYPE:
            content_type, at = _string(body, at)
        else:
            raise ConnectionError(f"PUBLISH property {kind:#x} is not known here")
    return Published(topic, body[end:], packet, bool(flags & 1), bool(flags & 8), content_type, utf8)
