"""The example of a centre: how many events a second it validates, stores once, and places; as its tables grow.

Without MQTT: the same payloads as a gateway publishes under load, batches of 50, four in a transaction.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

from examples.central.databases import Postgres, Sqlite, connect
from examples.central.subscriber import Central
from tests import postgres
from tests.examples.events import payload, placed, topic

EVENTS = 20_000
OBJECTS = 2_000
BATCH, MESSAGES = 50, 4


def payloads() -> list[tuple[str, bytes]]:
    """What one segment says of its objects, which wander about."""
    mix = random.Random(1)
    events = [
        placed(
            mix.choice(["arrived", "moved", "departed"]),
            f"urn:epc:id:sgtin:9521141.012345.{mix.randrange(OBJECTS)}",
            f"aisle{mix.choice('abcdefgh')}",
            number / 100,
            17,
            number,
        )
        for number in range(1, EVENTS + 1)
    ]
    return [(topic(events[at]), payload(*events[at : at + BATCH])) for at in range(0, EVENTS, BATCH)]


async def measure(name: str, database: Sqlite | Postgres, messages: list[tuple[str, bytes]]) -> None:
    central = Central(database)
    await central.start()
    half = len(messages) // 2
    for which, part in (("first", messages[:half]), ("second", messages[half:])):
        begun = time.perf_counter()
        for at in range(0, len(part), MESSAGES):
            await central.take(part[at : at + MESSAGES])
        rate = len(part) * BATCH / (time.perf_counter() - begun)
        print(f"central {name}, {which} half: {rate:.0f} events/s (target 1,000)")
    assert central.kpis.count["stored"] == EVENTS
    assert central.report()["missing"] == 0
    begun = time.perf_counter()
    as_of = {"stream": "rfid-3f2a5b6c", "epoch": 17, "sequence": str(EVENTS)}
    await central.store.present("urn:readpoint:dc1:gw-07.rfid", as_of, "urn:epc:id:sgln:9521141.12345.aislea")
    print(f"central {name}, a snapshot against {EVENTS} events: {time.perf_counter() - begun:.2f} s (target 5 s)")
    await database.close()


async def run() -> None:
    messages = payloads()
    with tempfile.TemporaryDirectory() as folder:
        await measure("SQLite", Sqlite(str(Path(folder) / "central.sqlite3")), messages)
    if postgres.BIN is not None:
        with postgres.postgres() as address:
            await measure("PostgreSQL", await connect(address), messages)


def main() -> None:
    asyncio.run(run())


if __name__ == "__main__":
    main()
