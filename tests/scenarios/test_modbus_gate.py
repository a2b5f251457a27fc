"""PLC and RFID in one segment: the photo-eye of a dock door says when reads count, a conveyor counts boxes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.modbus_plc.machines import Conveyor, Door
from simulators.modbus_plc.server import ModbusPlc
from simulators.radio import Radio
from simulators.warehouse import Warehouse, dock
from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.scenarios.conftest import BOUND, Start

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

CLEAR = Radio(gain_error=0.0, shadowing=0.5, fading=1.0)
UNSEEN, SEEN = (bytes.fromhex(f"3074257bf7194e40000000{serial:02x}") for serial in (1, 2))

SITE = """\
read_points:
  dock-1:
    uri: urn:epc:id:sgln:9521141.12345.dock1
    kind: portal
    gate: {{device: dock-plc, signal: beam, hold: 500ms}}
  belt-1: {{uri: "urn:epc:id:sgln:9521141.12345.belt1", kind: checkpoint}}
devices:
  dock-reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    port: {reader}
    antennas: {{1: {{read_point: dock-1, side: outside}}, 2: {{read_point: dock-1, side: inside}}}}
  dock-plc:
    driver: modbus
    segment: rfid
    url: tcp://127.0.0.1:{plc}
    interval: 50ms
    points: {{beam: {{table: discrete, address: 3, signal: true}}}}
  conveyor:
    driver: modbus
    segment: rfid
    url: tcp://127.0.0.1:{plc}
    unit: 2
    interval: 50ms
    antennas: {{boxes: belt-1}}
    points:
      boxes: {{table: input, address: 2, type: uint32, epc_class: "https://id.gs1.org/01/09521141123454"}}
"""


def location(heard: Subscriber) -> list[dict[str, Any]]:
    return [event["data"] for event in heard.events if event["type"] == "readpoint.epcis.v1"]


def beam(heard: Subscriber) -> list[object]:
    """What telemetry said of the photo-eye."""
    told = [event["data"] for event in heard.events if event["type"] == "readpoint.telemetry.v1"]
    return [point["value"] for data in told if data["device"] == "dock-plc" for point in data["points"]]


async def test_reads_count_only_while_the_beam_is_broken(gateway: Start, broker: Mosquitto) -> None:
    warehouse = Warehouse(*dock("dock-1", "reader", apart=4.0), radio=CLEAR, seed=2)
    door, belt = Door(), Conveyor(pace=0.0)
    options = ReaderOptions(name="reader", family="zebra-fx", antennas=2)
    async with LlrpReader(options, warehouse) as reader, ModbusPlc({1: door, 2: belt}) as plc:
        with subscriber(broker) as heard:
            box = gateway(broker, SITE.format(reader=reader.port, plc=plc.port))
            await box.start()
            await box.until(lambda now: {one.state for one in now.devices} == {"online"})
            await heard.until(lambda: beam(heard) == [False], BOUND)
            # a forklift with a tag drives past behind the closed beam
            gone = time.time() + 3.5
            warehouse.pallet([UNSEEN], "dock-1", "in", time.time() + 0.1, speed=4.0, run=5.0)
            await box.until(lambda _: time.time() >= gone)
            door.beam(broken=True)
            await heard.until(lambda: beam(heard) == [False, True], BOUND)
            warehouse.pallet([SEEN], "dock-1", "in", time.time() + 0.1, speed=4.0, run=5.0)
            await heard.until(lambda: location(heard), BOUND)
            (passed,) = location(heard)
            assert passed["epcList"] == ["urn:epc:id:sgtin:0614141.812345.2"]
            observation = passed["readpoint:observation"]
            assert (observation["transition"], observation["direction"]) == ("passed", "in")
            door.beam(broken=False)
            await heard.until(lambda: beam(heard) == [False, True, False], BOUND)
            belt.first += 12
            await heard.until(lambda: len(location(heard)) == 2, BOUND)
            counted = location(heard)[1]
            assert counted["quantityList"] == [{"epcClass": "https://id.gs1.org/01/09521141123454", "quantity": 12}]
            assert counted["readpoint:observation"]["transition"] == "observed"
            assert set(plc.functions) == {2, 4}
