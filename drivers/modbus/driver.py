"""The Modbus driver: asks over a wire what a session wants to know, one at a time, and hands on what it sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from drivers.contract import Antenna, Batch, Context, Disconnected, DriverError, Unreachable
from drivers.modbus.bus import stations
from drivers.modbus.framing import Answer, Exchange, Refusal
from drivers.modbus.session import Memory, Session
from drivers.modbus.settings import PortSettings, Settings
from drivers.modbus.wire import Wire, connect
from drivers.turns import Turns

_BITS_A_SIGN = 11
"""Start, eight bits of data, parity, stop (Modbus over Serial Line 1.02, section 2.5.1)."""


class ModbusDriver:
    """One bus. `open` may be called again after it ended: counters go on from where they stood."""

    def __init__(self, settings: Settings, ports: Mapping[Antenna, PortSettings], context: Context) -> None:
        self._settings = settings
        self._ports = frozenset(ports)
        self._context = context
        self._memory = Memory()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """Enter: a unit has answered. Raises `DriverError`, here or while iterating."""
        context, settings = self._context, self._settings
        wire = await connect(settings, interface=context.interface, base=context.base)
        try:
            now = asyncio.get_running_loop().time()
            settle = 2 * settings.timeout if settings.address.framed_as_rtu else 0.0
            session = Session(stations(settings, self._ports), self._memory, settings.gap, now, settle)
            polling = _Polling(wire, session, settings, context)
            await polling.introduced()
            yield Turns(polling.turn, polling.take, polling.lost)
        finally:
            await wire.close()


class _Polling:
    """One connection."""

    def __init__(self, wire: Wire, session: Session, settings: Settings, context: Context) -> None:
        self._wire = wire
        self._session = session
        self._settings = settings
        self._clock = context.clock
        self._loop = asyncio.get_running_loop()
        self._number = 0
        self._free_at = 0.0
        self._pause = settings.pause
        if settings.address.scheme == "rtu":
            self._pause += max(3.5 * _BITS_A_SIGN / settings.serial.baud, 0.00175)  # section 2.5.1.1

    def take(self) -> Batch | None:
        """What was seen, if anything."""
        seen = self._session.observations
        if not seen:
            return None
        batch = Batch(tuple(seen))
        seen.clear()
        return batch

    def lost(self, error: DriverError) -> None:
        """The connection has ended."""
        self._session.lost(str(error), self._clock())

    async def introduced(self) -> None:
        """Until some unit has answered. Raises `Unreachable` when none of them does."""
        where = self._settings.address
        while not self._session.heard:
            try:
                await self.turn()
            except Disconnected as error:
                hint = "does it take this client, want TLS, or a client certificate (tls.cert)?"
                raise Unreachable(f"{where}: {error} before any unit had answered: {hint}") from error
            deserted = self._session.deserted
            if deserted is not None:
                hint = "is it on, and are number, baud and wiring right?"
                raise Unreachable(f"{where}: {deserted} within {self._settings.timeout:g} s: {hint}")

    async def turn(self) -> None:
        """One request and its answer, or the wait until one is due."""
        session, loop = self._session, self._loop
        task, due = session.next(loop.time())
        if task is None:
            await self._rest(due)
            return
        await self._rest(self._free_at)
        began = loop.time()
        self._number = self._number % 0xFFFF + 1
        exchange = Exchange(task.unit.number, task.block, self._number, rtu=self._settings.address.framed_as_rtu)
        patience = session.patience(task, self._settings.timeout)
        reply = await self._ask(exchange, patience)
        time, now = self._clock(), loop.time()
        self._free_at = now + self._pause
        if isinstance(reply, Answer):
            session.answered(task, reply.words, time, now, now - began)
        elif isinstance(reply, Refusal):
            session.refused(task, reply.code, time, now, now - began)
        else:
            session.silent(task, time, now, now - began, f"no answer within {self._settings.timeout:g} s")
            if session.deserted is not None and session.heard:
                raise Disconnected(session.deserted)

    async def _ask(self, exchange: Exchange, patience: float) -> Answer | Refusal | None:
        """Sends the request; what comes until the answer does, or the time is up, is noise."""
        inbox, clock = self._wire.inbox, self._clock
        if inbox.data:
            self._session.noise(bytes(inbox.data), clock())
            inbox.data.clear()
        if inbox.lost is not None:
            raise Disconnected(inbox.lost)
        self._wire.write(exchange.request)
        try:
            async with asyncio.timeout(patience):
                while True:
                    reply, noise = exchange.find(inbox.data)
                    if noise:
                        self._session.noise(noise, clock())
                    if reply is not None:
                        return reply
                    await inbox.news()
        except TimeoutError:
            return None

    async def _rest(self, until: float) -> None:
        """Waits, but not for a wire that has ended."""
        patience = until - self._loop.time()
        if patience <= 0:
            return
        try:
            async with asyncio.timeout(patience):
                while True:
                    await self._wire.inbox.news()
        except TimeoutError:
            return
