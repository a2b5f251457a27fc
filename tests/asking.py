"""What any centre does where a broker may forget: it asks for the numbers that did not come."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from examples.central.sequences import Numbers
from tests.brokers import IDENTITY, Subscriber

HOME = f"readpoint/v1/dc1/rfid/{IDENTITY}"
EVERY = 0.3
PATIENCE = 1.0
"""Seconds that a number may be late."""


@asynccontextmanager
async def asking(centre: Subscriber, home: str = HOME) -> AsyncIterator[None]:
    """Inside, the subscriber says in `ack` of the segment at `home` what it has, and what it misses."""
    task = asyncio.create_task(_ask(centre, home))
    try:
        yield
    finally:
        task.cancel()


async def _ask(centre: Subscriber, home: str) -> None:
    numbers: defaultdict[tuple[str, int], Numbers] = defaultdict(Numbers)
    heard = stated = 0
    clock = asyncio.get_running_loop().time
    while True:
        events, heard = centre.events[heard:], len(centre.events)
        for event in events:
            numbers[event["stream"], event["epoch"]].add(int(event["sequence"]), int(event["sequence"]))
        messages, stated = centre.messages[stated:], len(centre.messages)
        for message in messages:
            if message.topic == f"{home}/state":
                data = json.loads(message.payload)["data"]
                for one in data["epochs"]:
                    if one["pending"] == 0:
                        numbers[data["stream"], one["epoch"]].promise(one["last"])
        for (stream, epoch), has in numbers.items():
            upto, missing = has.ack(clock(), PATIENCE)
            said = {"stream": stream, "epoch": epoch, "upto": upto, "missing": missing}
            centre.publish(f"{home}/ack", json.dumps(said).encode(), wait=False)
        await asyncio.sleep(EVERY)
