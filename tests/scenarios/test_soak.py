"""Long runs, only in `make soak`: outages of half a minute, hundreds of kills, a backlog drained beside live events."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from simulators.warehouse import Warehouse
from tests.brokers import MOSQUITTO, Mosquitto, Pki, Subscriber, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import (
    TAG,
    ZONES,
    floor,
    nothing_is_lost,
    reader,
    restless,
    transitions,
    undeclared_holes,
)

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(900),
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto"),
]

OUTAGE = 30.0
TAGS = [TAG[:-1] + bytes([serial]) for serial in range(10)]
HOLDOVER = 2.5
"""Seconds between the true move of a tag and the eventTime that a sound rule gives it, at most."""


@pytest.fixture
def broker(mosquitto: Callable[..., Mosquitto], pki: Pki) -> Mosquitto:
    made = mosquitto(pki=pki)
    made.start()
    return made


def walk(warehouse: Warehouse, begin: float) -> dict[str, float]:
    """Half of the tags move in the middle of the outage that begins then: when each one did, by its URN."""
    moves = {}
    for serial, tag in enumerate(TAGS):
        warehouse.place(tag, (0.0, 1.0), begin - 10.0)
        if serial % 2:
            moves[f"urn:epc:id:sgtin:0614141.812345.{6656 + serial}"] = at = begin + 10.0 + serial
            warehouse.move(tag, (12.0, 1.0), at, speed=12.0)
    return moves


def told(heard: Subscriber, what: str) -> dict[str, dict[str, Any]]:
    return {
        event["subject"]: event["data"]
        for event in heard.events
        if event["type"] == "readpoint.epcis.v1" and event["data"]["readpoint:observation"]["transition"] == what
    }


async def true_after(box: GatewayProcess, heard: Subscriber, moves: dict[str, float]) -> None:
    """Every move was told, dated when it happened; nothing else was."""
    await heard.until(lambda: set(told(heard, "moved")) == set(moves), BOUND)
    for uri, data in told(heard, "moved").items():
        happened = datetime.fromisoformat(data["eventTime"]).timestamp()
        assert abs(happened - moves[uri]) < HOLDOVER, (uri, happened - moves[uri])
    assert told(heard, "departed") == {}
    assert len(transitions(heard)) == len(TAGS) + len(moves)
    assert await box.end() == 0
    assert undeclared_holes(heard.events) == []


async def until_the_outage(box: GatewayProcess, heard: Subscriber, warehouse: Warehouse) -> dict[str, float]:
    """The gateway knows all tags, and the outage in which half of them will move is to begin: their moves."""
    await box.start()
    moves = walk(warehouse, time.time() + 8.0)
    await heard.until(lambda: len(told(heard, "arrived")) == len(TAGS), BOUND)
    await asyncio.sleep(max(0.0, min(moves.values()) - 11.0 - time.time()))
    return moves


async def test_what_a_reader_held_through_a_cut_link_is_told_as_it_happened(gateway: Start, broker: Mosquitto) -> None:
    warehouse = floor()
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="10s"))
            moves = await until_the_outage(box, heard, warehouse)
            device.faults.disconnect(OUTAGE)
            await asyncio.sleep(OUTAGE)
            await true_after(box, heard, moves)


async def test_what_a_reader_held_while_the_gateway_was_dead_is_told_as_it_happened(
    gateway: Start, broker: Mosquitto
) -> None:
    warehouse = floor()
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="10s"))
            moves = await until_the_outage(box, heard, warehouse)
            await box.end(signal.SIGKILL)
            await asyncio.sleep(OUTAGE)
            await box.start()
            await true_after(box, heard, moves)


async def test_a_hundred_kills_lose_nothing(gateway: Start, broker: Mosquitto) -> None:
    warehouse = restless(steps=600)
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="1s"))
            for life in range(100):
                await box.start()
                await asyncio.sleep(0.02 * (life * 37 % 100))
                await box.end(signal.SIGKILL)
            await box.start()
            await nothing_is_lost(box, heard)
