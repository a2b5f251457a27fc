"""One MQTT client that shows what a broker does, for docs/brokers.md."""

from __future__ import annotations

import itertools
import ssl
import threading
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from examples.central.checks import topic_of
from tests.brokers import IDENTITY
from tests.engines import Engine, Protocol

BOUND = 45.0
_COUNT = itertools.count(1)


class Probe:
    """Connected as `user`; with `keeps`, to a session that the broker keeps an hour. Blocks; every wait is bounded."""

    def __init__(
        self,
        broker: Engine,
        user: str = "central",
        *,
        name: str | None = None,
        protocol: Protocol | None = None,
        keeps: bool = False,
        takes: bool = True,
        will: str | None = None,
        bound: float = BOUND,
    ) -> None:
        self.messages: list[paho.MQTTMessage] = []
        self.said: str | None = None
        """What CONNACK said, or that the connection ended before it came."""
        self.ended: str | None = None
        self._answers: dict[int, str] = {}
        self._changed = threading.Condition()
        self._five = (protocol or broker.protocol) == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            name or (IDENTITY if user == IDENTITY else f"{user}-{next(_COUNT)}"),
            protocol=paho.MQTTv5 if self._five else paho.MQTTv311,
            clean_session=None if self._five else not keeps,
            reconnect_on_failure=False,
            manual_ack=not takes,
        )
        tls = broker.pki.client(user)
        context = ssl.create_default_context(cafile=str(tls.ca))
        context.load_cert_chain(str(tls.cert), str(tls.key))
        client.tls_set_context(context)
        if will is not None:
            client.will_set(will, b"will", qos=1, retain=True)
        client.on_connect = lambda _c, _d, _f, reason, _p: self._note(said=_word(reason))
        client.on_disconnect = lambda _c, _d, _f, reason, _p: self._note(ended=_word(reason))
        client.on_subscribe = lambda _c, _d, mid, reasons, _p: self._answer(mid, _word(reasons[0]))
        client.on_publish = lambda _c, _d, mid, reason, _p: self._answer(mid, _word(reason))
        client.on_message = self._hear
        session: dict[str, Any] = {}
        if self._five:
            session = {"clean_start": not keeps, "properties": Properties(PacketTypes.CONNECT)}
            session["properties"].SessionExpiryInterval = 3600 if keeps else 0
        client.connect(broker.host, broker.port, **session)
        client.loop_start()
        self._client = client
        self.until(lambda: self.said is not None or self.ended is not None, bound)

    def subscribe(self, topic: str) -> Probe:
        mid = self._client.subscribe(topic, 1)[1]
        assert mid is not None
        assert self.until(lambda: mid in self._answers), "no SUBACK"
        return self

    def publish(self, topic: str, payload: bytes = b"x", *, retain: bool = False, expires: int | None = None) -> str:
        """PUBACK's reason code (of MQTT 3.1.1, which has none: 0x00), or `ended`."""
        properties = None
        if expires is not None:
            properties = Properties(PacketTypes.PUBLISH)
            properties.MessageExpiryInterval = expires
        mid = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties).mid
        assert self.until(lambda: mid in self._answers or self.ended is not None), "no PUBACK"
        return self._answers.get(mid, "ended")

    def hears(self, payload: bytes, bound: float = BOUND) -> bool:
        """Whether it comes, or had come."""
        return self.until(lambda: any(one.payload == payload for one in self.messages), bound)

    def topics(self) -> list[str]:
        """As heard."""
        return [one.topic for one in self.messages]

    def until(self, so: Callable[[], bool], bound: float = BOUND) -> bool:
        with self._changed:
            return self._changed.wait_for(so, bound)

    def close(self) -> None:
        """Say goodbye."""
        self._client.disconnect()
        self._client.loop_stop()

    def cut(self) -> None:
        """Go without a word."""
        sock = self._client.socket()
        if sock is not None:
            sock.close()
        self._client.loop_stop()

    def _hear(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def _answer(self, mid: int, word: str) -> None:
        with self._changed:
            self._answers[mid] = word
            self._changed.notify_all()

    def _note(self, *, said: str | None = None, ended: str | None = None) -> None:
        with self._changed:
            self.said, self.ended = said or self.said, ended or self.ended
            self._changed.notify_all()


def heard_at(probe: Probe, topic: str) -> bool:
    """Whether a message came on the topic, as the contract has it."""
    return topic in map(topic_of, probe.topics())


def _word(reason: Any) -> str:
    return f"0x{reason.value:02X}"
