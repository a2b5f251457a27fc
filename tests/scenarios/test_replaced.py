"""What was placed before a start ends where it began, though the file, or the box, is another by then."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import TAG, TAG_URI, ZONES, floor, reader, transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")


def placement(heard: Subscriber) -> str | None:
    """Where the tag is by the contract's rule: the greatest eventTime, and an end only by the same stream and place."""
    events: list[Any] = list(
        {event["id"]: event for event in heard.events if event["type"] == "readpoint.epcis.v1"}.values()
    )
    events.sort(key=lambda one: (datetime.fromisoformat(one["data"]["eventTime"]), one["epoch"], int(one["sequence"])))
    where: tuple[str, str] | None = None
    for event in events:
        here = event["stream"], event["data"]["readPoint"]["id"]
        if event["data"]["readpoint:observation"]["transition"] != "departed":
            where = here
        elif where == here:
            where = None
    return where and where[1]


def elsewhere(box: GatewayProcess) -> None:
    box.site.write_text(box.site.read_text().replace("12345.aislea", "12345.hall"))


def removed(box: GatewayProcess) -> None:
    text = box.site.read_text().replace("{1: aisle-a, 2: aisle-b}", "{2: aisle-b}")
    box.site.write_text("".join(line for line in text.splitlines(keepends=True) if "aisle-a:" not in line))


def of_another_machine(box: GatewayProcess) -> None:
    [file] = Path(box.folder).glob("state/rfid/outbox.db")
    with closing(sqlite3.connect(file, isolation_level=None)) as outbox:
        outbox.execute("UPDATE streams SET machine = 'another'")


def of_another_site(box: GatewayProcess) -> None:
    box.site.write_text(box.site.read_text().replace("site: dc1", "site: dc2"))


@pytest.mark.parametrize(
    "change", [elsewhere, removed, of_another_machine, of_another_site], ids=lambda change: change.__name__
)
async def test_what_is_gone_at_the_next_start_is_nowhere(gateway: Start, broker: Mosquitto, change: Any) -> None:
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="5s"))
            await box.start()
            await heard.until(lambda: transitions(heard) == [("arrived", "aislea", TAG_URI)], BOUND)
            assert placement(heard) == "urn:epc:id:sgln:9521141.12345.aislea"
            # Before the end: a reader holds what it reads while nobody listens.
            warehouse.remove(TAG, time.time())
            await box.end()
            change(box)
            await box.start()
            await heard.until(lambda: transitions(heard)[-1][0] == "departed", BOUND)
            # Once told it is told, and the start after that has nothing to add.
            await box.end()
            await box.start()
            await box.until(
                lambda now: now.uplink.state == "online" and now.outbox.pending == now.location.present == 0
            )
            await heard.until(lambda: placement(heard) is None, BOUND)
            assert [kind for kind, *_ in transitions(heard)].count("arrived") <= 2


async def test_what_is_still_there_arrives_where_its_zone_is_now(gateway: Start, broker: Mosquitto) -> None:
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="30s"))
            await box.start()
            await heard.until(lambda: len(transitions(heard)) == 1, BOUND)
            await box.end()
            elsewhere(box)
            await box.start()
            await heard.until(lambda: len(transitions(heard)) == 3, BOUND)
            assert transitions(heard)[1:] == [("departed", "aislea", TAG_URI), ("arrived", "hall", TAG_URI)]
            assert placement(heard) == "urn:epc:id:sgln:9521141.12345.hall"
            await box.end()
            of_another_machine(box)
            await box.start()
            await heard.until(lambda: len(transitions(heard)) == 4, BOUND)
            assert transitions(heard)[3] == ("arrived", "hall", TAG_URI)
            warehouse.remove(TAG, time.time())
