"""A simulated ACME desk reader on a real socket, as the conformance suite wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from drivers.contract import Observation, Read
from tests.conformance.stand import Device, Stand

EPC = bytes.fromhex("3034257bf7194e4000000001")
GOOD = b"TAG 3034257BF7194E4000000001 -55.5\n"
QUICK = {"connect_timeout": "1s", "silence": "500ms"}


class Desk:
    """The reader: one client at a time, a sign of life every 50 ms."""

    def __init__(self) -> None:
        self.port = 0
        self.silent = False
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()

    @property
    def busy(self) -> bool:
        return bool(self._clients)

    async def plug(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def unplug(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._clients):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        writer.write(b"DRAWER 0\n")
        living = asyncio.create_task(self._live(writer))
        try:
            with suppress(OSError):
                while await reader.read(100):
                    pass
        finally:
            living.cancel()
            self._clients.discard(writer)
            writer.transport.abort()

    async def _live(self, writer: asyncio.StreamWriter) -> None:
        while True:
            if not self.silent:
                writer.write(b"ALIVE\n")
            await asyncio.sleep(0.05)

    async def say(self, line: bytes) -> None:
        for writer in list(self._clients):
            writer.write(line)
            with suppress(OSError):
                await writer.drain()

    async def speak(self) -> None:
        await self.say(b"DRAWER 1\nTEMP 21.5\n" + GOOD)

    async def silence(self) -> None:
        self.silent = True

    async def garbage(self) -> None:
        await self.say(b"\xff\x00\n" * 100 + b"x" * 5000 + b"\nTAG zz nan\n")

    async def flood(self) -> None:
        for number in range(20_000):
            await self.say(b"TAG %024X -60\n" % number)


def sees(seen: Sequence[Observation]) -> bool:
    return any(isinstance(one, Read) and one.value == EPC for one in seen)


@asynccontextmanager
async def start() -> AsyncIterator[Device]:
    desk = Desk()
    await desk.plug()
    try:
        yield Device(
            settings={"host": "127.0.0.1", "port": desk.port, **QUICK},
            sees=sees,
            busy=lambda: desk.busy,
            speak=desk.speak,
            lose=desk.unplug,
            back=desk.plug,
            silence=desk.silence,
            garbage=desk.garbage,
            flood=desk.flood,
        )
    finally:
        await desk.unplug()


STANDS = {"acme": Stand("acme", start, lambda port: {"host": "127.0.0.1", "port": port, **QUICK})}
