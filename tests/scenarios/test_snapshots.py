"""The centre's own state, made from events alone in whatever order they come, is what the snapshots say."""

from __future__ import annotations

import hashlib
import json
import random
import time
from datetime import datetime
from typing import Any

import pytest

from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.scenarios.conftest import BOUND, Start
from tests.scenarios.test_main_path import TAG, TAG_URI, ZONES, floor, reader, transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

STAYS = TAG[:-1] + b"\xff"
REQUEST = "readpoint/v1/dc1/rfid/gw-07.rfid/request"
POINTS = {f"urn:epc:id:sgln:9521141.12345.{name}" for name in ("aislea", "aisleb")}


def snapshots(heard: Subscriber) -> list[dict[str, Any]]:
    """The content of each snapshot page that came."""
    found = [json.loads(message.payload) for message in list(heard.messages) if "/snapshot/" in message.topic]
    assert all(one["type"] == "readpoint.snapshot.v1" for one in found)
    return [one["data"] for one in found]


def causes(heard: Subscriber) -> list[str]:
    """What the gateway says is wrong with its uplink."""
    uplink = [event["data"] for event in heard.events if event["type"] == "readpoint.health.v1"]
    return [data["cause"] for data in uplink if data["device"] == "uplink"]


def placed(events: list[dict[str, Any]], upto: tuple[int, int]) -> dict[str, set[str]]:
    """Who is where by the contract's rule of placement, from the events up to that (epoch, sequence) in any order."""
    state: dict[str, tuple[tuple[float, int, int], str, bool]] = {}
    mixed = [event for event in events if event["type"] == "readpoint.epcis.v1"]
    random.Random(7).shuffle(mixed)
    for event in mixed:
        number = event["epoch"], int(event["sequence"])
        if number > upto:
            continue
        when = datetime.fromisoformat(event["data"]["eventTime"]).timestamp()
        rank, where = (when, *number), event["data"]["readPoint"]["id"]
        gone = event["data"]["readpoint:observation"]["transition"] == "departed"
        known = state.get(event["subject"])
        if known is None or rank > known[0]:
            state[event["subject"]] = rank, where, gone
    return {point: {uri for uri, (_, where, gone) in state.items() if where == point and not gone} for point in POINTS}


def agree(heard: Subscriber) -> bool:
    """Every snapshot so far is what the events up to its position say; asserts, and says whether there was one."""
    pages = snapshots(heard)
    for page in pages:
        as_of = page["asOf"]["epoch"], int(page["asOf"]["sequence"])
        assert set(page["ids"]) == placed(heard.events, as_of)[page["readPoint"]], page
        assert page["count"] == len(page["ids"])
        said = "".join(f"{uri}\n" for uri in sorted(page["ids"], key=str.encode))
        assert page["digest"] == hashlib.sha256(said.encode()).hexdigest()
    return bool(pages)


async def test_what_the_events_say_is_what_the_snapshots_say(gateway: Start, broker: Mosquitto) -> None:
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    warehouse.place(STAYS, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="1s"))
            text = box.site.read_text()
            box.site.write_text(text.replace("    uplink:\n", "    uplink:\n      snapshot_interval: 200ms\n"))
            await box.start()
            await heard.until(lambda: len(transitions(heard)) >= 2, BOUND)
            await heard.until(lambda: any(page["count"] == 2 for page in snapshots(heard)), BOUND)
            warehouse.move(TAG, (12.0, 1.0), time.time(), speed=12.0)
            await heard.until(lambda: len(transitions(heard, TAG_URI)) >= 2, BOUND)
            warehouse.remove(TAG, time.time())
            await heard.until(lambda: len(transitions(heard, TAG_URI)) >= 3, BOUND)
            before = len(snapshots(heard))
            # Two more rounds: what they say is of after the last event.
            await heard.until(lambda: len(snapshots(heard)) >= before + 4, BOUND)
        assert agree(heard)
        assert {len(page["ids"]) for page in snapshots(heard)} >= {0, 1, 2}
        assert snapshots(heard)[-1]["observing"]
        assert {page["readPoint"] for page in snapshots(heard)} == POINTS


async def test_the_centre_may_ask_for_one(gateway: Start, broker: Mosquitto) -> None:
    warehouse = floor()
    warehouse.place(STAYS, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="30s"))
            await box.start()
            await heard.until(lambda: len(transitions(heard)) >= 1, BOUND)
            for asked in ("dock-99", "aisle-a"):
                heard.publish(REQUEST, json.dumps({"snapshot": asked}).encode())
            await heard.until(lambda: len(snapshots(heard)) >= 1, BOUND)
            # What there is none of is told by name, and no silence.
            await heard.until(lambda: any("'dock-99' is no zone" in cause for cause in causes(heard)), BOUND)
        [page] = snapshots(heard)
        assert agree(heard)
        assert (page["readPoint"].rsplit(".")[-1], page["count"], page["page"], page["pages"]) == ("aislea", 1, 1, 1)
