"""An identity map from the first unknown tag to the last reload: listed, filled in, taken as the gateway runs."""

from __future__ import annotations

import asyncio
import csv
import io
import signal
import sys
from typing import Any

import pytest

from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_reload import POINTS, device, reader

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

TAG = bytes.fromhex("E2806894000050061C5A1234")
RAW = "urn:epc:raw:96.xE2806894000050061C5A1234"
PALLET = "urn:epc:id:giai:9521141.pallet7"
OTHER = "urn:epc:id:giai:9521141.pallet8"


def story(heard: Subscriber) -> list[tuple[str, str, str | None, str | None]]:
    """(transition, object, what was read, why it left) of all location events, in the order of their numbers."""
    events = [event for event in heard.events if event["type"] == "readpoint.epcis.v1"]
    found: dict[str, tuple[int, dict[str, Any], str]] = {}
    for event in events:
        found[event["id"]] = (int(event["sequence"]), event["data"]["readpoint:observation"], event["subject"])
    ordered = sorted(found.values(), key=lambda one: one[0])
    return [(seen["transition"], subject, seen.get("raw"), seen.get("reason")) for _, seen, subject in ordered]


async def orphans(box: GatewayProcess, *options: str) -> str:
    """What `readpoint orphans` prints."""
    arguments = [sys.executable, "-m", "gateway", "orphans", "--run-dir", str(box.socket.parent), *options]
    process = await asyncio.create_subprocess_exec(
        *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(BOUND):
        said, wrong = await process.communicate()
    assert process.returncode == 0, wrong
    return said.decode()


async def test_from_the_list_of_the_nameless_to_their_names(gateway: Start, broker: Mosquitto) -> None:
    async with reader("first", TAG) as first:
        with subscriber(broker) as heard:
            box = gateway(broker, POINTS + device("first", first.port, "aisle-a"))
            await box.start()
            told = [("arrived", RAW, None, None)]
            await heard.until(lambda: story(heard) == told, BOUND)

            listed = await orphans(box, "--csv")
            [row] = csv.DictReader(io.StringIO(listed))
            assert (row["identifier"], row["id"], row["device"], row["antenna"]) == (RAW, "", "first", "1")
            assert (row["read_point"], row["segment"]) == ("aisle-a", "rfid")
            assert RAW in await orphans(box)

            # The list with one id filled in is a map; the file is named, and taken.
            names = box.folder / "identities.csv"
            names.write_text(listed.replace(f"{RAW},,", f"{RAW},{PALLET},"))
            box.site.write_text(box.site.read_text().replace("[llrp]", "[llrp]\n    identities: identities.csv"))
            box.send(signal.SIGHUP)
            told += [("departed", RAW, None, "configuration"), ("arrived", PALLET, RAW, None)]
            await heard.until(lambda: story(heard) == told, BOUND)
            now = await box.until(lambda now: now.location.orphans == 0)
            assert (now.location.identities, now.location.present, now.outbox.epoch) == (1, 1, 1)
            assert await orphans(box, "--json") == ""

            # A wrong one changes nothing, and its lines are named.
            good = names.read_text()
            names.write_text(f"{good}{TAG.hex()},{OTHER}\nx,pallet 9\n")
            box.send(signal.SIGHUP)
            await box.logs("not reloaded")
            assert f"{names}:3:1: identity-conflict: " in box.log.read_text()
            assert f"{names}:4:1: bad-identity: 'pallet 9' is no GS1 id" in box.log.read_text()

            # The site file is as it was: the map alone is another.
            names.write_text(good.replace(PALLET, OTHER))
            box.send(signal.SIGHUP)
            told += [("departed", PALLET, RAW, "configuration"), ("arrived", OTHER, RAW, None)]
            await heard.until(lambda: story(heard) == told, BOUND)

            # A restart reads the map again, and nobody moves.
            assert await box.end() == 0
            await box.start()
            now = await box.until(lambda now: now.location.reads > 0)
            assert (now.location.identities, now.location.present, now.location.decided) == (1, 1, 0)
            assert story(heard) == told
