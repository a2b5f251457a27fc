"""The running set of devices: what changed is released and started, what did not is left alone."""

from __future__ import annotations

from contextlib import AsyncExitStack

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
