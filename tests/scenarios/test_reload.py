"""SIGHUP: the site file is taken as it is now, and what did not change goes on without a gap."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.warehouse import Warehouse, aisles
from tests.brokers import MOSQUITTO, Mosquitto, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import CLEAR, TAG, TAG_URI, transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

OTHER = TAG[:-1] + b"\x00"
OTHER_URI = "urn:epc:id:sgtin:0614141.812345.6656"

POINTS = """\
read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: 30s, dwell: 200ms}
  aisle-b: {uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone, presence_timeout: 30s, dwell: 200ms}
devices:
"""


def device(name: str, port: int, point: str) -> str:
    return f"  {name}: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {port}, antennas: {{1: {point}}}}}\n"


def reader(name: str, tag: bytes) -> LlrpReader:
    warehouse = Warehouse(*aisles(("aisle",), name), radio=CLEAR, seed=1)
    warehouse.place(tag, (0.0, 1.0), time.time())
    return LlrpReader(ReaderOptions(name=name, family="zebra-fx", antennas=1, port=0), warehouse)


async def reloaded(box: GatewayProcess, rest: str) -> None:
    """The file with other read points and devices is in force."""
    before = await box.until(lambda now: True)
    head = box.site.read_text().partition("read_points:")[0]
    box.site.write_text(head + rest)
    box.send(signal.SIGHUP)
    await box.until(lambda now: now.configuration != before.configuration)


async def test_a_new_device_is_read_and_presence_is_kept(gateway: Start, broker: Mosquitto) -> None:
    async with reader("first", TAG) as first, reader("second", OTHER) as second:
        with subscriber(broker) as heard:
            one = POINTS + device("first", first.port, "aisle-a")
            box = gateway(broker, one)
            await box.start()
            await heard.until(lambda: transitions(heard) == [("arrived", "aislea", TAG_URI)], BOUND)
            since = (await box.until(lambda now: now.devices[0].state == "online")).devices[0].since
            await reloaded(box, one + device("second", second.port, "aisle-b"))
            await heard.until(lambda: len(transitions(heard)) >= 2, BOUND)
            # What is gone from the file departs, with its read point.
            await reloaded(box, POINTS.replace("aisle-a:", "aisle-c:") + device("second", second.port, "aisle-b"))
            await heard.until(lambda: len(transitions(heard)) >= 3, BOUND)
            assert transitions(heard) == [
                ("arrived", "aislea", TAG_URI),
                ("arrived", "aisleb", OTHER_URI),
                ("departed", "aislea", TAG_URI),
            ]
            reasons = [event["data"].get("readpoint:observation", {}).get("reason") for event in heard.events]
            assert [reason for reason in reasons if reason] == ["configuration"]
            now = await box.until(lambda now: [one.device for one in now.devices] == ["second"])
            assert now.outbox.epoch == 1
            assert now.devices[0].since >= since
            assert not first.connected


async def test_devices_that_are_as_they_were_are_not_touched(gateway: Start, broker: Mosquitto) -> None:
    async with reader("first", TAG) as first:
        one = POINTS + device("first", first.port, "aisle-a")
        box = gateway(broker, one)
        await box.start()
        before = await box.until(lambda now: now.devices[0].state == "online" and now.location.present == 1)
        await reloaded(box, one.replace("dwell: 200ms", "dwell: 400ms"))
        after = await box.until(lambda now: now.devices[0].reads > before.devices[0].reads)
        assert after.devices[0].since == before.devices[0].since
        assert (after.location.present, after.location.decided, after.outbox.epoch) == (1, 1, 1)


async def test_another_outbox_makes_the_segment_anew(gateway: Start, broker: Mosquitto) -> None:
    async with reader("first", TAG) as first:
        with subscriber(broker) as heard:
            box = gateway(broker, POINTS + device("first", first.port, "aisle-a"))
            await box.start()
            await box.until(lambda now: now.location.present == 1)
            box.site.write_text(box.site.read_text().replace("[llrp]", "[llrp]\n    outbox: {linger: 10ms}"))
            box.send(signal.SIGHUP)
            now = await box.until(lambda now: now.outbox.epoch == 2 and now.devices[0].reads > 0)
            assert now.location.present == 1
            await heard.until(lambda: transitions(heard) == [("arrived", "aislea", TAG_URI)], BOUND)
            assert await box.end() == 0


async def test_a_wrong_file_changes_nothing(gateway: Start, broker: Mosquitto) -> None:
    async with reader("first", TAG) as first:
        box = gateway(broker, POINTS + device("first", first.port, "aisle-a"))
        await box.start()
        before = await box.until(lambda now: now.location.present == 1)
        good = box.site.read_text()
        box.site.write_text(good.replace("kind: zone", "kind: zoen"))
        box.send(signal.SIGHUP)
        await box.logs("not reloaded")
        assert f"{box.site}:" in box.log.read_text()
        box.site.write_text(good.replace("kind: zone", 'kind: zone, location: "\\ud800"'))
        box.send(signal.SIGHUP)
        await box.logs("U+D800 is half a character")
        assert "did you mean 'zone'" in box.log.read_text()
        after = await box.until(lambda now: now.devices[0].reads > before.devices[0].reads)
        assert (after.configuration, after.pid, after.outbox.epoch) == (before.configuration, before.pid, 1)
        # Mended, it is taken.
        box.site.write_text(good)
        await reloaded(box, good.partition("read_points:")[1] + good.partition("read_points:")[2] + "\n")


SEGMENTS = """\
version: 1
gateway: {{id: gw-07, site: dc1, state_dir: state, run_dir: run}}
segments: {{{}}}
read_points: {{}}
devices: {{}}
"""


def segments(*names: str, port: int) -> str:
    each = f'{{uplink: {{url: "mqtt://127.0.0.1:{port}", grace: 100ms}}}}'
    return SEGMENTS.format(", ".join(f"{name}: {each}" for name in names))


async def test_segments_come_and_go(tmp_path: Path, free_port: int) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(segments("rfid", port=free_port))
    rfid, yard = GatewayProcess(tmp_path, site), GatewayProcess(tmp_path, site)
    yard.socket = tmp_path / "run" / "yard.sock"
    await rfid.start()
    try:
        site.write_text(segments("rfid", "yard", port=free_port))
        rfid.send(signal.SIGHUP)
        first = await yard.until(lambda now: now.segment == "yard")
        second = await rfid.until(lambda now: now.configuration == first.configuration)
        assert (second.outbox.epoch, second.pid) == (1, first.pid)
        site.write_text(segments("yard", port=free_port))
        rfid.send(signal.SIGHUP)
        async with asyncio.timeout(BOUND):
            while rfid.socket.exists():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
        assert (await yard.until(lambda now: now.configuration != first.configuration)).outbox.epoch == 1
        assert await rfid.end() == 0
    finally:
        await rfid.end(signal.SIGKILL)


async def test_a_segment_that_cannot_start_anew_costs_no_other(tmp_path: Path, free_port: int) -> None:
    """It runs as before; a new one not until what is in its way is mended."""
    site = tmp_path / "site.yaml"
    good = segments("rfid", "yard", port=free_port)
    site.write_text(good)
    rfid, yard = GatewayProcess(tmp_path, site), GatewayProcess(tmp_path, site)
    yard.socket = tmp_path / "run" / "yard.sock"
    await rfid.start()
    try:
        pid = (await rfid.until(lambda now: now.outbox.epoch == 1)).pid
        site.write_text(good.replace("state_dir: state", "state_dir: site.yaml"))
        rfid.send(signal.SIGHUP)
        await rfid.logs("not reloaded: it starts again as before")
        for box in (rfid, yard):
            assert (await box.until(lambda now: now.outbox.epoch == 2)).pid == pid
        dmz = GatewayProcess(tmp_path, site)
        dmz.socket = tmp_path / "run" / "dmz.sock"
        in_its_way = tmp_path / "state" / "dmz"
        in_its_way.write_text("")
        site.write_text(segments("rfid", "yard", "dmz", port=free_port))
        rfid.send(signal.SIGHUP)
        await rfid.logs("does not run: mend that, then reload segment=dmz")
        assert (await yard.until(lambda now: now.outbox.epoch == 2)).pid == pid
        in_its_way.unlink()
        rfid.send(signal.SIGHUP)
        assert (await dmz.until(lambda now: now.segment == "dmz")).pid == pid
        assert await rfid.end() == 0
    finally:
        await rfid.end(signal.SIGKILL)


async def test_the_one_segment_of_a_process_stays(tmp_path: Path, free_port: int) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(segments("rfid", port=free_port))
    box = GatewayProcess(tmp_path, site)
    await box.start("--segment", "rfid")
    try:
        site.write_text(segments("yard", port=free_port))
        box.send(signal.SIGHUP)
        await box.logs("not reloaded: segment rfid is not in")
        assert await box.status() is not None
        assert await box.end() == 0
    finally:
        await box.end(signal.SIGKILL)
