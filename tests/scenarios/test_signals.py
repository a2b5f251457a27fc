"""A stack light at a dock door: green for a passage that is stored, yellow while nobody hears of it."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from datetime import datetime
from typing import Any

import pytest

from drivers.contract import Context
from drivers.llrp.driver import LlrpDriver
from drivers.llrp.settings import Settings
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader, Switched
from simulators.radio import Radio
from simulators.warehouse import Warehouse, dock
from tests.brokers import MOSQUITTO, Mosquitto, subscriber
from tests.driving import Watched, states, until
from tests.scenarios.conftest import BOUND, Start
from tests.scenarios.test_command_line import readpoint

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

CLEAR = Radio(gain_error=0.0, shadowing=0.5, fading=1.0)
LOAD = [bytes.fromhex(f"3074257bf7194e40000000{serial:02x}") for serial in (1, 2, 3)]
GREEN, RED, YELLOW, HORN = 1, 2, 3, 4

SITE = """\
read_points:
  dock-1: {{uri: "urn:epc:id:sgln:9521141.12345.dock1", kind: portal}}
devices:
  dock-reader:
    driver: llrp
    segment: rfid
    host: 127.0.0.1
    port: {port}
    antennas: {{1: {{read_point: dock-1, side: outside}}, 2: {{read_point: dock-1, side: inside}}}}
    signals: {{passed: {{gpo: 1, for: 1s}}, unknown: {{gpo: 2}}, offline: [{{gpo: 3}}, {{gpo: 4, for: 200ms}}]}}
"""


async def shown(port: int) -> dict[str, Any]:
    """What the reader's control says of its outputs."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b'{"outputs": true}\n')
    answer: dict[str, Any] = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return answer


def of(reader: LlrpReader, gpo: int) -> list[Switched]:
    return [change for change in reader.switched if change.gpo == gpo]


async def test_a_passage_is_green_for_its_time_and_a_cut_uplink_yellow_as_long_as_it_lasts(
    gateway: Start, broker: Mosquitto
) -> None:
    warehouse = Warehouse(*dock("dock-1", "reader", apart=4.0), radio=CLEAR, seed=2)
    options = ReaderOptions(name="reader", family="zebra-fx", antennas=2, control_port=0)
    async with LlrpReader(options, warehouse) as reader:
        with subscriber(broker) as heard:
            box = gateway(broker, SITE.format(port=reader.port))
            await box.start()
            await box.until(lambda now: now.devices[0].state == "online" and now.uplink.state == "online")
            await until(lambda: not any(reader.outputs.values()))
            assert not of(reader, GREEN)

            # Later than what might have stood in the door when reading began.
            warehouse.pallet(LOAD, "dock-1", "in", time.time() + 3.0, speed=2.0)
            await until(lambda: len(of(reader, GREEN)) >= 2)
            on, off = of(reader, GREEN)[:2]
            assert (on.on, off.on) == (True, False)
            assert off.time - on.time >= 0.9  # as long as it was set, or prolonged by a late tag
            assert not of(reader, RED)
            await heard.until(lambda: any(event["type"] == "readpoint.epcis.v1" for event in heard.events), BOUND)

            horns = len(of(reader, HORN))
            broker.stop()
            await until(lambda: reader.outputs[YELLOW])
            await until(lambda: len(of(reader, HORN)) >= horns + 2)
            assert not reader.outputs[HORN]
            assert reader.outputs[YELLOW]
            assert reader.control_port
            told = await shown(reader.control_port)
            assert told["outputs"] == {"1": False, "2": False, "3": True, "4": False}
            assert told["changes"][-1] == {"time": reader.switched[-1].time, "gpo": HORN, "on": False}

        broker.start()
        await box.until(lambda now: now.uplink.state == "online")
        await until(lambda: not reader.outputs[YELLOW])


async def test_lights_come_again_with_the_reader_and_go_out_with_the_gateway(gateway: Start, broker: Mosquitto) -> None:
    warehouse = Warehouse(*dock("dock-1", "reader"), radio=CLEAR, seed=2)
    async with LlrpReader(ReaderOptions(name="reader", family="impinj-r700", antennas=2), warehouse) as reader:
        box = gateway(broker, SITE.format(port=reader.port))
        broker.stop()
        await box.start()
        await until(lambda: reader.outputs[YELLOW])
        reader.faults.restart()
        await until(lambda: not reader.outputs[YELLOW])
        await until(lambda: reader.outputs[YELLOW])
        assert await box.end(signal.SIGTERM) == 0
        await until(lambda: not any(reader.outputs.values()))
        await until(lambda: not reader.connected)


async def test_an_output_that_the_reader_has_not_is_said_at_the_connection(gateway: Start, broker: Mosquitto) -> None:
    warehouse = Warehouse(*dock("dock-1", "reader"), radio=CLEAR, seed=2)
    async with LlrpReader(ReaderOptions(name="reader", antennas=2), warehouse) as reader:
        box = gateway(broker, SITE.format(port=reader.port).replace("gpo: 2", "gpo: 7"))
        await box.start()
        now = await box.until(lambda now: now.devices[0].state == "offline")
        assert "signals: gpo 7 is asked for, it has outputs 1 to 4" in now.devices[0].cause
        assert not reader.switched


async def test_the_simulator_tells_each_change_of_an_output() -> None:
    async with readpoint("simulate", "llrp", "--port", "0", "--tags", "1") as process:
        assert process.stdout
        assert process.stderr
        async with asyncio.timeout(BOUND):
            said = (await process.stderr.readline()).decode()
        settings = Settings.model_validate({"host": "127.0.0.1", "port": int(said.rpartition(":")[2])})
        watched = Watched(LlrpDriver(settings, {}, Context("reader", outputs=frozenset({2}))))
        await watched.until(lambda seen: (None, "online") in states(seen))
        assert watched.outputs
        watched.outputs.write({2: True})
        async with asyncio.timeout(BOUND):
            on = (await process.stdout.readline()).decode()
        await watched.stop()
        async with asyncio.timeout(BOUND):
            off = (await process.stdout.readline()).decode()
    when, *words = on.split()
    assert abs(datetime.fromisoformat(when).timestamp() - time.time()) < BOUND
    assert words == ["output", "2", "on"]
    assert off.split()[1:] == ["output", "2", "off"]
