"""The NMEA driver: moves bytes from a link to a session, and hands on what the session observes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from drivers.contract import Antenna, Batch, Context, Disconnected, DriverError, Unreachable
from drivers.nmea.link import Receive, connect
from drivers.nmea.session import Memory, Session
from drivers.nmea.settings import PortSettings, Settings
from drivers.turns import Turns


class NmeaDriver:
    """One receiver. `open` may be called again after it ended: the sides of the borders are remembered in between."""

    def __init__(self, settings: Settings, ports: Mapping[Antenna, PortSettings], context: Context) -> None:
        self._settings = settings
        self._context = context
        self._memory = Memory(settings, ports)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """Enter: a sentence has come. Raises `DriverError`, here or while iterating."""
        async with connect(self._settings, self._context.interface) as receive:
            observing = _Observing(receive, self._settings, self._memory, self._context)
            await observing.introduced()
            yield Turns(observing.turn, observing.take, observing.lost)


class _Observing:
    """One connection."""

    def __init__(self, receive: Receive, settings: Settings, memory: Memory, context: Context) -> None:
        self._receive = receive
        self._clock = context.clock
        self._loop = asyncio.get_running_loop()
        self._session = Session(settings, memory, wall=self._clock(), now=self._loop.time())

    def take(self) -> Batch | None:
        """What was seen, if anything."""
        seen, self._session.observations = self._session.observations, []
        return Batch(seen) if seen else None

    def lost(self, error: DriverError) -> None:
        """The connection has ended."""
        self._session.lost(str(error))

    async def introduced(self) -> None:
        """Until the first sentence has come."""
        try:
            while not self._session.heard:
                await self.turn()
        except Disconnected as error:
            raise Unreachable(str(error)) from error

    async def turn(self) -> None:
        """Waits for bytes or for the session's next deadline."""
        session, loop = self._session, self._loop
        data = b""
        try:
            async with asyncio.timeout_at(session.deadline):
                data = await self._receive()
        except TimeoutError:
            data = b""
        if data:
            session.receive(data, self._clock(), loop.time())
            await asyncio.sleep(0)  # bytes that are there already are given without a pause: others have their turn
        if loop.time() >= session.deadline:
            session.tick(self._clock(), loop.time())
