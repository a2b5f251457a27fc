"""A driver of another distribution, as the gateway sees it: it brings what is planned, and makes the time pass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from drivers.contract import Antenna, Batch, Context, Disconnected, Observation, Status
from drivers.contract import Settings as Strict
from drivers.registry import Entry
from tests.year.clock import Clock

Planned = tuple[float, Sequence[Observation]]

ENTRY = Entry("tests.year.reader:Reader", "tests.year.reader:Settings", "tests.year.reader:PortSettings")


class Settings(Strict):
    """It has none."""


class PortSettings(Strict):
    """Its antennas have none."""


class Way:
    """What is to be read next. `done` is set when all of it was handed over."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.plans: asyncio.Queue[Sequence[Planned] | None] = asyncio.Queue()
        self.done = asyncio.Event()


WAYS: dict[str, Way] = {}
"""By device."""


class Reader:
    """Reads what is planned for its name; a plan of None is a cable that is pulled."""

    def __init__(self, settings: Settings, ports: Mapping[Antenna, PortSettings], context: Context) -> None:
        self._context = context

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        async with aclosing(self._batches()) as batches:
            yield batches

    async def _batches(self) -> AsyncGenerator[Batch]:
        yield Batch((Status(None, "online", "", self._context.clock()),))
        way = WAYS.get(self._context.device)
        if way is None:
            await asyncio.Event().wait()
            return
        while (plan := await way.plans.get()) is not None:
            for moment, seen in plan:
                way.clock.reach(moment)
                yield Batch(seen)
            way.done.set()
        way.done.set()
        raise Disconnected("the cable was pulled")


def install(folder: Path) -> None:
    """Leave it as an installer does, for whoever has the folder on its path."""
    info = folder / "readpoint_year-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: readpoint-year\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[readpoint.drivers]\nyear = tests.year.reader:ENTRY\n")
