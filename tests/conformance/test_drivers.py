"""What every driver keeps of its contract, each against its simulator on its real wire.

A new family is one more `Rig` in `RIGS`: how its simulator is started, how it is made to fail, and its settings.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

import pytest
from pydantic import ValidationError

from drivers import registry
from drivers.contract import Antenna, Context, Disconnected, Driver, DriverError, Read, Signal, Status, Unreachable
from simulators.air import Heard, Shelf
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from tests.driving import BOUND, Watched, reads, reopened, states, until

EPC = bytes.fromhex("3034257bf7194e4000000001")


class Device(NamedTuple):
    """A simulated device that runs: its settings as in a file, and how to make it fail. `busy`: somebody holds it."""

    settings: dict[str, Any]
    ports: dict[Antenna, dict[str, Any]]
    restart: Callable[[], None]
    silence: Callable[[], None]
    busy: Callable[[], bool]


class Rig(NamedTuple):
    """A driver and its simulator. `nobody`: settings that lead to no device, given a free port."""

    driver: str
    start: Callable[[], AbstractAsyncContextManager[Device]]
    nobody: Callable[[int], dict[str, Any]]


@asynccontextmanager
async def _llrp(family: Any) -> AsyncIterator[Device]:
    async with LlrpReader(ReaderOptions(family=family), Shelf([Heard(EPC, -55.0)])) as reader:
        settings = {"host": "127.0.0.1", "port": reader.port, "keepalive": "200ms", "connect_timeout": "1s"}
        ports: dict[Antenna, dict[str, Any]] = {1: {"power_dbm": 20.0}, 2: {}}
        yield Device(settings, ports, reader.faults.restart, reader.faults.silence, lambda: reader.connected)


def _llrp_rig(family: str) -> Rig:
    return Rig(
        "llrp",
        lambda: _llrp(family),
        lambda port: {"host": "127.0.0.1", "port": port, "connect_timeout": "1s"},
    )


RIGS = {f"llrp-{family}": _llrp_rig(family) for family in ("impinj-speedway", "impinj-r700", "zebra-fx", "plain")}


@pytest.fixture(params=RIGS.values(), ids=RIGS.keys())
def rig(request: pytest.FixtureRequest) -> Rig:
    """Every driver in turn."""
    found: Rig = request.param
    return found


@pytest.fixture
async def device(rig: Rig) -> AsyncIterator[Device]:
    """Its simulated device, running."""
    async with rig.start() as running:
        yield running


def made(rig: Rig, settings: dict[str, Any], ports: dict[Antenna, dict[str, Any]]) -> Driver:
    entry = registry.entry(rig.driver)
    chosen = {name: entry.ports_type().model_validate(port) for name, port in ports.items()}
    return entry.factory()(entry.settings_type().model_validate(settings), chosen, Context("device"))


def test_every_driver_of_ours_has_a_rig() -> None:
    assert {rig.driver for rig in RIGS.values()} == set(registry.names())


def test_settings_and_ports_refuse_what_they_do_not_know(rig: Rig) -> None:
    entry = registry.entry(rig.driver)
    for kind in (entry.settings_type(), entry.ports_type()):
        with pytest.raises(ValidationError, match="no_such_key"):
            kind.model_validate({**rig.nobody(1), "no_such_key": 1})


def test_every_setting_is_explained(rig: Rig) -> None:
    entry = registry.entry(rig.driver)
    for kind in (entry.settings_type(), entry.ports_type()):
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name} has no description"


def test_constructing_does_no_io(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a constructor opened a socket")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    made(rig, rig.nobody(1), {})  # and no event loop runs here


async def test_it_says_that_it_observes_and_what(rig: Rig, device: Device) -> None:
    watched = Watched(made(rig, device.settings, device.ports))
    await watched.until(lambda seen: reads(seen) and (None, "online") in states(seen))
    await watched.stop()
    now = time.time()
    for one in watched.seen:
        assert isinstance(one, (Read, Signal, Status))
        assert abs(one.time - now) < BOUND
    for read in reads(watched.seen):
        assert read.value == EPC
        assert read.antenna in device.ports
        assert read.received is not None
        assert read.time <= read.received + 0.05


async def test_nobody_there_is_unreachable_and_says_what_to_do(rig: Rig, free_port: int) -> None:
    failure = await Watched(made(rig, rig.nobody(free_port), {})).failure()
    assert isinstance(failure, Unreachable)
    assert str(free_port) in str(failure)
    assert "?" in str(failure)


async def test_a_restarted_device_is_a_driver_error_and_open_serves_again(rig: Rig, device: Device) -> None:
    driver = made(rig, device.settings, device.ports)
    watched = Watched(driver)
    await watched.until(reads)
    device.restart()
    assert isinstance(await watched.failure(), DriverError)
    again = await reopened(driver)
    await again.until(lambda seen: reads(seen) and (None, "online") in states(seen))
    await again.stop()


async def test_a_silent_device_is_disconnected_and_was_offline_since_it_was_heard(rig: Rig, device: Device) -> None:
    watched = Watched(made(rig, device.settings, device.ports))
    await watched.until(reads)
    device.silence()
    assert isinstance(await watched.failure(), Disconnected)
    last = watched.seen[-1]
    assert isinstance(last, Status)
    assert (last.antenna, last.state) == (None, "offline")
    assert last.cause


async def test_leaving_releases_the_device(rig: Rig, device: Device) -> None:
    driver = made(rig, device.settings, device.ports)
    for _ in range(3):
        async with asyncio.timeout(BOUND), driver.open() as batches:
            await anext(batches)
        await until(lambda: not device.busy())


async def _use(driver: Driver, error: type[Exception], *, patience: float) -> None:
    async with asyncio.timeout(patience), driver.open() as batches:
        async for _ in batches:
            raise error


async def test_an_error_of_the_consumer_is_not_lost_and_releases_the_device(rig: Rig, device: Device) -> None:
    driver = made(rig, device.settings, device.ports)
    with pytest.raises(ZeroDivisionError):
        await _use(driver, ZeroDivisionError, patience=BOUND)
    await until(lambda: not device.busy())


async def test_cancelled_after_any_step_the_device_is_free(rig: Rig, device: Device) -> None:
    driver = made(rig, device.settings, device.ports)
    for steps in range(1, 60, 3):
        watched = Watched(driver)
        for _ in range(steps):
            await asyncio.sleep(0)
        await watched.stop()
        assert watched.task.cancelled() or isinstance(watched.task.exception(), DriverError)
        await until(lambda: not device.busy())


async def test_the_outer_time_out_is_the_callers_own(rig: Rig, device: Device) -> None:
    driver = made(rig, device.settings, device.ports)
    device.silence()
    with pytest.raises(TimeoutError):
        await _use(driver, ZeroDivisionError, patience=0.05)
