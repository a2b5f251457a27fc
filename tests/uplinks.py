"""An uplink to a scripted broker, and what that broker was told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.outbox.store import Outbox
from gateway.uplink.link import Uplink, uplink
from simulators.mqtt_broker import Published, ScriptedBroker
from tests.brokers import site_for


def is_event(published: Published) -> bool:
    return "/epcis/" in published.topic


def sequences(published: list[Published]) -> list[int]:
    """The sequence numbers in these publications, batches taken apart."""
    found = []
    for one in filter(is_event, published):
        read = json.loads(one.payload)
        found += [int(event["sequence"]) for event in (read if isinstance(read, list) else [read])]
    return found


@asynccontextmanager
async def connected(broker: ScriptedBroker, outbox: Outbox, **settings: object) -> AsyncIterator[Uplink]:
    async with uplink(*site_for(broker.port, **settings), outbox, version="1") as link:
        async with asyncio.timeout(30):
            await link.until(lambda status: status.state == "online")
        yield link
