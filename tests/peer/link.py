"""The way between a gateway and its broker, and who hears at its far end."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion


class Link:
    """A TCP relay to a broker on loopback. Held, it carries nothing and says nothing; cut, nobody gets through."""

    def __init__(self, broker: int) -> None:
        self.port = 0
        self._broker = broker
        self._passes = asyncio.Event()
        self._passes.set()
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        """Connections pass."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """All connections end, and new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()

    def hold(self) -> None:
        """Half-open: connections stay, and what is sent over them waits, as where every packet is dropped."""
        self._passes.clear()

    def release(self) -> None:
        """What waited comes, as TCP sends it again."""
        self._passes.set()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        await self._passes.wait()
        try:
            far, back = await asyncio.open_connection("127.0.0.1", self._broker)
        except OSError:
            writer.transport.abort()
            return
        self._ends.add(back)
        await asyncio.gather(self._copy(reader, back), self._copy(far, writer))

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                await self._passes.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.transport.abort()
            self._ends.discard(sink)


@contextmanager
def heard(port: int, number: re.Pattern[bytes]) -> Iterator[Counter[int]]:
    """How often each number came: a subscriber at the broker itself."""
    counts: Counter[int] = Counter()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)

    def take(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        counts.update(int(found) for found in number.findall(message.payload))

    client.on_connect = lambda *_: client.subscribe("#", 1)
    client.on_message = take
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield counts
    finally:
        client.disconnect()
        client.loop_stop()
