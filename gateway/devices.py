"""The devices of a segment, each under its supervisor; `apply` touches only what changed."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from drivers import registry
from drivers.contract import Absent, Batch, Context, Driver, Rejected
from gateway.config import secrets
from gateway.config.site import Device
from gateway.guests import Guest
from gateway.health import DeviceBoard, DeviceHealth
from gateway.identity import elements
from gateway.outputs import Signalling
from gateway.supervisor import Backoff, Supervisor


class Surroundings(msgspec.Struct, frozen=True):
    """What every device of a segment is given: where its batches and its changes of health go, and its `Context`."""

    put: Callable[[str, Batch], None]
    changed: Callable[[DeviceHealth], None]
    clock: Callable[[], float]
    interface: str | None = None
    base: str = "."
    backoff: Backoff = Backoff()
    signalling: Signalling | None = None


class Devices:
    """The running set."""

    def __init__(self, group: asyncio.TaskGroup, surroundings: Surroundings) -> None:
        self._group = group
        self._around = surroundings
        self._running: dict[str, tuple[Device, DeviceBoard, asyncio.Task[None]]] = {}

    @property
    def health(self) -> tuple[DeviceHealth, ...]:
        """Each device as it is now, by name."""
        return tuple(board.now for _, (_, board, _) in sorted(self._running.items()))

    async def apply(self, wanted: Mapping[str, Device]) -> None:
        """Run exactly these: what is new or changed starts, what is gone or changed has been released before."""
        leaving = [name for name, (device, _, _) in self._running.items() if wanted.get(name) != device]
        await self._stop(leaving)
        if self._around.signalling is not None:
            self._around.signalling.apply({name: device.signals for name, device in wanted.items()})
        if any(registry.entry(device.driver).codes for device in wanted.values()):
            # A tenth of a second: before the first scan, and beside the event loop.
            await asyncio.to_thread(elements.prepare)
        for name, device in wanted.items():
            if name not in self._running:
                self._start(device)

    async def stop(self) -> None:
        """Release all."""
        await self._stop(list(self._running))

    def _start(self, device: Device) -> None:
        around = self._around
        secret = functools.partial(_secret, base=Path(around.base))
        outputs = frozenset(rule.gpo for rule in device.signals)
        context = Context(device.name, around.interface, around.base, around.clock, secret, outputs)
        driver = _made(device, context)
        board = DeviceBoard(device.name, around.clock, around.changed)
        connect = around.signalling.connect if around.signalling is not None else None
        supervisor = Supervisor(device.name, driver, around.put, board, around.clock, around.backoff, connect)
        task = self._group.create_task(supervisor.run(), name=f"device {device.name}")
        self._running[device.name] = (device, board, task)

    async def _stop(self, names: Iterable[str]) -> None:
        tasks = [self._running.pop(name)[2] for name in names]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _made(device: Device, context: Context) -> Driver:
    """Our drivers at once, for they do no I/O; those of others behind a guard."""

    def make() -> Driver:
        return registry.entry(device.driver).factory()(device.settings, device.ports, context)

    return make() if device.driver in registry.names() else Guest(make)


@asynccontextmanager
async def devices(surroundings: Surroundings, wanted: Mapping[str, Device]) -> AsyncIterator[Devices]:
    """Run these devices; on leaving, all are released."""
    async with asyncio.TaskGroup() as group:
        running = Devices(group, surroundings)
        await running.apply(wanted)
        try:
            yield running
        finally:
            await running.stop()


def _secret(ref: str, base: Path) -> str:
    """As drivers ask for it: what is wrong with a secret is a refused configuration, not a bug."""
    try:
        return secrets.resolve(ref, base)
    except secrets.NoSecret as error:
        raise Absent(str(error)) from None
    except secrets.SecretError as error:
        raise Rejected(str(error)) from None
