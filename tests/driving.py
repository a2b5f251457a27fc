"""Runs a driver as the supervisor does, and waits for what it gives, within a bound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import pytest

from drivers.contract import Driver, DriverError, Observation, Outputs, Read, Status
from simulators.air import Heard

BOUND = 30.0
"""Seconds no wait is longer than; nothing is measured by it."""


class Watched:
    """One `open` of a driver in a task; `seen` is all it gave, `outputs` what it opened where it has outputs."""

    def __init__(self, driver: Driver) -> None:
        self.seen: list[Observation] = []
        self.outputs: Outputs | None = None
        self._driver = driver
        self._changed = asyncio.Event()
        self.task = asyncio.create_task(self._run(), name="driver")

    async def _run(self) -> None:
        async with self._driver.open() as batches:
            self.outputs = batches if isinstance(batches, Outputs) else None
            async for batch in batches:
                self.seen += batch.observations
                self._changed.set()
                self._changed = asyncio.Event()

    async def until(self, fits: Callable[[list[Observation]], object]) -> None:
        """Until what was seen fits. Raises what ended the driver before that."""
        async with asyncio.timeout(BOUND):
            while not fits(self.seen):
                change = asyncio.create_task(self._changed.wait())
                done, _ = await asyncio.wait({change, self.task}, return_when=asyncio.FIRST_COMPLETED)
                change.cancel()
                if self.task in done and not fits(self.seen):
                    await self.task

    async def failure(self) -> DriverError:
        """What ends the driver by itself."""
        async with asyncio.timeout(BOUND):
            with pytest.raises(DriverError) as failed:
                await self.task
        return failed.value

    async def stop(self) -> None:
        """Cancels it and waits until it has let go of the device."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            async with asyncio.timeout(BOUND):
                await self.task


class Numbered:
    """An air in which every singulation has its own EPC; remembers when each was heard, by the host's clock."""

    def __init__(self) -> None:
        self.heard: dict[bytes, float] = {}

    def hear(self, reader: str, antenna: int, now: float) -> Sequence[Heard]:
        epc = bytes([0x30]) + len(self.heard).to_bytes(11)
        self.heard[epc] = now
        return (Heard(epc, -60.0),)


async def reopened(driver: Driver) -> Watched:
    """As the supervisor does: tries until the device lets it in and says something."""
    async with asyncio.timeout(BOUND):
        while True:
            watched = Watched(driver)
            try:
                await watched.until(lambda seen: seen)
            except DriverError:
                await asyncio.sleep(0.02)  # the supervisor's backoff, shorter
            else:
                return watched


async def until(fits: Callable[[], object]) -> None:
    """Until something fits that a simulator shows but does not signal."""
    async with asyncio.timeout(BOUND):
        while not fits():  # noqa: ASYNC110 - it has no event to wait for
            await asyncio.sleep(0.01)


def reads(seen: list[Observation]) -> list[Read]:
    """The reads among observations."""
    return [one for one in seen if isinstance(one, Read)]


def states(seen: list[Observation]) -> list[tuple[object, str]]:
    """The states among observations: (antenna, state)."""
    return [(one.antenna, one.state) for one in seen if isinstance(one, Status)]
