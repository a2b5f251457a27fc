"""The simulated BLE floor, and the command that plays it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys

import pytest

from drivers.ble.driver import BleDriver
from drivers.ble.settings import Settings
from drivers.contract import Context, Read
from simulators.ble_tags import bus
from simulators.ble_tags.walk import Floor
from tests.driving import Watched

BOUND = 60.0
T0 = 1_790_000_000.0


def heard(seed: int, seconds: float) -> list[object]:
    floor = Floor(["hci0", "hci1"], tags=8, interval=2.0, stay=30.0, seed=seed, now=T0)
    return [one for step in range(int(seconds * 10)) for one in floor.advance(T0 + step / 10)]


def test_the_same_seed_gives_the_same_floor() -> None:
    assert heard(1, 20.0) == heard(1, 20.0)
    assert heard(1, 20.0) != heard(2, 20.0)


def test_every_tag_keeps_its_interval() -> None:
    floor = Floor(["hci0"], tags=8, interval=2.0, stay=30.0, seed=1, now=T0)
    count: dict[str, int] = {}
    for step in range(600):
        for one in floor.advance(T0 + step / 10):
            count[one.address] = count.get(one.address, 0) + 1
    assert len(count) == 9
    assert all(27 <= found <= 33 for found in count.values())


async def test_what_is_missing_is_said_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(bus, "PYTHON", "/nowhere/python3")
    said = await bus.missing()
    assert said is not None
    assert "sudo apt-get install dbus python3-dbusmock" in said


async def test_the_command_plays_tags_that_the_driver_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = await bus.missing()
    if lacking:
        pytest.skip(lacking)
    command = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "simulate", "ble", "--tags", "4", "--interval", "0.2"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert command.stdout is not None
        async with asyncio.timeout(BOUND):
            variable, _, address = (await command.stdout.readline()).decode().strip().partition("=")
        monkeypatch.setenv(variable, address)
        watched = Watched(BleDriver(Settings(), {}, Context("beacons")))
        await watched.until(lambda seen: len({one.value for one in seen if isinstance(one, Read)}) == 4)
        await watched.stop()
    finally:
        command.send_signal(signal.SIGTERM)
        async with asyncio.timeout(BOUND):
            assert await command.wait() == 0
