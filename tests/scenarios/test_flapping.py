"""A device that comes and goes beside a healthy one: the healthy one loses nothing, and the log stays short."""

from __future__ import annotations

import time

import pytest

from gateway.health import NEWS, NEWS_EVERY, DeviceHealth
from gateway.overview import Overview
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.warehouse import Warehouse, aisles
from tests.brokers import MOSQUITTO, Mosquitto, subscriber
from tests.recording import accounts
from tests.scenarios.conftest import BOUND, Start
from tests.scenarios.test_main_path import CLEAR, TAG, alternating, transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

SITE = """\
read_points:
  aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: 30s, dwell: 200ms}}
  aisle-b: {{uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone, presence_timeout: 30s, dwell: 200ms}}
  aisle-c: {{uri: "urn:epc:id:sgln:9521141.12345.aislec", kind: zone, presence_timeout: 30s, dwell: 200ms}}
devices:
  healthy:
    {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {healthy}, antennas: {{1: aisle-a, 2: aisle-b}}}}
  flapping: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {flapping}, antennas: {{1: aisle-c}}}}
"""
EVERY = 0.9


def goods() -> Warehouse:
    """Ten tags that change the aisle again and again, above the healthy reader."""
    warehouse = Warehouse(*aisles(("aisle-a", "aisle-b"), "healthy", spacing=12.0), radio=CLEAR, seed=1)
    now = time.time()
    for serial in range(10):
        for step in range(1000):
            warehouse.place(TAG[:-1] + bytes([serial]), (12.0 * ((step + serial) % 2), 1.0), now + step * EVERY)
    return warehouse


def by_name(status: Overview, name: str) -> DeviceHealth:
    return next(one for one in status.devices if one.device == name)


@pytest.mark.parametrize(
    "times",
    [
        pytest.param(2, id="a little"),
        pytest.param(12, id="for long", marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
async def test_a_flapping_device_harms_no_healthy_one(gateway: Start, broker: Mosquitto, times: int) -> None:
    other = Warehouse(*aisles(("aisle-c",), "flapping"), radio=CLEAR, seed=1)
    async with (
        LlrpReader(ReaderOptions(name="healthy", family="zebra-fx", antennas=2, port=0), goods()) as healthy,
        LlrpReader(ReaderOptions(name="flapping", family="zebra-fx", antennas=1, port=0), other) as flapping,
    ):
        with subscriber(broker) as heard:
            box = gateway(broker, SITE.format(healthy=healthy.port, flapping=flapping.port))
            begun = time.monotonic()
            await box.start()
            for gone in range(times):
                await box.until(lambda now: by_name(now, "flapping").state == "online")
                flapping.faults.disconnect(0.1)
                await box.until(lambda now, gone=gone: by_name(now, "flapping").failures > gone)  # type: ignore[misc]
            status = await box.until(lambda now: now.location.present == 10)
            await heard.until(lambda: len(transitions(heard)) >= 30, BOUND)
            lines = box.log.read_text().count(" flapping: ")
            most = NEWS + (time.monotonic() - begun) / NEWS_EVERY + 1
            assert (by_name(status, "healthy").failures, by_name(status, "healthy").state) == (0, "online")
            assert await box.end() == 0
            await accounts(box.folder / "state" / "rfid", heard)
    said = transitions(heard)
    assert alternating(said)
    assert {what for what, _, _ in said} == {"arrived", "moved"}
    assert lines <= most
    print(f"device gone {times} times: {lines} lines in the log, {len(said)} events of its neighbour, none lost")
