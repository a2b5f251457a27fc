"""A gateway's segment, whole and real, driven through simulated time step by step."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.answers import Parts
from gateway.config.load import load
from gateway.segment import running
from tests.year import floor, reader
from tests.year.books import Books
from tests.year.clock import Clock

_BOUND = 60.0
_TURNS = 100
"""Of the loop, before it rests between two looks."""


class Box:
    """The site file in a folder, its state beside it, and the segment while it runs."""

    def __init__(self, folder: Path, clock: Clock, port: int, books: Books | None = None) -> None:
        self.folder = folder
        self.state = folder / "state" / "rfid"
        self.port = port
        self.started = 0.0
        self._file = folder / "site.yaml"
        self._clock = clock
        self._books = books or Books()
        self._nest = AsyncExitStack()
        self.parts: Parts | None = None
        if str(folder / "installed") not in sys.path:
            reader.install(folder / "installed")
            sys.path.insert(0, str(folder / "installed"))
        self._way = reader.WAYS["reader"] = reader.Way(clock)

    def configure(self, month: int) -> None:
        self._file.write_text(floor.site(self.port, month))

    async def start(self) -> Parts:
        """Run it; `started` says how long that took, in seconds of the machine."""
        begin = time.perf_counter()
        site = load(self._file).site
        self.parts = await self._nest.enter_async_context(running(site, "rfid", "1.0", clock=self._clock))
        self.started = time.perf_counter() - begin
        self._nest.callback(self.parts.outbox.listen(self._books.record))
        return self.parts

    async def stop(self) -> None:
        """End it, with all that was read stored."""
        self.parts = None
        nest, self._nest = self._nest, AsyncExitStack()
        await nest.aclose()

    async def reconfigure(self, month: int) -> None:
        """Take another site file as it runs, as SIGHUP does."""
        assert self.parts is not None
        self.configure(month)
        site = load(self._file, before=self.parts.site).site
        assert self.parts.takes(site)
        await self.parts.apply(site)

    async def read(self, plan: list[reader.Planned] | None) -> None:
        """Let the reader read what is planned, and all of it be decided and stored; None: its cable is pulled."""
        parts, way = self.parts, self._way
        assert parts is not None
        way.done.clear()
        way.plans.put_nowait(plan)
        await way.done.wait()  # no time-out: it would be one of the time that passes here
        if plan is None:
            await self.until(lambda: any(one.state == "offline" for one in parts.devices.health))
            self._clock.reach(self._clock() + 60.0)
            return
        await self.decided()

    async def decided(self) -> None:
        parts = self.parts
        assert parts is not None
        await self.until(lambda: not parts.inbox.waiting)
        await parts.outbox.flush()

    async def until(self, condition: Callable[[], bool], bound: float = _BOUND) -> None:
        """Turn the loop until it is so, at most so many seconds of the machine."""
        begin, turns = time.perf_counter(), 0
        while not condition():
            assert time.perf_counter() < begin + bound, condition
            turns += 1
            await asyncio.sleep(0 if turns < _TURNS else 0.005)
