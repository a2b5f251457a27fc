"""`readpoint record`: straight from devices, from the running gateway, in rotating files; and how it ends."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from drivers.lines import parse_line
from tests.brokers import MOSQUITTO, Mosquitto
from tests.scenarios.conftest import BOUND, Start
from tests.scenarios.test_command_line import asked, ended, grown, readpoint
from tests.scenarios.test_main_path import TAG, ZONES, floor, reader

SITE = """\
version: 1
gateway: {{id: gw-07, site: dc1, state_dir: state, run_dir: run}}
segments:
  rfid:
    uplink: {{url: "mqtt://127.0.0.1:1883"}}
"""


def site(folder: Path, port: int) -> Path:
    file = folder / "site.yaml"
    file.write_text(SITE.format() + ZONES.format(port=port, timeout="3s"))
    return file


def reads(file: Path) -> int:
    """Every line is a whole one; how many are reads of the tag."""
    content = file.read_bytes()
    assert content.endswith(b"\n")
    for line in content.splitlines():
        parse_line(line)
    return content.count(TAG.hex().encode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_straight_from_a_device_until_it_is_ended(tmp_path: Path, number: signal.Signals) -> None:
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    recording = tmp_path / "dock.jsonl"
    async with reader(warehouse) as device:
        arguments = ("record", recording, "--direct", "--config", site(tmp_path, device.port))
        async with readpoint(*arguments) as recorder:
            await grown(recording)
            await grown(recording)
            recorder.send_signal(number)
            code, _, said = await ended(recorder)
    assert code == 0
    assert "aisle-reader: online" in said
    assert said.strip().endswith("lines recorded")
    assert reads(recording) > 0
    assert not (tmp_path / "state").exists(), "where no gateway ran, nothing is made"
    async with readpoint("replay", "--config", tmp_path / "site.yaml", recording) as replaying:
        code, _, said = await ended(replaying)
    assert code == 0, said


async def test_a_device_that_does_not_answer_is_recorded_as_such_and_said(tmp_path: Path, free_port: int) -> None:
    recording = tmp_path / "dock.jsonl"
    async with readpoint(
        "record", recording, "--direct", "--config", site(tmp_path, free_port), "--for", "1s"
    ) as recorder:
        code, _, said = await ended(recorder)
    assert (code, "aisle-reader: offline" in said) == (0, True)
    assert b'"state":"offline"' in recording.read_bytes()


async def test_a_wrong_device_and_no_site_file_are_refused(tmp_path: Path, free_port: int) -> None:
    file = site(tmp_path, free_port)
    async with readpoint("record", "-", "--direct", "--config", file, "--device", "aisle-raeder") as recorder:
        code, _, said = await ended(recorder)
    assert (code, "did you mean 'aisle-reader'" in said) == (2, True)
    async with readpoint("record", "-", "--direct") as recorder:
        code, _, said = await ended(recorder)
    assert (code, "--config FILE" in said) == (2, True)
    async with readpoint("record", "x.jsonl", "--config", file, "--keep", "3") as recorder:
        code, _, said = await ended(recorder)
    assert (code, "go with --rotate" in said) == (2, True)


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")
async def test_a_running_gateway_is_not_recorded_past_and_gives_rotating_files(
    gateway: Start, broker: Mosquitto, tmp_path: Path
) -> None:
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        box = gateway(broker, ZONES.format(port=device.port, timeout="30s"))
        await box.start()
        code, _, said = await asked(box, "record", "-", "--direct")
        assert (code, "a gateway runs on the devices of segment 'rfid'" in said) == (1, True)
        assert "leave --direct out" in said
        refused = tmp_path / "refused.jsonl"
        code, _, said = await asked(box, "record", refused, "--device", "dock-99")
        assert (code, "has no device 'dock-99'" in said, refused.exists()) == (1, True, False)
        target = tmp_path / "dock.jsonl"
        arguments = ("record", target, "--rotate", "1KiB", "--keep", "3", "--gzip", "--config", box.site)
        async with readpoint(*arguments) as recorder:
            async with asyncio.timeout(BOUND):
                while len(list(tmp_path.glob("dock-*.gz"))) < 2:  # noqa: ASYNC110 - another process writes it
                    await asyncio.sleep(0.02)
            recorder.send_signal(signal.SIGINT)
            code, _, said = await ended(recorder)
        assert (code, "files, the last dock-" in said) == (0, True)
        files = sorted(tmp_path.glob("dock-*"))
        assert len(files) == 3
        async with readpoint("replay", "--config", box.site, *files) as replaying:
            code, _, said = await ended(replaying)
        assert code == 0, said
