"""The example driver of the manual, installed as another distribution: the conformance suite, and a whole gateway."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.scenarios.conftest import BOUND, Start

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "drivers" / "example"

HEAVY = {"bleak", "pymodbus", "serial", "starlette", "uvicorn", "biip", "cryptography", "pynmeagps", "dbus_fast"}
"""What the drivers' protocols are spoken with: megabytes and tenths of seconds each."""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example as an installer leaves it, on the path of the processes that are started here."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    folder = tmp_path / "site-packages"
    shutil.copytree(EXAMPLE / "acme_desk", folder / "acme_desk")
    shutil.copy(EXAMPLE / "acme_stand.py", folder)
    info = folder / "acme_desk-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = "".join(f"{key} = {value}\n" for key, value in project["entry-points"]["readpoint.drivers"].items())
    (info / "entry_points.txt").write_text(f"[readpoint.drivers]\n{points}")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return folder


async def test_it_passes_the_conformance_suite(installed: Path) -> None:
    assert installed
    suite = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance/test_drivers.py", "-k", "acme")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *suite,
        cwd=ROOT,
        env={**os.environ, "READPOINT_STANDS": "acme_stand"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(200.0):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    passed = re.search(r"(\d+) passed", said.decode())
    assert passed is not None
    assert int(passed[1]) > 15


SITE = """\
drivers: [acme]
read_points:
  desk:
    uri: urn:epc:id:sgln:9521141.12345.desk
    kind: checkpoint
    gate: {{device: desk-reader, signal: drawer}}
devices:
  desk-reader: {{driver: acme, segment: rfid, host: 127.0.0.1, port: {port}, read_point: desk}}
"""


class Desk:
    """The simulated reader of the example, as far as a gateway needs it."""

    def __init__(self) -> None:
        self.port = 0
        self.writer: asyncio.StreamWriter | None = None
        self.connected = asyncio.Event()

    def serve(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.connected.set()

    async def say(self, lines: bytes) -> None:
        async with asyncio.timeout(BOUND):
            await self.connected.wait()
        assert self.writer is not None
        self.writer.write(lines)
        await self.writer.drain()


def told(heard: Subscriber, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in heard.events if event["type"] == f"readpoint.{kind}.v1"]


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")
async def test_a_gateway_runs_it_and_gates_by_it(installed: Path, gateway: Start, broker: Mosquitto) -> None:
    assert installed
    desk = Desk()
    server = await asyncio.start_server(desk.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with subscriber(broker) as heard:
        box = gateway(broker, SITE.format(port=port))
        await box.start()
        await desk.say(b"TAG 3074257BF7194E4000001A84 -50\nTEMP 21.5\nTEMP nan\n")
        await heard.until(lambda: told(heard, "telemetry"), BOUND)
        await desk.say(b"DRAWER 1\nTAG 3074257BF7194E4000001A85 -50\n")
        await heard.until(lambda: told(heard, "epcis"), BOUND)
        await heard.until(lambda: any(one["state"] == "degraded" for one in told(heard, "health")), BOUND)
        status = await box.until(lambda seen: seen.location.gated == 1)
    await box.end()
    server.close()
    if desk.writer is not None:
        desk.writer.close()
    assert status.location.gates == {"desk": True}
    assert [(one.reads, one.signals, one.values) for one in status.devices] == [(2, 1, 1)]
    (measured,) = told(heard, "telemetry")
    assert measured["points"] == [{"name": "temperature", "value": 21.5, "uom": "CEL", "quality": "good"}]
    (observed,) = told(heard, "epcis")
    assert observed["epcList"] == ["urn:epc:id:sgtin:0614141.812345.6789"], (
        "what came while the drawer was shut, or raw"
    )
    degraded = next(one for one in told(heard, "health") if one["state"] == "degraded")
    assert b"TEMP nan".hex(" ") in degraded["cause"]


async def test_unlisted_it_is_refused(installed: Path, gateway: Start, broker: Mosquitto) -> None:
    assert installed
    code, said = await gateway(broker, SITE.format(port=1).partition("\n")[2]).ends()
    assert code == 78
    assert "unlisted-driver: devices.desk-reader.driver: " in said
    assert "it comes with acme-desk 1.0" in said
    assert "drivers: [acme]" in said


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")
async def test_a_driver_that_is_not_used_is_not_imported(
    installed: Path, gateway: Start, broker: Mosquitto, free_port: int
) -> None:
    (installed / "sitecustomize.py").write_text(
        "import atexit, sys\natexit.register(lambda: print('imported:', *sys.modules, file=sys.stderr))\n"
    )
    readers = (
        "read_points: {dock: {uri: 'urn:epc:id:sgln:9521141.12345.dock', kind: zone}}\n"
        f"devices: {{reader: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {free_port}, read_point: dock}}}}\n"
    )
    box = gateway(broker, f"drivers: [acme]\n{readers}")
    await box.start()
    await box.until(lambda seen: seen.uplink.state == "online" and seen.devices[0].failures > 0)
    await box.end()
    imported = set(box.log.read_text().partition("imported: ")[2].split())
    assert {"drivers.llrp.driver", "drivers.registry", "paho.mqtt.client"} <= imported
    ours = {name.split(".")[1] for name in imported if re.match(r"drivers\.\w+\.", name)}
    assert ours == {"llrp"}
    assert not {name.partition(".")[0] for name in imported} & {*HEAVY, "acme_desk"}
