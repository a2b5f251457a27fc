"""A real broker for some days, and a centre that writes down what it is given."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.brokers import Mosquitto
from tests.year.books import Books


class Centre:
    """Hears everything; `rows` of its thread are taken into the books by the loop."""

    def __init__(self, port: int) -> None:
        self._heard: list[bytes] = []
        self._guard = threading.Lock()
        self._ready = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.on_message = self._hear
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe("readpoint/#", qos=1)
        self._client.loop_start()
        assert self._ready.wait(30.0)

    def _hear(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.split("/")[5] in ("epcis", "telemetry", "health", "loss"):
            with self._guard:
                self._heard.append(message.payload)

    def take(self, books: Books) -> None:
        """Write down what came."""
        with self._guard:
            heard, self._heard = self._heard, []
        for payload in heard:
            said = json.loads(payload)
            for event in said if isinstance(said, list) else [said]:
                if "sequence" in event:
                    books.deliver_number(event["epoch"], int(event["sequence"]))
                    if event["type"] == "readpoint.loss.v1":
                        books.declare(event["data"])

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def listening(broker: Mosquitto) -> Iterator[Centre]:
    """The broker is up and somebody listens, while inside."""
    broker.start()
    try:
        heard = Centre(broker.port)
        try:
            yield heard
        finally:
            heard.close()
    finally:
        broker.stop()
