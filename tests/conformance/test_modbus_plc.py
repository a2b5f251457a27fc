"""The simulated bus, by pymodbus's own client: what the driver's tests rest on."""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusTcpClient

from drivers.contract import Context, Measurement
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.settings import Settings
from simulators.modbus_plc.machines import Conveyor, Door, Meter, Vibration
from simulators.modbus_plc.server import ModbusPlc
from tests.driving import BOUND, Watched

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
async def plc() -> AsyncIterator[ModbusPlc]:
    async with ModbusPlc({1: Conveyor(), 2: Door(), 3: Meter()}) as running:
        yield running


@pytest.fixture
async def client(plc: ModbusPlc) -> AsyncIterator[AsyncModbusTcpClient]:
    one = AsyncModbusTcpClient("127.0.0.1", port=plc.port, timeout=10.0, retries=0, reconnect_delay=0)
    assert await one.connect()
    yield one
    one.close()


async def test_tables_of_machines(client: AsyncModbusTcpClient) -> None:
    assert (await client.read_discrete_inputs(0, count=1, device_id=1)).bits[0] is True
    assert (await client.read_coils(0, count=1, device_id=1)).bits[0] is True
    assert (await client.read_input_registers(4, count=1, device_id=1)).registers == [0x8000]
    volts = (await client.read_input_registers(0, count=2, device_id=3)).registers
    (value,) = struct.unpack(">f", struct.pack(">2H", *volts))
    assert 228.0 < value < 232.0


async def test_what_is_not_there_is_illegal_and_a_write_is_seen_and_refused(
    plc: ModbusPlc, client: AsyncModbusTcpClient
) -> None:
    """A simulator that did not see writes could not show that there are none."""
    assert (await client.read_holding_registers(0, count=1, device_id=1)).exception_code == 2
    assert (await client.write_register(0, 1, device_id=1)).isError()
    assert (await client.write_coil(0, False, device_id=1)).isError()
    assert plc.functions[6] == plc.functions[5] == 1
    assert (await client.read_coils(0, count=1, device_id=1)).bits[0] is True


async def test_exceptions_delays_and_items(plc: ModbusPlc, client: AsyncModbusTcpClient) -> None:
    plc.faults.exceptions[2] = 6
    assert (await client.read_discrete_inputs(3, count=1, device_id=2)).exception_code == 6
    plc.faults.delays[1] = 0.05
    began = asyncio.get_running_loop().time()
    await client.read_coils(0, count=1, device_id=1)
    assert asyncio.get_running_loop().time() - began >= 0.05


def test_a_conveyor_counts_what_breaks_its_beam() -> None:
    belt = Conveyor(pace=2.0, dwell=0.1, count=2**32 - 1)
    broken, edges, before = [], 0, 0
    for tick in range(1001):
        belt.advance(100.0 + tick / 100)
        now = belt.bank.tables["discrete"][3]
        edges += now and not before
        before = now
        broken.append(now)
    assert edges == 20
    assert belt.bank.read("input", 2, 2) == [0, 19]  # a uint32 that ran over: 2^32 - 1 + 20
    assert sum(broken) == pytest.approx(20 * 10, abs=20)


def test_a_sensor_shakes_as_much_as_it_is_told() -> None:
    sensor = Vibration(amplitude=1.5)
    sensor.advance(1.0)
    words = sensor.bank.read("input", 100, 32)
    assert words is not None
    samples = struct.unpack(">32h", struct.pack(">32H", *words))
    assert max(samples) <= 2500
    assert min(samples) >= -500
    assert max(samples) - min(samples) > 2500


async def test_the_command_gives_a_bus_to_read() -> None:
    command = (sys.executable, "-m", "gateway", "simulate", "modbus", "--port", "0", "--dead", "3")
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE, cwd=ROOT)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(BOUND):
            url = (await process.stderr.readline()).decode().split()[-1]
        units = {
            "belt": {"unit": 1, "points": {"on": {"table": "coil", "address": 0}}},
            "meter": {"unit": 3, "profile": "eastron-sdm630", "only": ["power"]},
        }
        settings = Settings.model_validate({"url": url, "timeout": "1s", "units": units})
        watched = Watched(ModbusDriver(settings, {}, Context("bus")))
        await watched.until(lambda seen: len({one.point for one in seen if isinstance(one, Measurement)}) == 2)
        await watched.stop()
        quality = {one.point: one.quality for one in watched.seen if isinstance(one, Measurement)}
        assert quality == {"belt.on": "good", "meter.power": "bad"}
    finally:
        process.terminate()
        await process.wait()
