"""Each broker of docs/brokers.md, from its file in examples/brokers: there, back, and there again after a restart."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from gateway.outbox.store import Outbox
from gateway.uplink.link import uplink
from gateway.uplink.requests import Request
from tests.asking import HOME, asking
from tests.brokers import pending, subscriber, work
from tests.engines import NAMES, STARTED, Engine, site_of
from tests.scenarios.conftest import BOUND, Start
from tests.scenarios.test_central import centre, fetch
from tests.scenarios.test_main_path import TAG, ZONES, floor, reader


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


@pytest.mark.soak
@pytest.mark.parametrize("broker", NAMES, indirect=True)
async def test_the_example_of_a_centre_knows_what_the_gateway_does(
    gateway: Start, broker: Engine, certificates: Path, tmp_path: Path
) -> None:
    """Snapshots of both are equal, before a restart of the broker and after it."""
    database, warehouse = str(tmp_path / "central.sqlite3"), floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    async with reader(warehouse) as device, centre(broker, certificates, database) as one:
        box = gateway(broker, ZONES.format(port=device.port, timeout="30s"))
        await box.start()
        await one.until(lambda said: said["convergence"] is not None and said["count"].get("stored", 0) >= 2, BOUND)
        await asyncio.to_thread(broker.stop)
        warehouse.move(TAG, (12.0, 1.0), time.time(), speed=12.0)
        await box.until(lambda now: now.outbox.pending > 0)
        await asyncio.to_thread(broker.start)
        told = "SELECT transition FROM events WHERE object IS NOT NULL ORDER BY epoch, sequence"
        async with asyncio.timeout(BOUND):
            while await fetch(database, told) != [("arrived",), ("moved",)]:
                await one.until(lambda said: said["online"] == 1 and said["missing"] == 0)
        last = await one.until(lambda said: said["online"] == 1 and said["accuracy"] == 1.0)
    assert last["count"].get("rejected", 0) == 0
