"""A serial line without hardware: two pseudo-terminals and the wire between them, as slow as its baud rate."""

from __future__ import annotations

import asyncio
import os
import tempfile
import tty
from pathlib import Path
from types import TracebackType
from typing import Self

_SIGN = 11
"""Bits of a sign on a Modbus serial line."""


class Cable:
    """`path` is the end for the gateway, `far` the one for the units. Plugged in while entered; `unplug`, `plug`."""

    def __init__(self, baud: int | None = None) -> None:
        self._baud = baud
        self._folder = tempfile.TemporaryDirectory(prefix="modbus-")
        self.path = str(Path(self._folder.name) / "port")
        self.far = str(Path(self._folder.name) / "bus")
        self._fds: list[int] = []
        self._masters: tuple[int, int] | None = None
        self._free_at = 0.0

    async def __aenter__(self) -> Self:
        self.plug()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()
        self._folder.cleanup()

    def plug(self) -> None:
        """Both ends are there."""
        loop = asyncio.get_running_loop()
        near, far = self._end(self.path), self._end(self.far)
        self._masters = (near, far)
        loop.add_reader(near, self._pump, near, far)
        loop.add_reader(far, self._pump, far, near)

    def unplug(self) -> None:
        """Both ends vanish, whoever has them open."""
        if self._masters is None:
            return
        loop = asyncio.get_running_loop()
        for master in self._masters:
            loop.remove_reader(master)
        self._masters = None
        for fd in self._fds:
            os.close(fd)
        self._fds = []
        for path in (self.path, self.far):
            Path(path).unlink()

    def _end(self, path: str) -> int:
        """A pseudo-terminal in raw mode; our own descriptor of its far side keeps it alive between two users."""
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._fds += [master, slave]
        Path(path).symlink_to(os.ttyname(slave))
        return master

    def _pump(self, source: int, target: int) -> None:
        data = os.read(source, 4096)
        if self._baud is None:
            self._put(target, data)
            return
        loop = asyncio.get_running_loop()
        self._free_at = max(self._free_at, loop.time()) + len(data) * _SIGN / self._baud
        loop.call_at(self._free_at, self._put, target, data)

    def _put(self, target: int, data: bytes) -> None:
        if self._masters is not None:
            os.write(target, data)
