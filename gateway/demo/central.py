"""The central service of the demo: a plain MQTT subscriber that counts every id once and shows what it is told."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import msgspec

from gateway.demo.broker import Broker
from gateway.demo.pki import CENTRAL


class _Loss(msgspec.Struct):
    count: int = 0


class _Event(msgspec.Struct):
    """The little that it looks at in each event."""

    id: str
    type: str
    sequence: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"{}")


_events = msgspec.json.Decoder(list[msgspec.Raw])
_event = msgspec.json.Decoder(_Event)


def event_id(payload: bytes) -> str:
    """The id of a stored event."""
    return _event.decode(payload).id


class Heard:
    """Of one segment: `ids` of numbered events with how often each came, and how many were declared lost."""

    def __init__(self) -> None:
        self.ids: Counter[str] = Counter()
        self.declared = 0

    @property
    def duplicates(self) -> int:
        """Deliveries beyond the first."""
        return self.ids.total() - len(self.ids)


class Central:
    """What has arrived, by segment."""

    def __init__(self, seen: Callable[[str, bytes], None]) -> None:
        self.segments: defaultdict[str, Heard] = defaultdict(Heard)
        self._seen = seen

    def received(self) -> dict[str, int]:
        """Distinct ids, by segment."""
        return {name: len(heard.ids) for name, heard in self.segments.items()}

    def take(self, topic: str, payload: bytes) -> None:
        """One MQTT payload: an event or an array of them."""
        _, _, _, segment, *_, name = topic.split("/")
        heard = self.segments[segment]
        for raw in _events.decode(payload) if payload.startswith(b"[") else [payload]:
            event = _event.decode(raw)
            if event.sequence is None:
                continue
            if not heard.ids[event.id]:
                if event.type == "readpoint.loss.v1":
                    heard.declared += msgspec.json.decode(event.data, type=_Loss).count
                self._seen(name, bytes(raw))
            heard.ids[event.id] += 1


@asynccontextmanager
async def subscribed(folder: Path, broker: Broker, central: Central) -> AsyncIterator[None]:
    """Entered once the broker granted the subscription."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / f"{CENTRAL}.pem", folder / f"{CENTRAL}.key")
    version = aiomqtt.ProtocolVersion.V5 if broker.protocol == "5" else aiomqtt.ProtocolVersion.V311
    async with aiomqtt.Client(
        "127.0.0.1",
        broker.port,
        identifier=CENTRAL,
        protocol=version,
        tls_context=context,
        max_queued_incoming_messages=100_000,
    ) as client:
        await client.subscribe("readpoint/v1/#", qos=1)

        async def follow() -> None:
            async for message in client.messages:
                central.take(message.topic.value, bytes(message.payload))

        task = asyncio.create_task(follow(), name="central service")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
