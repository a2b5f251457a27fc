"""One MQTT connection, from name resolution to DISCONNECT: paho driven by the asyncio loop.

A new paho client for every connection: nothing queued or half-sent survives in it, so what is sent again always comes
from the outbox. paho's external-loop interface costs the same CPU a message as its own thread (45 to 50 us over TLS,
measured) and needs no locks; what blocks (names, TCP, TLS handshake) runs in a thread of its own, which is left behind
when it takes too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any, cast

import msgspec
from paho.mqtt import MQTTException
from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.config.site import Uplink
from gateway.uplink.bounded import MAX_INCOMING, BoundedClient
from gateway.uplink.causes import ConnectError, alert, explain
from gateway.uplink.credentials import Credentials
from gateway.uplink.reasons import ABOUT_A_PACKET, FAILURE, KEEP_ALIVE_TIMEOUT, SESSION_TAKEN_OVER, sentence

_SMALLEST = 512
"""Bytes of a packet below which a broker takes no event at all."""
_CLOSING = 1.0
"""Seconds that a DISCONNECT may take to leave."""


class Offer(msgspec.Struct, frozen=True):
    """What a connection says of itself: identity, Last Will, and the topics it listens to."""

    identity: str
    will_topic: str
    will: bytes
    listen: tuple[str, ...]


class Granted(msgspec.Struct, frozen=True):
    """What the broker allows (MQTT 5.0, section 3.2.2.3): messages in flight, bytes of a packet, retained messages."""

    receive_maximum: int = 65_535
    maximum_packet: int = 2**28
    retain: bool = True


class Closed(msgspec.Struct, frozen=True):
    """Why a connection ended; `by_peer` when the other side ended it and gave no reason but, at most, a takeover;
    `blamed` when it may have ended it for what was in flight."""

    cause: str
    by_peer: bool
    blamed: bool = False


class Listener(msgspec.Struct, frozen=True):
    """Who is told: PUBACKs as (packet identifier, reason code) in bunches, messages as (topic, payload, retained)."""

    acked: Callable[[list[tuple[int, int]]], None]
    received: Callable[[str, bytes, bool], None]


class Connection:
    """Open it once, publish while `closed` is not done, close it."""

    def __init__(self, settings: Uplink, offer: Offer, credentials: Credentials, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[Closed] = loop.create_future()
        self._loop = loop
        self._settings = settings
        self._offer = offer
        self._credentials = credentials
        self._listener = listener
        self._v5 = settings.protocol == "5"
        self._connack: asyncio.Future[Granted] = loop.create_future()
        self.deaf: str | None = None
        self._acks: list[tuple[int, int]] = []
        self._messages: list[tuple[str, bytes, bool]] = []
        self._heard = loop.time()
        self._thread = threading.get_ident()
        self._trace = ""
        self._ours: str | None = None
        self._properties: dict[str, Properties] = {}
        self._client = self._make_client()

    async def open(self) -> Granted:
        """Connected and accepted. ConnectError says why not; nothing is left open then."""
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                await self._dial()
                self._attach()
                granted = await self._connack
                self._client.on_log = None  # formatting a log line per packet is for the handshake's errors only
                self._client.subscribe([(topic, 1) for topic in self._offer.listen])
        except TimeoutError as error:
            self.abort("no answer in time")
            raise self._too_late() from error
        except (ConnectError, asyncio.CancelledError):
            self.abort("not connected")
            raise
        return granted

    def publish(self, topic: str, payload: bytes, content_type: str, *, retain: bool = False) -> int | None:
        """Send with QoS 1 and return the packet identifier; only while connected, and never more than was granted.

        None when it was not sent: its identifier is still taken by a message that the broker never answered, or the
        connection has just gone; either way the connection ends.
        """
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=self._describe(content_type))
        if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            return sent.mid
        self.abort("the broker left a message unanswered for a whole round of packet identifiers")
        return None

    def tick(self) -> None:
        """Keep-alive: to be called every second or so. Finds a half-open link in 1.5 keep-alive times."""
        self._client.loop_misc()
        limit = 1.5 * self._client.keepalive
        if limit and self._loop.time() - self._heard > limit:
            self.abort(f"nothing heard from the broker for {limit:g} s")

    def abort(self, cause: str) -> None:
        """Drop the connection at once, without a DISCONNECT: the broker sends the Last Will."""
        self._ours = cause
        sock = self._client.socket()
        if sock is not None:
            self._detach(sock)
            sock.close()
        self._end(Closed(cause, by_peer=False))

    async def close(self) -> None:
        """Say goodbye: the broker drops the Last Will."""
        if not self.closed.done():
            self._ours = "closed"
            self._client.disconnect()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self.closed), _CLOSING)
        self.abort("closed")

    @property
    def _where(self) -> str:
        return f"{self._settings.host}:{self._settings.port}"

    def _too_late(self) -> ConnectError:
        seconds = f"{self._settings.connect_timeout:g} s"
        if self._client.resolving:
            text = f"{self._settings.host}: the name is not resolved in {seconds}: does the name server answer?"
            return ConnectError("unreachable", text)
        return ConnectError("unreachable", f"{self._where}: no answer in {seconds}")

    def _make_client(self) -> BoundedClient:
        version = MQTTProtocolVersion(MQTTv5 if self._v5 else MQTTv311)
        # With reconnect_on_failure paho would fall back to MQTT 3.1 on its own.
        client = BoundedClient(
            CallbackAPIVersion.VERSION2,
            self._offer.identity,
            clean_session=None if self._v5 else True,
            protocol=version,
            reconnect_on_failure=False,
        )
        client.max_inflight_messages = 0
        client.connect_timeout = self._settings.connect_timeout
        client.will_set(
            self._offer.will_topic, self._offer.will, qos=1, retain=True, properties=self._will_properties()
        )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_log = self._on_log
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_register_write
        client.on_socket_unregister_write = self._on_unregister_write
        return client

    def _dial(self) -> asyncio.Future[None]:
        """Resolve, connect and shake hands in a thread. Left behind, the thread closes what it opened."""
        dialled: asyncio.Future[None] = self._loop.create_future()

        def tell(error: ConnectError | None) -> None:
            if dialled.done():
                self._discard()
            elif error is not None:
                dialled.set_exception(error)
            else:
                dialled.set_result(None)

        def work() -> None:
            error = self._connect()
            try:
                self._loop.call_soon_threadsafe(tell, error)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._discard()

        threading.Thread(target=work, name=f"{self._offer.identity} connect", daemon=True).start()
        return dialled

    def _connect(self) -> ConnectError | None:
        settings = self._settings
        try:
            if settings.secure:
                self._client.tls_set_context(self._credentials.context())
            self._client.connect(
                settings.host,
                settings.port,
                keepalive=max(1, round(settings.keepalive)),
                bind_address=settings.bind or "",
                **self._session(),
            )
        except ConnectError as error:
            return error
        except (OSError, ValueError) as error:
            return explain(error, settings.host, settings.port, self._credentials.trust, settings.bind)
        return None

    def _discard(self) -> None:
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _attach(self) -> None:
        sock = self._client.socket()
        assert sock is not None
        # Without it the last segment of a publication waits for the acknowledgement of those before (Nagle).
        cast("socket.socket", sock).setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = self._loop.time()
        self._loop.add_reader(sock, self._readable)
        if self._client.want_write():
            self._loop.add_writer(sock, self._writable)

    def _detach(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock)
            self._loop.remove_writer(sock)

    def _readable(self) -> None:
        self._heard = self._loop.time()
        try:
            self._client.loop_read()
            # What TLS has decrypted already makes the socket no more readable.
            while (sock := self._client.socket()) is not None and getattr(sock, "pending", int)():
                self._client.loop_read()
        except (MQTTException, ValueError, LookupError, struct.error):
            self.abort("the broker sent what is not MQTT")
        self._dispatch()

    def _writable(self) -> None:
        self._client.loop_write()

    def _dispatch(self) -> None:
        """Tell outside of paho's callbacks: a mistake of ours must not pass for one of the broker's."""
        if self._acks:
            acks, self._acks = self._acks, []
            self._listener.acked(acks)
        if self._messages:
            messages, self._messages = self._messages, []
            for message in messages:
                self._listener.received(*message)

    def _end(self, closed: Closed) -> None:
        if not self.closed.done():
            self.closed.set_result(closed)
        if not self._connack.done():
            refusal = alert(self._trace)
            self._connack.set_exception(
                ConnectError("refused", f"{self._where}: {refusal}")
                if refusal
                else ConnectError(
                    "unreachable", f"{self._where}: {closed.cause} before it answered: its log may say why"
                )
            )
            self._connack.exception()  # `open` tells it, or gave up already

    def _session(self) -> dict[str, Any]:
        """Clean Start and Session Expiry 0: the outbox is the session, a broker's copy would only repeat it."""
        if not self._v5:
            return {}
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = 0
        properties.MaximumPacketSize = MAX_INCOMING
        return {"clean_start": True, "properties": properties}

    def _will_properties(self) -> Properties | None:
        if not self._v5:
            return None
        properties = _properties(PacketTypes.WILLMESSAGE)
        properties.PayloadFormatIndicator = 1
        properties.ContentType = "application/cloudevents+json"
        return properties

    def _describe(self, content_type: str) -> Properties | None:
        if not self._v5:
            return None
        properties = self._properties.get(content_type)
        if properties is None:
            properties = self._properties[content_type] = _properties(PacketTypes.PUBLISH)
            properties.PayloadFormatIndicator = 1  # UTF-8, MQTT 5.0 section 3.3.2.3.2
            properties.ContentType = content_type
        return properties

    def _on_connect(
        self, _client: Client, _data: Any, _flags: ConnectFlags, reason: ReasonCode, properties: Properties | None
    ) -> None:
        if self._connack.done():
            return
        if reason.is_failure:
            self._connack.set_exception(ConnectError("refused", f"{self._where}: {sentence(reason.value)}"))
            return
        said = vars(properties) if properties is not None else {}
        if said.get("MaximumQoS", 1) < 1:
            self._connack.set_exception(ConnectError("refused", f"{self._where}: {sentence(0x9B)}"))
            return
        largest = said.get("MaximumPacketSize", 2**28)
        if largest < _SMALLEST:
            told = f"the broker takes packets of {largest} bytes at most, and no event fits: raise its limit to 131072"
            self._connack.set_exception(ConnectError("refused", f"{self._where}: {told}"))
            return
        self._connack.set_result(
            Granted(
                max(1, said.get("ReceiveMaximum", 65_535)),
                largest,
                bool(said.get("RetainAvailable", 1)),
            )
        )

    def _on_subscribe(
        self, _client: Client, _data: Any, _mid: int, reasons: list[ReasonCode], _properties: Properties | None
    ) -> None:
        # Not to be heard is no reason not to speak: events go out all the same.
        self.deaf = next((sentence(reason.value) for reason in reasons if reason.is_failure), None)

    def _on_disconnect(
        self, _client: Client, _data: Any, flags: DisconnectFlags, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        if self._ours is not None:
            self._end(Closed(self._ours, by_peer=False))
        elif flags.is_disconnect_packet_from_server:
            # With any other reason the broker explains itself, and no other box is behind it.
            pushed = reason.value in (SESSION_TAKEN_OVER, FAILURE)
            blamed = reason.value in ABOUT_A_PACKET
            self._end(Closed(f"the broker ended the connection: {sentence(reason.value)}", pushed, blamed))
        else:
            self._end(self._lost(reason))

    def _lost(self, reason: ReasonCode) -> Closed:
        """A connection that ended without a word: what the network did is no fault of what was in flight."""
        if reason.value == KEEP_ALIVE_TIMEOUT:
            silent = self._loop.time() - self._heard
            return Closed(f"nothing heard from the broker for {silent:.2g} s", by_peer=False)
        if self._client.broken is not None:
            return Closed(f"the connection broke: {self._client.broken.strerror}", by_peer=False)
        return Closed("the broker closed the connection", by_peer=True, blamed=True)

    def _on_publish(
        self, _client: Client, _data: Any, mid: int, reason: ReasonCode, _properties: Properties | None
    ) -> None:
        self._acks.append((mid, reason.value))

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        self._messages.append((topic, bytes(message.payload), message.retain))

    def _on_log(self, _client: Client, _data: Any, _level: int, line: str) -> None:
        if "[SSL" in line:
            self._trace = line

    def _on_socket_close(self, _client: Client, _data: Any, sock: Any) -> None:
        self._detach(sock)

    def _on_register_write(self, _client: Client, _data: Any, sock: Any) -> None:
        # During the handshake this is the connecting thread's; `_attach` registers what waits by then.
        if threading.get_ident() == self._thread:
            self._loop.add_writer(sock, self._writable)

    def _on_unregister_write(self, _client: Client, _data: Any, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_writer(sock)


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]
