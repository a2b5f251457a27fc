"""What every driver keeps of its contract, each against its simulator on its real wire.

A driver comes in by `drivers/registry.py` and one file in `stands/`; see `stand.py`.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import math
import re
import socket
import subprocess
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from drivers import registry
from drivers.contract import (
    Antenna,
    Batch,
    Context,
    Disconnected,
    Driver,
    DriverError,
    Measurement,
    Observation,
    Read,
    Signal,
    Status,
    Unreachable,
)
from gateway.config.load import load
from tests.conformance.stand import Device, Fate, Stand, stands
from tests.driving import BOUND, Watched, states, until
from tests.house.test_samples import with_files

STANDS = stands()
ROOT = Path(__file__).resolve().parents[2]

KEPT = 16 * 2**20
"""Bytes that a driver and its simulator may hold after a flood, or while nobody takes what they give."""


def able(fate: Fate) -> pytest.MarkDecorator:
    """Each stand to which that can happen."""
    chosen = {name: stand for name, stand in STANDS.items() if fate not in stand.lacks}
    return pytest.mark.parametrize("stand", chosen.values(), ids=chosen.keys())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stand" in metafunc.fixturenames and not any(
        mark.args[0] == "stand" for mark in metafunc.definition.iter_markers("parametrize")
    ):
        metafunc.parametrize("stand", STANDS.values(), ids=STANDS.keys())


@pytest.fixture
async def device(stand: Stand) -> AsyncIterator[Device]:
    """The simulated device of a stand, running."""
    async with stand.start() as running:
        yield running
        await until(lambda: not running.busy())


def made(stand: Stand, settings: dict[str, Any], ports: Mapping[Antenna, dict[str, Any]]) -> Driver:
    entry = registry.entry(stand.driver)
    chosen = {name: entry.ports_type().model_validate(port) for name, port in ports.items()}
    return entry.factory()(entry.settings_type().model_validate(settings), chosen, Context("device"))


def of(stand: Stand, device: Device) -> Driver:
    return made(stand, device.settings, device.ports)


def folder(stand: Stand) -> Path:
    """Where the driver's files are."""
    return Path(inspect.getfile(registry.entry(stand.driver).settings_type())).parent


async def heard(watched: Watched, device: Device, since: int = 0) -> None:
    """Until the driver says that it observes, and gives what the device says from now on."""
    await watched.until(lambda seen: (None, "online") in states(seen[since:]))
    await spoken(watched, device, since)


async def spoken(watched: Watched, device: Device, since: int) -> None:
    async with asyncio.timeout(BOUND):
        while not device.sees(watched.seen[since:]):
            await device.speak()
            with suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    await watched.until(lambda seen: device.sees(seen[since:]))


async def again(watched: Watched, device: Device, driver: Driver) -> Watched:
    """As the supervisor does: opens until what the device says now is heard; `watched` may go on itself."""
    since = len(watched.seen)
    async with asyncio.timeout(2 * BOUND):
        while True:
            try:
                if not watched.task.done():
                    await spoken(watched, device, since)
                    return watched
                watched, since = Watched(driver), 0
                await heard(watched, device)
            except DriverError:
                await asyncio.sleep(0.02)  # the supervisor's backoff, shorter
            else:
                return watched


async def trouble(watched: Watched, since: int) -> str:
    """What the driver says of a fault: the error that ended it, or a state that is not `online`."""

    def faults(seen: Sequence[Observation]) -> list[Status]:
        return [one for one in seen[since:] if isinstance(one, Status) and one.state != "online"]

    try:
        await watched.until(faults)
    except DriverError as error:
        return str(error)
    return faults(watched.seen)[-1].cause


def is_a_sentence(text: str) -> None:
    assert text.isprintable()
    assert 10 < len(text) < 600


# a driver of ours brings all that belongs to it


def test_every_driver_of_ours_has_a_stand() -> None:
    assert {stand.driver for stand in STANDS.values()} >= set(registry.names())


def test_what_a_stand_lacks_it_says_why(stand: Stand) -> None:
    for why in stand.lacks.values():
        is_a_sentence(why)


def test_settings_bring_no_protocol_library() -> None:
    """Every `check` and every gateway loads the settings of its drivers, and `schema` those of all."""
    script = (
        "import sys\nfrom drivers import registry\nfor name in registry.names():\n"
        "    registry.entry(name).settings_type(), registry.entry(name).ports_type()\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    light = {"drivers", "msgspec", "annotated_types", "typing_extensions", "typing_inspection", "pydantic"}
    standard = (sys.stdlib_module_names | {"sitecustomize"}) - {"asyncio", "ssl"}  # Debian's Python has one
    assert {name for name in done.stdout.split() if name.partition("_")[0] not in ("", "pydantic")} <= light | standard


def test_settings_and_ports_refuse_what_they_do_not_know(stand: Stand) -> None:
    entry = registry.entry(stand.driver)
    for kind, given in ((entry.settings_type(), stand.nobody(1)), (entry.ports_type(), {})):
        with pytest.raises(ValidationError, match="no_such_key"):
            kind.model_validate({**given, "no_such_key": 1})


def test_every_setting_is_explained(stand: Stand) -> None:
    entry = registry.entry(stand.driver)
    for kind in (entry.settings_type(), entry.ports_type()):
        for name, field in kind.model_fields.items():
            assert field.description, f"{kind.__name__}.{name} has no description"


def test_the_sample_is_a_site_of_this_driver(stand: Stand, tmp_path: Path) -> None:
    sample = (folder(stand) / "sample.yaml").read_text()
    devices = load(with_files(sample, tmp_path)).site.devices.values()
    assert stand.driver in {one.driver for one in devices}


def test_the_readme_names_the_files_there_are(stand: Stand) -> None:
    readme = (folder(stand) / "README.md").read_text()
    files = {path.name for path in folder(stand).glob("*.py") if path.name != "__init__.py"}
    tables = "".join(re.findall(r"^\|.*\|$", readme, flags=re.MULTILINE))
    assert set(re.findall(r"`(\w+\.py)`", tables)) == files
    assert "sample.yaml" in readme


def test_the_page_for_technicians_has_every_setting(stand: Stand) -> None:
    entry = registry.entry(stand.driver)
    page = ROOT / "docs" / "drivers" / f"{stand.driver}.md"
    if stand.driver not in registry.names():
        page = folder(stand) / "README.md"
    text = page.read_text()
    for name in (*entry.settings_type().model_fields, *entry.ports_type().model_fields):
        assert re.search(rf"\b{name}\b", text), f"{page.name} does not mention {name}"


# it opens, gives what it sees, and stops


def test_constructing_does_no_io(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("a constructor opened a socket")

    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket.socket, "bind", forbidden)
    made(stand, stand.nobody(1), {})  # and no event loop runs here


async def test_it_says_that_it_observes_and_what_in_sane_times(stand: Stand, device: Device) -> None:
    watched = Watched(of(stand, device))
    await heard(watched, device)
    await watched.stop()
    now = time.time()
    for one in watched.seen:
        assert isinstance(one, (Read, Signal, Measurement, Status))
        assert abs(one.time - now) < BOUND
        if isinstance(one, Read):
            assert one.antenna is None or one.antenna in device.ports
            assert one.received is not None
            assert one.time <= one.received + 0.05


async def test_inputs_are_said_as_they_are_at_the_start(stand: Stand, device: Device) -> None:
    """A gate whose signal was not heard since the start is closed."""
    settings = registry.entry(stand.driver).settings_type().model_validate(device.settings)
    names = set(settings.signal_names(device.ports) or ())
    watched = Watched(of(stand, device))
    await watched.until(lambda seen: names <= {one.name for one in seen if isinstance(one, Signal)})
    await watched.stop()


async def test_leaving_releases_the_device(stand: Stand, device: Device) -> None:
    driver = of(stand, device)
    for _ in range(3):
        async with asyncio.timeout(BOUND), driver.open() as batches:
            assert isinstance(await anext(batches), Batch)
            assert device.busy()
        await until(lambda: not device.busy())


async def _use(driver: Driver, error: type[Exception] | None, *, patience: float) -> None:
    async with asyncio.timeout(patience), driver.open() as batches:
        async for _ in batches:
            if error is not None:
                raise error


async def test_an_error_of_the_consumer_is_not_lost_and_releases_the_device(stand: Stand, device: Device) -> None:
    with pytest.raises(ZeroDivisionError):
        await _use(of(stand, device), ZeroDivisionError, patience=BOUND)
    await until(lambda: not device.busy())


async def test_cancelled_after_any_step_the_device_is_free(stand: Stand, device: Device) -> None:
    driver = of(stand, device)
    for steps in range(1, 60, 3):
        watched = Watched(driver)
        for _ in range(steps):
            await asyncio.sleep(0)
        await watched.stop()
        assert watched.task.cancelled() or isinstance(watched.task.exception(), DriverError)
        await until(lambda: not device.busy())


async def test_cancelled_as_soon_as_it_has_the_device_that_is_free(stand: Stand, device: Device) -> None:
    driver = of(stand, device)
    for _ in range(4):
        watched = Watched(driver)
        async with asyncio.timeout(BOUND):
            while not (device.busy() or watched.task.done()):  # noqa: ASYNC110 - each step of the loop counts
                await asyncio.sleep(0)
        await watched.stop()
        await until(lambda: not device.busy())


async def test_the_outer_time_out_is_the_callers_own(stand: Stand, device: Device) -> None:
    with pytest.raises(TimeoutError):
        await _use(of(stand, device), None, patience=0.05)
    await until(lambda: not device.busy())


# it fails in sentences, and serves again


async def test_nobody_there_is_unreachable_and_says_what_to_do(stand: Stand, free_port: int) -> None:
    settings = stand.nobody(free_port)
    failure = await Watched(made(stand, settings, {})).failure()
    assert isinstance(failure, Unreachable)
    is_a_sentence(str(failure))
    assert any(str(value) in str(failure) for value in settings.values()), "it does not say who is not there"
    assert re.search(r"[?:]", str(failure)), "it does not say what to do"


@able("lose")
async def test_absent_at_the_start_it_is_found_when_it_comes(stand: Stand, device: Device) -> None:
    assert device.lose
    assert device.back
    driver = of(stand, device)
    await device.lose()
    watched = Watched(driver)
    is_a_sentence(str(await watched.failure()))
    await device.back()
    await (await again(watched, device, driver)).stop()


@able("lose")
async def test_lost_and_back_it_is_said_and_serves_again(stand: Stand, device: Device) -> None:
    assert device.lose
    assert device.back
    driver = of(stand, device)
    watched = Watched(driver)
    await heard(watched, device)
    since = len(watched.seen)
    await device.lose()
    is_a_sentence(await trouble(watched, since))
    await device.back()
    await (await again(watched, device, driver)).stop()


@able("silence")
async def test_a_device_that_should_speak_and_does_not_is_said(stand: Stand, device: Device) -> None:
    assert device.silence
    watched = Watched(of(stand, device))
    await heard(watched, device)
    since = len(watched.seen)
    await device.silence()
    is_a_sentence(await trouble(watched, since))
    if watched.task.done():
        assert isinstance(watched.task.exception(), Disconnected)
    else:
        await watched.stop()


@able("garbage")
async def test_garbage_is_said_and_stops_no_good_data(stand: Stand, device: Device) -> None:
    assert device.garbage
    driver = of(stand, device)
    watched = Watched(driver)
    await heard(watched, device)
    since = len(watched.seen)
    await device.garbage()
    is_a_sentence(await trouble(watched, since))
    await (await again(watched, device, driver)).stop()


@able("flood")
async def test_a_flood_fills_no_memory(stand: Stand, device: Device) -> None:
    """First nobody takes what the driver has to give, then it is taken and forgotten: neither heaps it up."""
    assert device.flood
    tracemalloc.start()
    try:
        async with asyncio.timeout(3 * BOUND), of(stand, device).open() as batches:
            await anext(batches)
            before = _traced()
            flood = asyncio.ensure_future(device.flood())
            await asyncio.wait({flood}, timeout=1.0)
            assert _traced() - before < KEPT, "while nobody takes what it gives"
            largest = await _drained(batches, flood)
        assert largest <= 10_000, "a batch without bound"
        assert _traced() - before < KEPT, "after all was taken"
    finally:
        tracemalloc.stop()


def _traced() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


async def _drained(batches: AsyncIterator[Batch], flood: asyncio.Future[None]) -> int:
    """Takes all until the flood is over and nothing more comes of it; returns the size of the largest batch."""
    largest, end, loop = 0, math.inf, asyncio.get_running_loop()
    with suppress(DriverError):  # a flood may end a connection
        while loop.time() < end:
            taken = asyncio.ensure_future(anext(batches))
            await asyncio.wait({taken}, timeout=0.3 if flood.done() else BOUND)
            if not taken.done():
                taken.cancel()
                await asyncio.wait({taken})
                break
            largest = max(largest, len(taken.result().observations))
            if flood.done() and end == math.inf:
                end = loop.time() + 1.0  # a device that speaks by itself never ends
    flood.cancel()
    await asyncio.wait({flood})
    return largest
