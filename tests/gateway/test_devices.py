"""The running set of devices: what changed is released and started, what did not is left alone."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from drivers.contract import Batch
from drivers.llrp.settings import Settings
from gateway.config.site import Device
from gateway.devices import Surroundings, devices
from gateway.health import DeviceHealth
from gateway.supervisor import Backoff
from simulators.air import Silence
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from tests.driving import until

ROOT = Path(__file__).resolve().parents[2]


def device(name: str, reader: LlrpReader) -> Device:
    settings = Settings.model_validate({"host": "127.0.0.1", "port": reader.port})
    return Device(name, "llrp", "rfid", settings)


async def test_only_what_changed_is_touched() -> None:
    said: list[DeviceHealth] = []
    batches: list[tuple[str, Batch]] = []
    around = Surroundings(
        lambda name, batch: batches.append((name, batch)), said.append, lambda: 100.0, backoff=Backoff(0.01, 0.02)
    )
    async with AsyncExitStack() as nest:
        first, second, third = [
            await nest.enter_async_context(LlrpReader(ReaderOptions(name=name, port=0), Silence()))
            for name in ("first", "second", "third")
        ]
        wanted = {"one": device("one", first), "two": device("two", second)}
        running = await nest.enter_async_context(devices(around, wanted))
        await until(lambda: [one.state for one in running.health] == ["online", "online"])
        news = [one for one in said if one.device == "one"]

        await running.apply({**wanted, "two": device("two", third)})
        assert not second.connected
        await until(lambda: third.connected)
        assert first.connected
        assert [one for one in said if one.device == "one"] == news

        await running.apply({"two": device("two", third)})
        assert not first.connected
        assert [one.device for one in running.health] == ["two"]
        await running.stop()
        assert not third.connected
    assert {name for name, _ in batches} == {"one", "two"}


SCRIPT = """
import asyncio, sys
from drivers.registry import entry
from gateway.config.site import Device
from gateway.devices import Surroundings, devices

async def main(driver, **given):
    around = Surroundings(lambda *_: None, lambda _: None, lambda: 100.0)
    one = Device("one", driver, "rfid", entry(driver).settings_type().model_validate(given))
    async with devices(around, {"one": one}):
        print(driver, "biip" in sys.modules)

asyncio.run(main("llrp", host="127.0.0.1", port=9))
asyncio.run(main("barcode", port="socket://127.0.0.1:9"))
"""


def test_what_scans_need_is_loaded_before_the_first_one_and_only_for_scanners() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )
    assert done.stdout.splitlines() == ["llrp False", "barcode True"], done.stderr
