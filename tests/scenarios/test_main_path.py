"""The main job, end to end: a tag moves in a simulated warehouse, a plain MQTT subscriber is told so."""

from __future__ import annotations

import json
import signal
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker

from gateway.outbox.inspect import stopped
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.radio import Radio
from simulators.warehouse import Warehouse, aisles, dock
from tests.brokers import MOSQUITTO, Subscriber, subscriber
from tests.engines import Engine, over_every_broker
from tests.ledger import Ledger, Place
from tests.scenarios.conftest import BOUND, GatewayProcess, Start

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

CLEAR = Radio(gain_error=0.0, shadowing=0.5, fading=1.0)
"""A floor on which the nearest antenna is the strongest: what the gateway says can be checked word by word."""

TAG = bytes.fromhex("3074257bf7194e4000001a85")
TAG_URI = "urn:epc:id:sgtin:0614141.812345.6789"
"""The SGTIN-96 example of TDS 1.x to 2.3, with its URN."""

AISLES = ("aisle-a", "aisle-b")

ZONES = """\
read_points:
  aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: {timeout}, dwell: 200ms}}
  aisle-b: {{uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone, presence_timeout: {timeout}, dwell: 200ms}}
devices:
  aisle-reader: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {port}, antennas: {{1: aisle-a, 2: aisle-b}}}}
"""

PORTAL = """\
read_points:
  dock-1:
    uri: urn:epc:id:sgln:9521141.12345.dock1
    kind: portal
    location: {{in: "urn:epc:id:sgln:9521141.12345.0", out: "urn:epc:id:sgln:9521141.99999.0"}}
    biz_step: {{in: receiving, out: shipping}}
devices:
  dock-reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    port: {port}
    antennas: {{1: {{read_point: dock-1, side: outside}}, 2: {{read_point: dock-1, side: inside}}}}
"""


def floor() -> Warehouse:
    return Warehouse(*aisles(AISLES, "reader", spacing=12.0), radio=CLEAR, seed=1)


def reader(on: Warehouse, port: int = 0, antennas: int = 2) -> LlrpReader:
    return LlrpReader(ReaderOptions(name="reader", family="zebra-fx", antennas=antennas, port=port), on)


def transitions(heard: Subscriber, uri: str | None = None) -> list[tuple[str, str, str]]:
    """(transition, read point, object) of each distinct location event, in the order of decision."""
    events = {event["id"]: event for event in heard.events if event["type"] == "readpoint.epcis.v1"}
    ordered = sorted(events.values(), key=lambda event: (event["epoch"], int(event["sequence"])))
    found = [
        (
            event["data"]["readpoint:observation"]["transition"],
            event["data"]["readPoint"]["id"].rsplit(".", 1)[1],
            event["subject"],
        )
        for event in ordered
    ]
    return [each for each in found if uri in (None, each[2])]


def undeclared_holes(events: list[dict[str, Any]]) -> list[Place]:
    """Sequence numbers below the greatest of their (stream, epoch) that neither came nor were declared lost."""
    return heard_of(events).holes


def heard_of(events: list[dict[str, Any]]) -> Ledger:
    """The ledger of a subscriber."""
    ledger = Ledger()
    for event in events:
        ledger.deliver(event)
    return ledger


async def walk(warehouse: Warehouse, heard: Subscriber) -> None:
    """The tag, which is in the first aisle, goes to the other one once that is told, and is taken away once that is."""
    await heard.until(lambda: len(transitions(heard, TAG_URI)) >= 1, BOUND)
    warehouse.move(TAG, (12.0, 1.0), time.time(), speed=12.0)
    await heard.until(lambda: len(transitions(heard, TAG_URI)) >= 2, BOUND)
    warehouse.remove(TAG, time.time())
    await heard.until(lambda: len(transitions(heard, TAG_URI)) >= 3, BOUND)


@over_every_broker
async def test_a_moved_tag_is_the_right_epcis_event(gateway: Start, broker: Engine, material: Path) -> None:
    schema = json.loads((material / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    envelope = json.loads((material / "cloudevents" / "cloudevents.json").read_text())
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="3s"))
            await box.start()
            await walk(warehouse, heard)
            assert transitions(heard) == [
                ("arrived", "aislea", TAG_URI),
                ("moved", "aisleb", TAG_URI),
                ("departed", "aisleb", TAG_URI),
            ]
            happened = {
                event["data"]["readpoint:observation"]["transition"]: event
                for event in heard.events[-50:]
                if "epcList" in event["data"]
            }
            for event in heard.events:
                Draft7Validator(envelope, format_checker=FormatChecker()).validate(event)
                if event["type"] == "readpoint.epcis.v1":
                    Draft7Validator(schema, format_checker=FormatChecker()).validate(event["data"])
            topics = {message.topic for message in heard.messages if "/epcis/" in message.topic}
            assert topics == {f"readpoint/v1/dc1/rfid/gw-07.rfid/epcis/{aisle}" for aisle in AISLES}
            moved = happened["moved"]["data"]
            assert moved["epcList"] == [TAG_URI]
            assert moved["eventTimeZoneOffset"] in ("+01:00", "+02:00")
            assert moved["readpoint:observation"]["from"] == "urn:epc:id:sgln:9521141.12345.aislea"
            assert moved["bizLocation"] == {"id": "urn:epc:id:sgln:9521141.12345.aisleb"}
            assert "bizLocation" not in happened["departed"]["data"]


@over_every_broker
async def test_a_pallet_through_the_dock_passes_in_once(gateway: Start, broker: Engine) -> None:
    warehouse = Warehouse(*dock("dock-1", "reader", apart=4.0), radio=CLEAR, seed=2)
    load = [TAG[:-1] + bytes([serial]) for serial in range(6)]
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, PORTAL.format(port=device.port))
            await box.start()
            await box.until(lambda now: now.devices[0].state == "online")
            # Later than a second after reading began: what is in the field by then may have come from either side.
            warehouse.pallet(load, "dock-1", "in", time.time() + 2.0, speed=3.0, run=5.0)
            await heard.until(lambda: len(transitions(heard)) >= len(load), BOUND)
            passed = [event["data"] for event in heard.events if event["type"] == "readpoint.epcis.v1"]
            seen = [data["readpoint:observation"] for data in passed]
            assert len(passed) == len(load)
            assert {(one["transition"], one["direction"]) for one in seen} == {("passed", "in")}
            assert {one["passage"]["count"] for one in seen} == {len(load)}
            assert len({one["passage"]["id"] for one in seen}) == 1
            assert sorted(one["passage"]["index"] for one in seen) == list(range(1, len(load) + 1))
            assert {(data["bizStep"], data["bizLocation"]["id"]) for data in passed} == {
                ("receiving", "urn:epc:id:sgln:9521141.12345.0")
            }


@over_every_broker
async def test_a_kill_neither_repeats_arrivals_nor_forgets_them(gateway: Start, broker: Engine) -> None:
    """SIGKILL with tags present; half of them are taken away while the gateway is down."""
    warehouse = floor()
    tags = [TAG[:-1] + bytes([serial]) for serial in range(10)]
    now = time.time()
    for tag in tags:
        warehouse.place(tag, (0.0, 1.0), now)
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="3s"))
            await box.start()
            await heard.until(lambda: len(transitions(heard)) >= len(tags), BOUND)
            assert await box.end(signal.SIGKILL) == -signal.SIGKILL
            for tag in tags[:5]:
                warehouse.remove(tag, time.time())
            await box.start()
            await heard.until(lambda: len(transitions(heard)) >= len(tags) + 5, BOUND)
            said = transitions(heard)
            assert sorted(said[:10]) == [
                ("arrived", "aislea", f"urn:epc:id:sgtin:0614141.812345.{6656 + n}") for n in range(10)
            ]
            assert sorted(said[10:]) == [
                ("departed", "aislea", f"urn:epc:id:sgtin:0614141.812345.{6656 + n}") for n in range(5)
            ]
            assert {event["epoch"] for event in heard.events} == {1, 2}
            assert undeclared_holes(heard.events) == []


def restless(steps: int) -> Warehouse:
    """Forty tags that change the aisle every 0.9 s, so many times."""
    warehouse = floor()
    now = time.time()
    for serial in range(40):
        tag = TAG[:-1] + bytes([serial])
        for step in range(steps):
            warehouse.place(tag, (12.0 * ((step + serial) % 2), 1.0), now + step * 0.9 + serial * 0.02)
    return warehouse


async def nothing_is_lost(box: GatewayProcess, heard: Subscriber) -> None:
    """End the gateway once it knows the forty tags: all that was recorded was heard, without a hole, in turn."""
    await box.until(lambda now: now.location.present == 40 and now.uplink.state == "online")
    assert await box.end() == 0
    with stopped(box.folder / "state" / "rfid") as outbox:
        recorded = [json.loads(payload) for payload in outbox.payloads()]
    await heard.until(lambda: {event["id"] for event in recorded} <= heard.ids, BOUND)
    ledger = heard_of(heard.events)
    for event in recorded:
        ledger.record(event)
    assert ledger.faults == []
    assert alternating(transitions(heard))


@over_every_broker
async def test_nothing_recorded_is_lost_however_often_it_is_killed(gateway: Start, broker: Engine) -> None:
    """The gateway is killed again and again, at whatever it happens to do."""
    warehouse = restless(steps=240)
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="1s"))
            for life in range(8):
                await box.start()
                start = len(heard.ids)
                await heard.until(lambda start=start, life=life: len(heard.ids) >= start + 3 + 4 * life, BOUND)  # type: ignore[misc]
                await box.end(signal.SIGKILL)
            await box.start()
            await nothing_is_lost(box, heard)


def alternating(said: list[tuple[str, str, str]]) -> bool:
    """Each object arrives, moves, departs, and arrives again: nothing twice, nothing out of the blue."""
    at: dict[str, str | None] = defaultdict(lambda: None)
    for what, place, uri in said:
        here = at[uri]
        if (what == "arrived" and here is None) or (what == "moved" and here not in (None, place)):
            at[uri] = place
        elif what == "departed" and here == place:
            at[uri] = None
        else:
            return False
    return True


@over_every_broker
async def test_a_broker_that_is_down_costs_time_only(gateway: Start, broker: Engine) -> None:
    broker.stop()
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        box = gateway(broker, ZONES.format(port=device.port, timeout="30s"))
        await box.start()
        waiting = await box.until(lambda now: now.outbox.pending > 0 and now.location.present == 1)
        assert waiting.uplink.state == "offline"
        assert "refused" in waiting.uplink.cause
        box.send(signal.SIGSTOP)  # what reaches a broker before anybody has subscribed reaches nobody
        broker.start()
        with subscriber(broker) as heard:
            box.send(signal.SIGCONT)
            await heard.until(lambda: transitions(heard) == [("arrived", "aislea", TAG_URI)], BOUND)
            assert undeclared_holes(heard.events) == []


@over_every_broker
async def test_a_reader_that_is_off_at_start_is_found_when_it_comes(
    gateway: Start, broker: Engine, free_port: int
) -> None:
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    with subscriber(broker) as heard:
        box = gateway(broker, ZONES.format(port=free_port, timeout="30s"))
        await box.start()
        off = await box.until(lambda now: now.devices[0].state == "offline")
        assert str(free_port) in off.devices[0].cause
        async with reader(warehouse, port=free_port):
            await heard.until(lambda: transitions(heard) == [("arrived", "aislea", TAG_URI)], BOUND)


@over_every_broker
async def test_sigterm_stores_sends_and_says_goodbye(gateway: Start, broker: Engine) -> None:
    warehouse = floor()
    for serial in range(20):
        warehouse.place(TAG[:-1] + bytes([serial]), (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="30s"))
            await box.start()
            await box.until(lambda now: now.location.present == 20)
            assert await box.end() == 0
            assert len(transitions(heard)) == 20
            await heard.until(lambda: bool(heard.states) and heard.states[-1][0] == "offline", BOUND)
        assert not device.connected


async def test_a_second_gateway_on_the_same_outbox_names_the_first(gateway: Start, broker: Engine) -> None:
    async with reader(floor()) as device:
        box = gateway(broker, ZONES.format(port=device.port, timeout="30s"))
        await box.start()
        first = await box.until(lambda now: True)
        second = type(box)(box.folder, box.site)
        second.log = box.folder / "second.log"
        code, said = await second.ends()
        assert code == 1
        assert str(first.pid) in said
        assert "Traceback" not in said
        assert await box.status() is not None


async def test_a_wrong_configuration_is_refused_whole(gateway: Start, broker: Engine) -> None:
    box = gateway(broker, ZONES.format(port=5084, timeout="soon").replace("aisle-a}", "aisle-q}"))
    code, said = await box.ends()
    assert code == 78
    assert all(line.startswith(f"{box.site}:") for line in said.splitlines())
    assert "presence_timeout" in said
    assert "Traceback" not in said
