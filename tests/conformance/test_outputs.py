"""What every driver with outputs keeps of its contract, each against its simulator on its real wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from drivers import registry
from drivers.contract import Context, Driver, DriverError, Outputs, Rejected
from tests.conformance.stand import Device, Stand, stands
from tests.driving import BOUND, Watched, states, until

STANDS = {name: stand for name, stand in stands().items() if registry.entry(stand.driver).outputs}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stand" in metafunc.fixturenames:
        metafunc.parametrize("stand", STANDS.values(), ids=STANDS.keys())


@pytest.fixture
async def device(stand: Stand) -> AsyncIterator[Device]:
    async with stand.start() as running:
        yield running
        await until(lambda: not running.busy())


def driver(stand: Stand, device: Device, *outputs: int) -> Driver:
    entry = registry.entry(stand.driver)
    ports = {name: entry.ports_type().model_validate(port) for name, port in device.ports.items()}
    context = Context("device", outputs=frozenset(outputs))
    return entry.factory()(entry.settings_type().model_validate(device.settings), ports, context)


async def opened(made: Driver) -> tuple[Watched, Outputs]:
    """Until it observes; as the supervisor does, again where it is not let in yet."""
    async with asyncio.timeout(BOUND):
        while True:
            watched = Watched(made)
            try:
                await watched.until(lambda seen: (None, "online") in states(seen))
            except DriverError:
                await asyncio.sleep(0.02)  # the supervisor's backoff, shorter
                continue
            assert watched.outputs is not None
            return watched, watched.outputs


async def test_outputs_are_as_they_were_written_and_off_when_it_is_left(stand: Stand, device: Device) -> None:
    first, second, *rest = device.outputs()
    watched, outputs = await opened(driver(stand, device, first, second))
    outputs.write({first: True, second: False})
    await until(lambda: device.outputs()[first])
    outputs.write({first: False, second: True})
    await until(lambda: device.outputs()[second])
    assert not device.outputs()[first]
    assert not any(device.outputs()[other] for other in rest)
    await watched.stop()
    await until(lambda: not any(device.outputs().values()))


async def test_what_is_written_before_it_observes_is_not_forgotten(stand: Stand, device: Device) -> None:
    first = next(iter(device.outputs()))
    async with driver(stand, device, first).open() as connection:
        assert isinstance(connection, Outputs)
        connection.write({first: True})
        async with asyncio.timeout(BOUND):
            async for _ in connection:
                if device.outputs()[first]:
                    break


async def test_a_new_connection_takes_them_again(stand: Stand, device: Device) -> None:
    assert device.lose
    assert device.back
    first = next(iter(device.outputs()))
    made = driver(stand, device, first)
    watched, outputs = await opened(made)
    outputs.write({first: True})
    await until(lambda: device.outputs()[first])
    await device.lose()
    await watched.failure()
    outputs.write({first: True})  # nobody takes it any more, and nothing fails
    await device.back()
    watched, outputs = await opened(made)
    outputs.write({first: True})
    await until(lambda: device.outputs()[first])
    await watched.stop()


async def test_a_storm_ends_with_the_newest_state_and_disturbs_nothing(stand: Stand, device: Device) -> None:
    first = next(iter(device.outputs()))
    watched, outputs = await opened(driver(stand, device, first))
    for number in range(10_001):
        outputs.write({first: number % 2 == 0})
    await until(lambda: device.outputs()[first])
    since = len(watched.seen)
    await watched.until(lambda seen: device.sees(seen[since:]))
    await watched.stop()


async def test_an_output_it_has_not_is_refused_with_what_it_has(stand: Stand, device: Device) -> None:
    most = max(device.outputs())
    failure = await Watched(driver(stand, device, 1, most + 3)).failure()
    assert isinstance(failure, Rejected)
    assert f"gpo {most + 3}" in str(failure)
    assert f"1 to {most}" in str(failure)
