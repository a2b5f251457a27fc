"""The gateway of the demo, as a process of its own: so that killing it is killing it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from gateway.control import protocol
from gateway.control.client import NotRunning, ask
from gateway.overview import Overview


class GatewayProcess:
    """`readpoint run` on the demo's site file; `variables` are set in its environment."""

    def __init__(self, folder: Path, site: Path, segments: tuple[str, ...], variables: Mapping[str, str]) -> None:
        self._log = folder / "gateway.log"
        self._sockets = {name: folder / "run" / f"{name}.sock" for name in segments}
        self._site = site
        self._environment = os.environ | variables
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
        """Start it and wait until all segments answer. RuntimeError with its last words if it ends instead."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "run", str(self._site)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,  # a Ctrl-C at the terminal is the demo's, which then ends all in order
            )
        try:
            async with asyncio.timeout(30):
                while len(await self.overviews()) < len(self._sockets):
                    if self._process.returncode is not None:
                        raise self._failure("ended at its start")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise self._failure("does not answer") from None

    def _failure(self, what: str) -> RuntimeError:
        return RuntimeError(f"the gateway {what}:\n{self._log.read_text()[-2000:]}")

    async def overviews(self) -> dict[str, Overview]:
        """How each segment is; those that do not answer are missing."""
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> dict[str, Overview]:
        found = {}
        for name, socket in self._sockets.items():
            try:
                line = next(ask(socket, protocol.Status(), patience=2.0), None)
            except (NotRunning, OSError):
                continue
            if line:
                found[name] = msgspec.json.decode(line, type=Overview)
        return found

    async def until(self, so: Callable[[Overview], bool]) -> None:
        """Ask again and again until all segments answer and are so; the caller bounds it."""
        now = await self.overviews()
        while len(now) < len(self._sockets) or not all(map(so, now.values())):
            await asyncio.sleep(0.2)
            now = await self.overviews()

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
