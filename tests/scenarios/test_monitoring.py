"""A gateway as a monitor and its journal see it: through an outage of its broker and of its reader."""

from __future__ import annotations

import json
import signal
import socket
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.brokers import IDENTITY, MOSQUITTO, Mosquitto, Pki, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import TAG, ZONES, floor, reader, transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

Samples = dict[str, float]


class Monitor:
    """Asks a gateway as Prometheus does."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self._port = port

    def get(self, path: str) -> tuple[int, str]:
        """Status and content."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=BOUND)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def samples(self) -> Samples:
        """Each sample by name and the values of its labels."""
        status, text = self.get("/metrics")
        assert status == 200
        families = list(text_string_to_metric_families(text))
        assert TAG.hex().upper() not in text.upper()
        return {":".join([one.name, *sorted(one.labels.values())]): one.value for f in families for one in f.samples}

    def health(self) -> tuple[int, dict[str, Any]]:
        """What `/healthz` says."""
        status, text = self.get("/healthz")
        return status, json.loads(text)


def journal(box: GatewayProcess) -> None:
    """Let it believe that its log is the journal: JOURNAL_STREAM, systemd.exec(5)."""
    box.log.touch()
    found = box.log.stat()
    box.environment["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"


def about(box: GatewayProcess, who: str) -> list[str]:
    """Lines of the log that are about somebody."""
    return [line for line in box.log.read_text().splitlines() if line[3:].startswith(f"{who}: ")]


async def test_outages_are_two_lines_each_and_seen_from_outside(
    gateway: Start, broker: Mosquitto, free_port: int
) -> None:
    warehouse, monitor = floor(), Monitor(free_port)
    with subscriber(broker) as heard:
        async with reader(warehouse) as device:
            box = gateway(broker, ZONES.format(port=device.port, timeout="1s"))
            journal(box)
            await box.start("--metrics", monitor.address)
            warehouse.place(TAG, (0.0, 1.0), time.time())
            await heard.until(lambda: len(transitions(heard)) >= 1, BOUND)
            await box.until(lambda seen: seen.uplink.events >= 1 and not seen.uplink.alarm)
            port = device.port
            assert monitor.health() == (200, {"status": "ok", "reasons": []})
            well = monitor.samples()
        # The reader is gone, and comes back.
        await box.until(lambda seen: seen.devices[0].state == "offline" and seen.devices[0].failures >= 2)
        status, health = monitor.health()
        assert status == 503
        assert any(reason.startswith("rfid: aisle-reader: offline: ") for reason in health["reasons"]), health
        out = monitor.samples()
        async with reader(warehouse, port):
            await box.until(lambda seen: seen.devices[0].state == "online")
    # So is the broker.
    broker.stop()
    await box.until(lambda seen: seen.uplink.state != "online" and seen.outbox.pending > 0)
    assert monitor.health()[0] == 503
    down = monitor.samples()
    broker.start()
    await box.until(lambda seen: seen.uplink.state == "online" and seen.outbox.pending == 0)
    back = monitor.samples()
    assert await box.end() == 0
    assert (well["readpoint_uplink_up:rfid"], well["readpoint_device_up:aisle-reader:rfid"]) == (1, 1)
    assert well["readpoint_events_total:arrived:rfid"] == 1
    assert well["readpoint_reads_total:rfid:taken"] > 0
    assert well["readpoint_delivery_seconds_count:live:rfid"] >= 1
    assert well["readpoint_publish_seconds_count:rfid"] >= 1
    assert out["readpoint_device_up:aisle-reader:rfid"] == 0
    assert out["readpoint_device_reconnects_total:aisle-reader:rfid"] >= 2
    assert (down["readpoint_uplink_up:rfid"], down["readpoint_outbox_oldest_pending_seconds:rfid"] >= 0) == (0, True)
    assert down["readpoint_outbox_events:pending:rfid"] > 0
    assert (back["readpoint_uplink_up:rfid"], back["readpoint_uplink_reconnects_total:rfid"]) == (1, 1)
    assert set(well) <= set(back), "a label set that was there stays"
    reader_, uplink = about(box, "aisle-reader"), about(box, "uplink")
    assert [line[:3] for line in uplink] == ["<4>", "<6>"], uplink
    assert uplink[1].startswith("<6>uplink: online again seconds=")
    assert [line[:3] for line in reader_[:2]] == ["<4>", "<6>"], reader_
    assert reader_[1].startswith("<6>aisle-reader: online again")
    assert all(line.endswith("device=aisle-reader segment=rfid") for line in reader_)


async def test_a_quiet_gateway_says_that_it_runs_and_opens_nothing(gateway: Start, broker: Mosquitto, pki: Pki) -> None:
    """Without `metrics` no port is open; while all is well the log is one line."""
    key = pki.client(IDENTITY).key
    assert key is not None
    key.chmod(0o600)
    async with reader(floor()) as device:
        with subscriber(broker):
            box = gateway(broker, ZONES.format(port=device.port, timeout="1s"))
            journal(box)
            await box.start()
            await box.until(lambda seen: seen.uplink.state == "online" and seen.devices[0].state == "online")
            assert box._process is not None
            open_to = [one for one in psutil.Process(box._process.pid).net_connections() if one.status == "LISTEN"]
            assert open_to == []
            assert await box.end() == 0
    assert [line.partition("=")[0] for line in box.log.read_text().splitlines()] == ["<6>running version"]


async def test_what_cannot_be_shown_stops_nothing(
    gateway: Start, broker: Mosquitto, free_port: int, tmp_path: Path
) -> None:
    """A port that is taken, a folder that is not there: the log says so; the next configuration is tried at once."""
    async with reader(floor()) as device:
        box = gateway(broker, ZONES.format(port=device.port, timeout="1s"))
        text = box.site.read_text()
        shown = f"metrics: {{listen: '127.0.0.1:{free_port}', textfile: {tmp_path / 'shown'}}}, run_dir: run}}"
        box.site.write_text(text.replace("run_dir: run}", shown))
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", free_port))
            other.listen()
            await box.start()
            await box.logs(f"no metrics address=127.0.0.1:{free_port}")
            await box.logs(f"no metrics file={tmp_path / 'shown' / 'readpoint.prom'}")
            began = (await box.until(lambda seen: seen.devices[0].state == "online")).since
        (tmp_path / "shown").mkdir()
        box.site.write_text(text.replace("run_dir: run}", shown.replace("127.0.0.1", "127.0.0.2")))
        box.send(signal.SIGHUP)
        await box.logs(f"http://127.0.0.2:{free_port}/metrics")
        file = tmp_path / "shown" / "readpoint.prom"
        await box.until(lambda _seen: file.exists())
        assert 'readpoint_device_up{device="aisle-reader",segment="rfid"} 1.0' in file.read_text()
        status = await box.status()
        assert status is not None
        assert status.since == began, "the segment was not touched"
        assert await box.end() == 0
        assert list((tmp_path / "shown").iterdir()) == []
