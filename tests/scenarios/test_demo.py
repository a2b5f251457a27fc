"""The demo, unattended: whichever broker is there, no segment loses anything, uplink cut and gateway killed."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gateway.demo.acts import PROGRAMME
from gateway.demo.caption import caption
from gateway.demo.figures import Figures, Gauge, Lane
from gateway.demo.screen import Screen
from gateway.demo.stage import address
from gateway.demo.tally import Tally
from gateway.health import DeviceHealth
from gateway.overview import LocationView, OutboxView, Overview, UplinkView
from simulators.ble_tags import bus
from tests.brokers import MOSQUITTO

BOUND = 90.0


async def demo(*words: str, folder: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo", *words), stdout=PIPE, stderr=PIPE, cwd=folder
    )


async def ended(process: Process) -> tuple[int, list[str], str]:
    async with asyncio.timeout(BOUND):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode().splitlines(), err.decode()


@pytest.mark.broker
async def test_loses_nothing_with_mosquitto(tmp_path: Path) -> None:
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed")
    await _loses_nothing("mosquitto", "5", tmp_path)


async def test_loses_nothing_where_no_broker_is_installed(tmp_path: Path) -> None:
    await _loses_nothing("amqtt", "3.1.1", tmp_path)


async def _loses_nothing(broker: str, protocol: str, folder: Path) -> None:
    beacons = await bus.missing() is None
    process = await demo("--for", "6s", "--json", "--broker", broker, "--keep", str(folder / "box"), folder=folder)
    code, out, err = await ended(process)
    result = json.loads(out[-1])
    assert (code, result["lost"], result["declared"]) == (0, 0, 0), err
    assert result["sent"] == result["received"] > 20
    assert result["duplicates"] >= 0
    assert result["broker"].startswith(broker)
    assert result["protocol"] == protocol
    assert [line for line in err.splitlines() if line.startswith("--- ")] != []
    assert "Traceback" not in err
    assert (folder / "box" / "site.yaml").is_file()
    _every_family(result, folder / "box", beacons=beacons)


def _every_family(result: dict[str, Any], box: Path, *, beacons: bool) -> None:
    """Each device was heard, each segment has its own certificate, and what is not there is said."""
    devices = {
        "rfid": {"aisle-reader", "belt-scanner", "conveyor", "dock-reader"},
        "ble": {"beacons"},
        "yard": {"handhelds", "meter", "yard-truck"},
    }
    if not beacons:
        del devices["ble"]
    segments = result["segments"]
    assert {name: set(one["devices"]) for name, one in segments.items()} == devices
    for name, one in segments.items():
        assert one["lost"] == 0
        assert one["sent"] == one["received"] > 0
        assert all(one["devices"].values()), one
        assert (box / f"gw-demo.{name}.pem").is_file()
    assert sum(one["sent"] for one in segments.values()) == result["sent"]
    assert ("python3-dbusmock" in (result["missing"] or "")) != beacons


BROKEN = "#!/bin/sh\necho 'no room for a socket' >&2\nexit 1\n"


@pytest.mark.parametrize(
    ("daemon", "says"),
    [("", "sudo apt-get install dbus"), (BROKEN, "does not start: no room for a socket")],
    ids=["none", "broken"],
)
async def test_goes_on_without_beacons_and_says_why(daemon: str, says: str, tmp_path: Path) -> None:
    """Where no D-Bus daemon is on the path, and where there is one that does not start."""
    if daemon:
        if (lacking := await bus.missing()) is not None:
            pytest.skip(lacking)
        (tmp_path / "dbus-daemon").write_text(daemon)
        (tmp_path / "dbus-daemon").chmod(0o755)
    environment = {**os.environ, "PATH": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo", "--for", "1s", "--json", "--broker", "amqtt"),
        stdout=PIPE,
        stderr=PIPE,
        env=environment,
    )
    code, out, err = await ended(process)
    result = json.loads(out[-1])
    assert (code, result["lost"], set(result["segments"])) == (0, 0, {"rfid", "yard"}), err
    assert result["missing"] in err
    assert says in result["missing"]


async def test_ends_in_order_when_told(tmp_path: Path) -> None:
    """As by Ctrl-C: what it started is gone, and so is its folder."""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "demo", "--for", "60s", "--json"), stderr=PIPE, env=environment
    )
    assert process.stderr is not None
    async with asyncio.timeout(BOUND):
        while not (await process.stderr.readline()).startswith(b"--- all well"):
            assert process.returncode is None
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(BOUND):
        rest = await process.stderr.read()  # until the last process that holds it has ended
        assert await process.wait() == 130
    assert b"nothing runs on" in rest
    assert b"Traceback" not in rest
    assert list(tmp_path.iterdir()) == []


async def test_does_not_write_into_a_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    code, _, err = await ended(await demo("--keep", str(tmp_path), folder=tmp_path))
    assert code == 1
    assert "is not empty" in err


async def test_a_reader_that_is_not_there_is_named(tmp_path: Path, free_port: int) -> None:
    code, out, err = await ended(
        await demo("--for", "2s", "--json", "--host", f"127.0.0.1:{free_port}", folder=tmp_path)
    )
    assert (code, json.loads(out[-1])["reads"]) == (1, 0)
    assert "nothing was read: reader offline: 127.0.0.1" in err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.21", ("192.0.2.21", 5084)),
        ("reader.example:5085", ("reader.example", 5085)),
        ("::1", ("::1", 5084)),
        ("[::1]:5085", ("::1", 5085)),
    ],
)
def test_a_reader_is_named_by_its_address(text: str, expected: tuple[str, int]) -> None:
    assert address(text) == expected


def test_an_event_is_a_line() -> None:
    event = {
        "type": "readpoint.epcis.v1",
        "time": "2026-11-21T17:42:03.950Z",
        "subject": "urn:epc:id:sscc:952012.03456789123",
        "historical": True,
        "data": {
            "eventTime": "2026-11-21T17:42:03.218Z",
            "readpoint:observation": {"transition": "passed", "direction": "in"},
        },
    }
    line = str(caption("dock-1", json.dumps(event).encode()))
    assert line.split()[1:] == ["passed", "in", "dock-1", "sscc:952012.03456789123", "(backlog)"]


def test_telemetry_is_a_line_too() -> None:
    event = {
        "type": "readpoint.telemetry.v1",
        "time": "2026-11-21T17:42:03.950Z",
        "data": {
            "points": [
                {"name": "power", "value": 1500.0, "uom": "WTT"},
                {"name": "beam", "value": True, "uom": None},
                {"name": "latitude", "value": 43.35061, "uom": "DD"},
            ]
        },
    }
    told = caption("meter", json.dumps(event).encode())
    assert dict(told.values) == {"power": "1500 W", "beam": "beam on", "latitude": "43.3506"}
    assert str(told).endswith("telemetry         meter         power 1500 W, beam on, latitude 43.3506")


def test_counts_go_on_over_the_lives_of_the_gateway() -> None:
    """A new process begins to count at nought; the outbox does not."""

    def life(pid: int, reads: int, sent: int) -> Overview:
        return Overview(
            *("yard", "gw-demo.yard", "1", pid, 0.0, "site.yaml"),
            UplinkView("broker", "5", "online"),
            OutboxView("stream", 1, sent=sent, pending=1),
            LocationView(reads=reads, decided=reads // 2),
            (DeviceHealth("truck", "online", reads=reads), DeviceHealth("meter", "online", values=4)),
        )

    tally = Tally(("yard", "ble"))
    tally.take({"yard": life(1, 10, 5)}, {"yard": 5})
    killed = tally.take({}, {"yard": 7})
    assert killed.total == Lane("all", 10, 4, 5, 7, 1, 7, "no gateway")
    assert killed.trouble == "truck offline: no gateway"
    back = tally.take({"yard": life(2, 6, 8)}, {"yard": 8})
    assert back.lanes[0] == Lane("yard", 16, 8, 8, 9, 1, 8, "online")
    assert back.gauges == (Gauge("truck", 16, "online"), Gauge("meter", 8, "online"))


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30)])
def test_the_picture_fits_the_terminal(width: int, height: int) -> None:
    paper = io.StringIO()
    console = Console(width=width, height=height, file=paper)
    screen = Screen(PROGRAMME, console=console)
    left = [Gauge("belt-scanner", 23_456, "online") for _ in range(4)]
    right = [Gauge("yard-truck", 999, "online"), *(Gauge("meter", 999, "online") for _ in range(3))]
    well = Figures(
        tuple(Lane(name, *(123_456 for _ in range(6)), uplink="no gateway") for name in ("rfid", "ble", "yard")),
        (*left, *right),
    )
    measured = {
        "type": "readpoint.telemetry.v1",
        "time": "2026-11-21T17:42:03.950Z",
        "data": {
            "points": [
                {"name": "latitude", "value": 43.35061, "uom": "DD"},
                {"name": "longitude", "value": -8.39000, "uom": "DD"},
                {"name": "speed", "value": 28.8, "uom": "KMH"},
            ]
        },
    }
    for _ in range(50):
        screen.event(caption("yard-truck", json.dumps(measured).encode()))
    screen.count(well, 12.0)
    console.print(screen.picture())
    lines = paper.getvalue().splitlines()
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    text = paper.getvalue()
    assert (text.count("123,456"), text.count("23,456 ")) == (3 * 6, 3 * 6 + 4)
    assert text.count("370,368") == 6
    assert all(word in text for word in ("yard-truck", "43.3506 -8.3900 29 km/h", "the count", "12 s left"))
