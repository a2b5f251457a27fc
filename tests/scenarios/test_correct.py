"""`readpoint correct` on a running gateway and on a stopped one, beside a centre that follows the rule of placement."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import Any

import pytest

from examples.central.databases import Sqlite
from examples.central.subscriber import Central
from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_command_line import asked
from tests.scenarios.test_main_path import TAG, TAG_URI, ZONES, floor, reader, transitions
from tests.scenarios.test_snapshots import REQUEST, snapshots

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

OTHER = TAG[:-1] + b"\xff"
DEVICE = ("--device", "aisle-reader")
ALWAYS = ("--since", "2020-01-01", "--until", "2100-01-01T00:00:00Z")
Json = dict[str, Any]


def moment(event: Json, later: float = 0.0) -> str:
    at = datetime.fromisoformat(event["data"]["eventTime"]).timestamp() + later
    return datetime.fromtimestamp(at, UTC).isoformat()


async def equal(heard: Subscriber, present: dict[str, int]) -> None:
    """Asks for snapshots; they hold so many, and a centre that heard all this has the same."""
    before = len(snapshots(heard))
    for zone in present:
        heard.publish(REQUEST, json.dumps({"snapshot": zone}).encode())
    await heard.until(lambda: len(snapshots(heard)) == before + len(present), BOUND)
    said = {page["readPoint"].rpartition(".")[2]: page["count"] for page in snapshots(heard)[before:]}
    assert said == {zone.replace("-", ""): count for zone, count in present.items()}
    one = Central(Sqlite(":memory:"))
    await one.start()
    messages = [(message.topic, message.payload) for message in list(heard.messages)]
    await one.take(pair for pair in messages if "/snapshot/" not in pair[0])
    await one.take([pair for pair in messages if "/snapshot/" in pair[0]][-len(present) :])
    assert (one.kpis.count["compared"], one.kpis.accuracy, one.kpis.count["rejected"]) == (len(present), 1.0, 0)


def audited(box: GatewayProcess) -> list[Json]:
    file = box.folder / "state" / "rfid" / "audit.jsonl"
    return [json.loads(line) for line in file.read_bytes().splitlines()]


async def test_a_wrong_stretch_is_taken_back(gateway: Start, broker: Mosquitto) -> None:
    warehouse = floor()
    for tag in (TAG, OTHER):
        warehouse.place(tag, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="10m"))
            await box.start()
            await heard.until(lambda: len(transitions(heard)) >= 2, BOUND)
            warehouse.move(TAG, (12.0, 1.0), time.time(), speed=12.0)
            await heard.until(lambda: len(transitions(heard, TAG_URI)) >= 2, BOUND)
            for tag in (TAG, OTHER):
                warehouse.remove(tag, time.time())
            await equal(heard, {"aisle-a": 1, "aisle-b": 1})

            moved = next(event for event in heard.events if "from" in event["data"].get("readpoint:observation", {}))
            stretch = ("--since", moment(moved), "--until", moment(moved, 0.01))
            code, table, _ = await asked(box, "correct", *DEVICE, *stretch, "--dry-run")
            assert code == 0
            assert all(words in table for words in (TAG_URI, "moved", "1 events would be declared wrong"))
            assert not (box.folder / "state" / "rfid" / "audit.jsonl").exists()
            code, _, said = await asked(box, "correct", *DEVICE, *stretch, "--antenna", "9")
            assert (code, "names its antenna 9: they name " in said) == (1, True)
            assert not (box.folder / "state" / "rfid" / "audit.jsonl").exists()
            refused = json.loads((box.folder / "state" / "rfid" / "refused.jsonl").read_text())
            assert (refused["uid"], refused["refused"], "antenna 9" in refused["why"]) == (os.getuid(), "correct", True)
            code, out, _ = await asked(box, "correct", *DEVICE, *stretch, "--reason", "incorrect_data", "--json")
            *events, done = [json.loads(line) for line in out.splitlines()]
            assert (code, [one["eventID"] for one in events], done["declared"]) == (0, [moved["id"]], 1)
            await heard.until(lambda: any("errorDeclaration" in event["data"] for event in heard.events), BOUND)
            await equal(heard, {"aisle-a": 2, "aisle-b": 0})
            code, table, _ = await asked(box, "correct", *DEVICE, *stretch)
            assert (code, "1 were declared wrong before" in table) == (0, True)
            code, _, said = await asked(box, "correct", *DEVICE, "--since", "2100-01-01", "--until", "2020-01-01")
            assert (code, "--until is not after --since" in said) == (2, True)

            assert await box.end() == 0
            code, table, _ = await asked(box, "correct", *DEVICE, *ALWAYS, "--dry-run")
            assert (code, "2 events would be declared wrong" in table) == (0, True)
            code, table, _ = await asked(box, "correct", *DEVICE, *ALWAYS, "--reason", "did_not_occur")
            assert (code, "2 events are declared wrong (did_not_occur)" in table) == (0, True), table
            await box.start()
            await heard.until(lambda: sum("errorDeclaration" in one["data"] for one in heard.events) == 3, BOUND)
            await equal(heard, {"aisle-a": 0, "aisle-b": 0})
    lines = audited(box)
    assert [line.get("uid") for line in lines if "asked" in line] == [
        os.getuid()
    ] * 2  # who changed nothing is not in it
    assert [sum(last - first + 1 for one in line["corrected"] for first, last in one["events"])
            for line in lines if "corrected" in line] == [1, 2]  # fmt: skip
