"""The barcode driver: moves bytes from a line to a session, and acknowledges scans that are stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from functools import partial

from drivers.barcode.framing import Framing
from drivers.barcode.link import Link, connect
from drivers.barcode.session import Session
from drivers.barcode.settings import PortSettings, Settings, control
from drivers.contract import Antenna, Batch, Context, Observation, Read


class BarcodeDriver:
    """One scanner, or one base with its guns."""

    def __init__(self, settings: Settings, ports: Mapping[Antenna, PortSettings], context: Context) -> None:
        self._settings = settings
        self._guns = tuple(ports)
        self._context = context

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """Enter: the line is open; a scanner says nothing of itself. Raises `DriverError`, here or while iterating."""
        async with (
            connect(self._settings, self._context.interface) as link,
            aclosing(self._batches(link)) as batches,
        ):
            yield batches

    async def _batches(self, link: Link) -> AsyncGenerator[Batch]:
        settings, clock, loop = self._settings, self._context.clock, asyncio.get_running_loop()
        session = Session(
            framing(settings),
            idle=settings.idle,
            interval=settings.fault_interval,
            encoding=settings.encoding,
            guns=self._guns,
            wall=clock(),
        )
        while True:
            if session.observations:
                seen, session.observations = session.observations, []
                yield self._batch(seen, link)
            data = b""
            try:
                async with asyncio.timeout_at(session.deadline):
                    data = await link.receive()
            except TimeoutError:
                session.tick(clock(), loop.time())
            if data:
                session.receive(data, clock(), loop.time())
                # Bytes that are there already are given without a pause: others have their turn.
                await asyncio.sleep(0)

    def _batch(self, seen: list[Observation], link: Link) -> Batch:
        answer = control(self._settings.ack) * sum(isinstance(one, Read) for one in seen)
        return Batch(seen, partial(link.send, answer) if answer else None)


def framing(settings: Settings) -> Framing:
    """The frame that these settings describe."""
    suffix = None if settings.suffix is None else control(settings.suffix)
    gun = settings.gun_address
    return Framing(
        prefix=control(settings.prefix),
        suffix=b"" if settings.stx_etx and suffix is None else suffix,
        stx_etx=settings.stx_etx,
        gun_length=(gun.length or 0) if gun else 0,
        gun_until=control(gun.until) if gun and gun.until else b"",
        max_length=settings.max_length,
    )
