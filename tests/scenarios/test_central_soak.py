"""200 simulated gateways publish into one broker; the example of the centre keeps up, and nothing is missing."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests import postgres
from tests.brokers import MOSQUITTO, Mosquitto
from tests.examples.events import golden, placed
from tests.scenarios.test_central import centre, fetch

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(900),
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto"),
    pytest.mark.skipif(postgres.BIN is None, reason="PostgreSQL is not installed: apt-get install postgresql"),
]
GATEWAYS = 200
EVENTS = 150
"""Of each gateway."""

PACE = 0.4
"""Seconds between two events of one gateway: 500 a second in all."""


def now() -> str:
    return datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def said_by(gateway: str, sequence: int) -> dict[str, Any]:
    """One of its objects comes or goes, now."""
    kind = ("arrived", "moved", "departed")[sequence % 3]
    thing = f"urn:epc:id:sgtin:9521141.{gateway[3:]}345.{sequence % 10}"
    event = placed(kind, thing, f"aisle{'ab'[sequence % 2]}", 0, 1, sequence, f"rfid-00000{gateway[3:]}")
    event |= {"id": f"urn:uuid:{uuid.uuid4()}", "source": f"urn:readpoint:dc1:{gateway}.rfid", "time": now()}
    event["data"] |= {"eventID": event["id"], "eventTime": event["time"], "recordTime": event["time"]}
    return event


async def publish(broker: Mosquitto, number: int) -> None:
    """What one gateway says, at its pace; each event is acknowledged before the next."""
    gateway = f"gw-{number:03}"
    home = f"readpoint/v1/dc1/rfid/{gateway}.rfid"
    state = golden("state-online")["payload"] | {"source": f"urn:readpoint:dc1:{gateway}.rfid"}
    state["data"] |= {"stream": f"rfid-00000{number:03}", "epochs": []}
    async with aiomqtt.Client(broker.host, broker.port, identifier=f"{gateway}.rfid") as client:
        await client.publish(f"{home}/state", json.dumps(state).encode(), qos=1, retain=True)
        due = time.monotonic() + PACE * number / GATEWAYS
        for sequence in range(1, EVENTS + 1):
            await asyncio.sleep(due - time.monotonic())
            event = said_by(gateway, sequence)
            place = event["data"]["readPoint"]["id"][-6:].replace("aisle", "aisle-")
            await client.publish(f"{home}/epcis/{place}", json.dumps(event).encode(), qos=1)
            due += PACE


async def test_200_gateways_and_one_centre(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = mosquitto()
    broker.start()
    with postgres.postgres() as database:
        async with centre(broker, None, database, every=5.0) as one:
            await one.until(lambda said: said["online"] == 0)
            async with asyncio.TaskGroup() as tasks:
                for number in range(GATEWAYS):
                    tasks.create_task(publish(broker, number))
            last = await one.until(lambda said: said["count"].get("stored", 0) >= GATEWAYS * EVENTS)
        latency = last["latency"]["live"]["decidedAt"]
        rate = f"{GATEWAYS} gateways, {GATEWAYS / PACE:.0f} events/s"
        print(f"{rate}: decided to stored p50 {latency['p50']} s, p99 {latency['p99']} s")
        assert last["missing"] == 0
        assert last["count"] == {"stored": GATEWAYS * EVENTS, "repeated": 0}
        [(streams, events)] = await fetch(database, "SELECT count(DISTINCT stream), count(*) FROM events")
        assert (streams, events) == (GATEWAYS, GATEWAYS * EVENTS)
