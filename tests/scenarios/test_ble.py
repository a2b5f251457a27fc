"""BLE tags through the whole gateway; and a stranger's phone, of which nothing may be found anywhere afterwards."""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import uuid
from asyncio.subprocess import Process
from collections.abc import AsyncIterator

import pytest

from simulators.ble_tags.bluez import SimulatedBlueZ, simulated_bluez
from simulators.ble_tags.bus import Missing
from simulators.ble_tags.payloads import Payload, ibeacon, ruuvi
from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

PROXIMITY = uuid.UUID("e2c56db5-dffb-48d2-b060-d0f5a71096e0")
URI = f"urn:readpoint:ibeacon:{PROXIMITY}:1:2"
TAG, SENSOR, CANARY = "AC:23:3F:A0:00:01", "CB:B8:33:4C:88:4F", "5F:CA:FE:13:37:01"
PHONE = Payload({0x004C: bytes.fromhex("10050b1c2d3e4f")}, name="Annas Telefon")
BROKEN = Payload({0x004C: bytes.fromhex("10050b1c2d3e4f")}, {0xFEAA: bytes.fromhex("09e3")}, name="Annas Telefon")

SITE = """\
read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: 2s, dwell: 200ms}
devices:
  beacons:
    {driver: ble, segment: rfid, read_point: aisle-a, telemetry: {min_interval: 1s, max_interval: 2s}}
"""


@pytest.fixture
async def bluez(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedBlueZ]:
    """One adapter; the gateway's process finds its bus."""
    try:
        async with simulated_bluez() as simulated:
            monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", simulated.address)
            yield simulated
    except Missing as lacking:
        pytest.skip(str(lacking))


async def on_the_floor(bluez: SimulatedBlueZ, recorder: Process) -> None:
    """A beacon, a sensor and a phone, in turns of 50 ms: many, and until the recording is over."""
    for turn in itertools.count():
        if turn >= 60 and recorder.returncode is not None:
            return
        await bluez.advertise("hci0", TAG, ibeacon(PROXIMITY, 1, 2), -60 - turn % 5)
        await bluez.advertise("hci0", SENSOR, ruuvi(SENSOR, 20.0 + turn % 60, 40.0), -70, random=True)
        await bluez.advertise("hci0", CANARY, BROKEN if turn % 10 == 9 else PHONE, -40 - turn % 5, random=True)
        await asyncio.sleep(0.05)


async def heard_by(centre: Subscriber, running: GatewayProcess, kind: str, text: str) -> None:
    """Until a message of that kind with this text has come."""
    async with asyncio.timeout(BOUND):
        while not any(  # noqa: ASYNC110 - another process
            f'"{kind}"'.encode() in one.payload and text.encode() in one.payload for one in centre.messages
        ):
            await asyncio.sleep(0.05)
    assert running.log.exists()


def traces() -> list[bytes]:
    """Whatever of the phone could be written down: its address in all spellings, its name, its payload."""
    raw = bytes.fromhex(CANARY.replace(":", ""))
    spellings = [CANARY, CANARY.replace(":", "_"), CANARY.replace(":", "-"), raw.hex()]
    text = [one.encode() for spelling in spellings for one in (spelling.upper(), spelling.lower())]
    return [*text, raw, raw[::-1], b"Annas", b"0b1c2d3e4f", bytes.fromhex("0b1c2d3e4f")]


async def test_tags_arrive_and_depart_and_of_a_strangers_phone_there_is_no_trace(
    broker: Mosquitto, gateway: Start, bluez: SimulatedBlueZ
) -> None:
    with subscriber(broker) as centre:
        running = gateway(broker, SITE)
        await running.start("--verbose")
        await running.until(lambda seen: any(one.state in ("online", "degraded") for one in seen.devices))
        recorded = running.folder / "recording.jsonl"
        recorder = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "gateway",
                "record",
                str(recorded),
                "--for",
                "3s",
                "--run-dir",
                str(running.socket.parent),
            ),
            stderr=asyncio.subprocess.DEVNULL,
        )
        async with asyncio.timeout(BOUND):
            await on_the_floor(bluez, recorder)
        await heard_by(centre, running, "arrived", URI)
        await heard_by(centre, running, "readpoint.telemetry.v1", "urn:readpoint:ble:cbb8334c884f/temperature")
        await heard_by(centre, running, "departed", URI)
        await heard_by(centre, running, "readpoint.health.v1", "eddystone from ~")
        assert recorder.returncode == 0
        assert await running.end() == 0
        said = b"\n".join(one.payload for one in centre.messages)
    kept = {path: path.read_bytes() for path in running.folder.rglob("*") if path.is_file()}
    assert URI.encode() in kept[recorded], "the recording has what it should"
    assert json.loads(kept[recorded].splitlines()[-1])
    assert any(path.suffix == ".db" or b"SQLite" in found[:16] for path, found in kept.items())
    for trace in traces():
        assert trace not in said
        assert [path.name for path, found in kept.items() if trace in found] == []
