"""Scanners, end to end: a label is scanned on a serial port, a plain MQTT subscriber is told what it was."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from drivers.barcode.framing import Framing
from simulators.barcode_scanner.scanner import Scanner
from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.driving import until
from tests.scenarios.conftest import BOUND, Start

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

BELT = """\
read_points:
  belt-1: {{uri: "urn:epc:id:sgln:9521141.12345.belt1", kind: checkpoint, dedup: 60s}}
devices:
  belt-scanner: {{driver: barcode, segment: rfid, port: {port}, suffix: CRLF, ack: ACK, read_point: belt-1}}
"""

PALLET = b"]C100095201234567891235"
PALLET_URI = "https://id.gs1.org/00/095201234567891235"
CARTON = b"]C10109521141123454172612311024A\x1d3012"
CARTON_URI = "https://id.gs1.org/01/09521141123454/10/24A"


def scanner(folder: Path) -> Scanner:
    """One that waits for its acknowledgement after every scan."""
    return Scanner(Framing(suffix=b"\r\n"), path=folder / "by-id" / "usb-scanner", split=5, ack=b"\x06", patience=BOUND)


def observed(heard: Subscriber) -> list[dict[str, Any]]:
    return [event["data"] for event in heard.events if event["type"] == "readpoint.epcis.v1"]


async def test_ten_cartons_are_ten_events_and_a_pallet_is_one(
    gateway: Start, broker: Mosquitto, material: Path, tmp_path: Path
) -> None:
    schema = json.loads((material / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    async with scanner(tmp_path) as belt:
        with subscriber(broker) as heard:
            box = gateway(broker, BELT.format(port=belt.port))
            await box.start()
            await until(lambda: belt.line.busy)
            for _ in range(10):
                await belt.scan(CARTON)
            for _ in range(3):
                await belt.scan(PALLET)
            await belt.scan(b"a note")
            # Each was acknowledged by now, so it was stored: whatever happens, it will arrive.
            assert (bytes(belt.answers), belt.repeated) == (b"\x06" * 14, 0)
            await heard.until(lambda: len(observed(heard)) >= 12, BOUND)
            events = observed(heard)
            for event in events:
                Draft7Validator(schema, format_checker=FormatChecker()).validate(event)
            cartons = [event for event in events if "quantityList" in event]
            assert [event["quantityList"] for event in cartons] == [[{"epcClass": CARTON_URI, "quantity": 12}]] * 10
            seen = cartons[0]["readpoint:observation"]
            assert (seen["transition"], seen["digitalLink"]) == ("observed", CARTON_URI)
            assert seen["scan"] == {
                "aim": "]C1",
                "lot": "24A",
                "expiry": "2026-12-31",
                "elements": {"01": "09521141123454", "17": "261231", "10": "24A", "30": "12"},
                "raw": base64.b64encode(CARTON).decode(),
            }
            others = [event["epcList"] for event in events if "epcList" in event]
            assert others == [[PALLET_URI], ["urn:readpoint:code:a%20note"]]


async def test_a_scanner_that_was_unplugged_is_found_again(gateway: Start, broker: Mosquitto, tmp_path: Path) -> None:
    async with scanner(tmp_path) as belt:
        await belt.line.unplug()
        with subscriber(broker) as heard:
            box = gateway(broker, BELT.format(port=belt.port))
            await box.start()
            gone = await box.until(lambda now: now.devices[0].state == "offline" and now.devices[0].failures >= 3)
            assert "is it plugged in?" in gone.devices[0].cause
            await belt.line.plug()
            await box.until(lambda now: now.devices[0].state == "online")
            await belt.scan(PALLET)
            await heard.until(lambda: len(observed(heard)) == 1, BOUND)
