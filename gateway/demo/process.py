"""The gateway of the demo, as a process of its own: so that killing it is killing it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from gateway.control import protocol
from gateway.control.client import NotRunning, ask
from gateway.overview import Overview

SEGMENT = "rfid"


class GatewayProcess:
    """`readpoint run` on the demo's site file."""

    def __init__(self, folder: Path, site: Path) -> None:
        self._log = folder / "gateway.log"
        self._socket = folder / "run" / f"{SEGMENT}.sock"
        self._site = site
        self._process: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[GatewayProcess]:
        """Started and answering; stopped as systemd would on leaving."""
        try:
            await self.start()
            yield self
        finally:
            await self.stop()

    async def start(self) -> None:
        """Start it and wait until it answers. RuntimeError with its last words if it ends instead."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "run", str(self._site)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is the demo's, which then ends all in order
            )
        try:
            async with asyncio.timeout(30):
                while await self.overview() is None:
                    if self._process.returncode is not None:
                        raise self._failure("ended at its start")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise self._failure("does not answer") from None

    def _failure(self, what: str) -> RuntimeError:
        return RuntimeError(f"the gateway {what}:\n{self._log.read_text()[-2000:]}")

    async def overview(self) -> Overview | None:
        """How it is; None while it does not answer."""
        try:
            line = await asyncio.to_thread(lambda: next(ask(self._socket, protocol.Status(), patience=2.0), None))
        except (NotRunning, OSError):
            return None
        return msgspec.json.decode(line, type=Overview) if line else None

    async def until(self, so: Callable[[Overview], bool]) -> None:
        """Ask again and again until it answers and is so; the caller bounds it."""
        now = await self.overview()
        while now is None or not so(now):
            await asyncio.sleep(0.2)
            now = await self.overview()

    def kill(self) -> None:
        """SIGKILL: no chance to finish anything."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)

    async def stop(self) -> None:
        """SIGTERM, and wait; a gateway that is gone already is stopped."""
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()

    async def gone(self) -> None:
        """Wait until the process has ended."""
        assert self._process is not None
        await self._process.wait()
