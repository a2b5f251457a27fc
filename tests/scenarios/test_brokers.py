"""Each broker of docs/brokers.md, from its file in examples/brokers: there, back, and there again after a restart."""

from __future__ import annotations

import asyncio

import pytest

from gateway.outbox.store import Outbox
from gateway.uplink.link import uplink
from gateway.uplink.requests import Request
from tests.asking import HOME, asking
from tests.brokers import pending, subscriber, work
from tests.engines import NAMES, STARTED, Engine, site_of


@pytest.mark.parametrize("broker", NAMES, indirect=True)
async def test_there_and_back_and_again_after_a_restart(broker: Engine, outbox: Outbox) -> None:
    asked: asyncio.Queue[Request] = asyncio.Queue()
    site, segment = site_of(broker, state_interval=0.5)
    with subscriber(broker) as centre:
        async with uplink(site, segment, outbox, on_request=asked.put_nowait, version="1") as link, asking(centre):
            outbox.put(work(100, "aisle-a"))
            outbox.put(work(1, "dock-1"))
            await centre.wait_for(101)
            await centre.until(lambda: bool(centre.states))
            topics = {message.topic for message in centre.messages}
            assert topics == {f"{HOME}/{place}" for place in ("epcis/aisle-a", "epcis/dock-1", "state")}
            centre.publish(f"{HOME}/request", b'{"snapshot": "aisle-a"}')
            async with asyncio.timeout(30):
                assert (await asked.get()).snapshot == "aisle-a"
            await asyncio.to_thread(broker.stop)
            outbox.put(work(100, "aisle-a"))
            async with asyncio.timeout(30):
                await link.until(lambda status: status.state == "offline")
            await asyncio.to_thread(broker.start)
            await centre.wait_for(201, bound=STARTED)
            assert await pending(link, outbox) == 0
    assert sorted({int(event["sequence"]) for event in centre.events}) == list(range(1, 202))
