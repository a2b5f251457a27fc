"""The driver against a reader that is not ours: llrpkit's emulator of an Impinj reader.

Its inventory is started by an input: it knows no immediate start, and fails when asked for an enabled ROSpec.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from llrpkit.emulator import LLRPEmulator

from drivers.contract import Context, Signal, Unreachable
from drivers.llrp.driver import LlrpDriver
from drivers.llrp.settings import PortSettings, Settings
from tests.driving import BOUND, Watched, reads, states

BY_INPUT = {"start": {"gpi": {"port": 1}}}


async def started(emulator: LLRPEmulator, **given: Any) -> Watched:
    watched = Watched(driver_for(emulator, **given))
    await watched.until(lambda seen: (None, "stopped") in states(seen))
    await emulator.set_gpi(1, True)
    await watched.until(lambda seen: (None, "online") in states(seen))
    return watched


def driver_for(emulator: LLRPEmulator, **given: Any) -> LlrpDriver:
    settings = {
        "host": "127.0.0.1",
        "port": emulator.port,
        "keepalive": "1s",
        "connect_timeout": "5s",
        **BY_INPUT,
        **given,
    }
    return LlrpDriver(
        Settings.model_validate(settings), {1: PortSettings(power_dbm=20), 2: PortSettings()}, Context("r")
    )


@pytest.mark.parametrize("extras", [{}, {"phase": True, "doppler": True, "fine_rssi": True, "tid": True}])
async def test_it_is_read(extras: dict[str, bool]) -> None:
    async with LLRPEmulator() as emulator:
        watched = await started(emulator, **extras)
        await watched.until(lambda seen: len(reads(seen)) > 20)
        await watched.stop()
        expected = {tag.epc for tag in emulator.tags}
    for read in reads(watched.seen):
        assert read.value in expected
        assert read.antenna in {1, 2}
        assert read.rssi is not None
        assert -90 < read.rssi < -20
        assert abs(read.time - time.time()) < BOUND
        assert (read.phase is not None) == bool(extras)


async def test_signs_of_life_inputs_and_antennas() -> None:
    async with LLRPEmulator() as emulator:
        watched = await started(emulator)
        await emulator.wait_keepalive_ack(timeout=BOUND)
        await emulator.set_gpi(3, True)
        await watched.until(
            lambda seen: any(one.value for one in seen if isinstance(one, Signal) and one.name == "gpi3")
        )
        await emulator.set_antenna_connected(2, False)
        await watched.until(lambda seen: (2, "offline") in states(seen))
        await watched.stop()


async def test_a_second_client_is_told() -> None:
    async with LLRPEmulator() as emulator:
        first = await started(emulator)
        failure = await Watched(driver_for(emulator)).failure()
        await first.stop()
    assert isinstance(failure, Unreachable)
    assert "another client" in str(failure)
