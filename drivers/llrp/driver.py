"""The LLRP driver: moves bytes between a link and a session, and hands on what the session observes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from drivers.contract import Antenna, Batch, Context, Disconnected, DriverError, Observation, Unreachable
from drivers.llrp.codec.framing import PIECE, pieces
from drivers.llrp.link import Link, connect
from drivers.llrp.session import Memory, Session, is_report
from drivers.llrp.settings import PortSettings, Settings
from drivers.reads import together
from drivers.turns import Turns


class LlrpDriver:
    """One LLRP reader. `open` may be called again after it ended: clock and gaps are remembered in between."""

    def __init__(self, settings: Settings, ports: Mapping[Antenna, PortSettings], context: Context) -> None:
        self._settings = settings
        self._ports = ports
        self._context = context
        self._memory = Memory()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """Enter: the reader has answered and can do what is asked. Raises `DriverError`, here or while iterating.

        What a reader held while nobody listened comes first, with its own times; then `Status(None, "online")`. That
        status's `time` is since when the reader observes: of old where the held reads cover the gap, else now.
        """
        context = self._context
        link = await connect(self._settings, interface=context.interface, base=context.base)
        observing = _Observing(link, self._settings, self._ports, self._memory, context)
        try:
            await observing.introduced()
            yield _Connection(observing)
        finally:
            await observing.release()


_BATCH = 10_000
"""Observations given at once: what waits behind the gateway is shed by the batch."""


_FRAMES = 200
"""Frames taken at once: of 10 bytes each they come by the thousand."""


class _Observing:
    """One connection."""

    def __init__(
        self,
        link: Link,
        settings: Settings,
        ports: Mapping[Antenna, PortSettings],
        memory: Memory,
        context: Context,
    ) -> None:
        self._link = link
        self._settings = settings
        self._clock = context.clock
        self._loop = asyncio.get_running_loop()
        self._session = Session(settings, ports, memory, context.outputs, now=self._loop.time())
        self._patience: asyncio.Timeout | None = None
        self._lives = True
        self._seen: Sequence[Observation] = ()

    def take(self) -> Batch | None:
        """What was seen, if anything."""
        if not self._seen:
            self._seen, self._session.observations = together(self._session.observations), []
        if not self._seen:
            return None
        batch, self._seen = Batch(self._seen[:_BATCH]), self._seen[_BATCH:]
        return batch

    def write(self, states: Mapping[int, bool]) -> None:
        """As `Outputs.write`. It is sent at once where the inventory is set up, however long `turn` waits."""
        if not self._lives:
            return
        session = self._session
        session.write(states, self._loop.time())
        if session.configured is not None and session.outgoing:
            outgoing, session.outgoing = session.outgoing, []
            self._link.post(outgoing)
            if self._patience is not None and not self._patience.expired():
                self._patience.reschedule(session.deadline)

    def lost(self, error: DriverError) -> None:
        """The connection has ended."""
        self._lives = False
        self._session.lost(str(error), self._clock())

    async def introduced(self) -> None:
        """Until the reader has said what it can do."""
        try:
            while not self._session.ready:
                await self.turn()
        except DriverError as error:
            self.lost(error)
            if isinstance(error, Disconnected) and not self._session.greeted:
                secure = self._settings.secure
                hint = "does it want a client certificate (tls.cert)?" if secure else "does this port expect TLS?"
                raise Unreachable(f"{error} before it had greeted: {hint}") from error
            raise

    async def release(self) -> None:
        """Lets go of the reader: says goodbye on a link that lives, so that it takes the next client at once."""
        await self._link.close(self._session.farewell() if self._lives else None)

    async def _hand_over(self, frames: list[bytes]) -> None:
        """Gives the session what came; large reports by the piece, so that others have their turn meanwhile."""
        session, received, now = self._session, self._clock(), self._loop.time()
        if sum(map(len, frames)) <= 2 * PIECE:
            for start in range(0, len(frames), _FRAMES):
                if start:
                    await asyncio.sleep(0)
                session.receive(frames[start : start + _FRAMES], received, now)
            return
        for frame in frames:
            for piece in pieces(frame) if is_report(frame) else (frame,):
                session.receive((piece,), received, now)
                await asyncio.sleep(0)

    async def turn(self) -> None:
        """Sends what is to be sent, then waits for frames or for the session's next deadline."""
        session, loop = self._session, self._loop
        frames: list[bytes] = []
        try:
            async with asyncio.timeout_at(session.deadline) as self._patience:
                if session.outgoing:
                    outgoing, session.outgoing = session.outgoing, []
                    await self._link.send(outgoing)
                frames = await self._link.receive()
        except TimeoutError:
            frames = []
        finally:
            self._patience = None
        now = loop.time()
        if frames:
            await self._hand_over(frames)
        if now >= session.deadline:
            session.tick(self._clock(), now)


class _Connection(Turns):
    """What `open` yields: the batches of a connection, and the reader's outputs."""

    def __init__(self, observing: _Observing) -> None:
        super().__init__(observing.turn, observing.take, observing.lost)
        self.write = observing.write
