"""The same rule on a real PostgreSQL: both databases end alike."""

from __future__ import annotations

import random

import pytest

from examples.central.databases import Sqlite, connect
from examples.central.subscriber import Central
from tests import postgres
from tests.examples.events import corrected, payload, placed, topic
from tests.examples.test_central import Json, expected

pytestmark = pytest.mark.skipif(postgres.BIN is None, reason="PostgreSQL is not installed: apt-get install postgresql")


def history(mix: random.Random) -> list[Json]:
    """What two segments decided about 20 objects at 4 places; one event in ten is taken back."""
    events: list[Json] = []
    for sequence in range(1, 151):
        for stream in ("rfid-00000001", "yard-00000001"):
            mine = [event for event in events if event["stream"] == stream]
            if mine and mix.random() < 0.1:
                events.append(corrected(mix.choice(mine), 1, sequence))
            else:
                thing = f"urn:epc:id:sgtin:9521141.012345.{mix.randrange(20)}"
                kind, point = mix.choice(["arrived", "moved", "departed"]), f"aisle{mix.choice('abcd')}"
                events.append(placed(kind, thing, point, mix.randrange(100), 1, sequence, stream))
    return events


async def test_postgresql_and_sqlite_say_the_same() -> None:
    mix = random.Random(5)
    events = history(mix)
    deliveries = events + mix.sample(events, 100)
    mix.shuffle(deliveries)
    with postgres.postgres() as address:
        database = await connect(address)
        for one in (Central(database), Central(Sqlite(":memory:"))):
            await one.start()
            for at in range(0, len(deliveries), 7):
                await one.take([(topic(event), payload(event)) for event in deliveries[at : at + 7]])
            assert one.kpis.count == {"stored": 300, "repeated": 100, "corrected": one.kpis.count["corrected"]}
            assert await one.store.placements() == expected(events)
            await one.take([(topic(events[0]), b'{"type": "a\\u0000b"}'), (topic(events[0]), b"\xff\0")])
            assert one.kpis.count["rejected"] == 2
        again = Central(database)
        await again.start()
        known = again.streams.known
        assert {
            name: {epoch: numbers.runs for epoch, numbers in one.epochs.items()} for name, one in known.items()
        } == {
            "rfid-00000001": {1: [(1, 150)]},
            "yard-00000001": {1: [(1, 150)]},
        }
        await database.close()
