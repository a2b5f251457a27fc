"""Recording straight from the devices of a site file, where no gateway runs on them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import click

from drivers.contract import Batch, Read, Signal, Status
from drivers.lines import format_line
from gateway.answers import of_segment
from gateway.cli.recorder import Recorder
from gateway.config.site import Device, Site
from gateway.devices import Surroundings, devices
from gateway.health import DeviceHealth
from gateway.outbox import lock
from gateway.outbox.values import OutboxLocked


def record_directly(
    site: Site,
    wanted: dict[str, dict[str, Device]],
    recorder: Recorder,
    seconds: float | None,
    say: Callable[[str], None],
) -> None:
    """Write what these devices (by segment) see, until a signal or for so many seconds; `say` how they are.

    click.ClickException where a gateway runs on them, or the file takes no more.
    """
    with ExitStack() as held:
        for name in wanted:
            held.enter_context(_alone(site.gateway.state_dir / name, name))
        asyncio.run(_record(site, wanted, recorder, seconds, say))


def choose(site: Site, segments: Iterable[str], device: str | None) -> dict[str, dict[str, Device]]:
    """The devices meant, by segment."""
    names = list(segments) or list(site.segments)
    found = {name: of_segment(site, name) for name in names}
    if device is not None:
        found = {name: {device: each[device]} for name, each in found.items() if device in each}
    return {name: each for name, each in found.items() if each}


@contextlib.contextmanager
def _alone(folder: Path, segment: str) -> Iterator[None]:
    """Hold the segment's outbox, if there is one: no gateway uses these devices then, and none begins to."""
    try:
        if not (folder / lock.NAME).exists():
            yield
            return
        with lock.exclusive(folder, time.time()):
            yield
    except OutboxLocked as error:
        text = f"a gateway runs on the devices of segment '{segment}': leave --direct out to record from it ({error})"
        raise click.ClickException(text) from None
    except PermissionError as error:
        text = (
            f"{error.filename}: {error.strerror}: this does not show whether a gateway runs on the devices of segment"
            f" '{segment}'; run it as the gateway's user, or leave --direct out to record from the gateway"
        )
        raise click.ClickException(text) from None


class _Sink:
    """Where the batches go. The first failure of the file ends the recording: drivers know nothing of it."""

    def __init__(self, recorder: Recorder, ended: asyncio.Event) -> None:
        self._recorder = recorder
        self._ended = ended
        self.error: click.ClickException | OSError | None = None

    def put(self, device: str, batch: Batch) -> None:
        """Nothing of it is stored as an event, so that a device that waits to be told so keeps what it has."""
        received = time.time()
        try:
            for seen in batch.observations:
                if self.error is None and isinstance(seen, Read | Signal | Status):
                    self._recorder.write(format_line(device, seen, received).encode())
        except (click.ClickException, OSError) as error:
            self.error = error
            self._ended.set()
        if batch.shed is not None:
            batch.shed()


async def _record(
    site: Site,
    wanted: dict[str, dict[str, Device]],
    recorder: Recorder,
    seconds: float | None,
    say: Callable[[str], None],
) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    sink = _Sink(recorder, ended)
    async with AsyncExitStack() as nest:
        for name, each in wanted.items():
            around = Surroundings(
                put=sink.put,
                changed=lambda health: say(_sentence(health)),
                clock=time.time,
                interface=site.segments[name].device_interface,
                base=str(site.path.parent),
            )
            await nest.enter_async_context(devices(around, each))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ended.wait()
    if sink.error is not None:
        raise sink.error


def _sentence(health: DeviceHealth) -> str:
    return f"{health.device}: {health.state}{f': {health.cause}' if health.cause else ''}"
