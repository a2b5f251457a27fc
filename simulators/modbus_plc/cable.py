"""A serial line without hardware: two pseudo-terminals and the wire between them, as slow as its baud rate."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from simulators.pty import Pty

_SIGN = 11
"""Bits of a sign on a Modbus serial line."""


class Cable:
    """`path` is the end for the gateway, `far` the one for the units. Plugged in while entered; `unplug`, `plug`."""

    def __init__(self, baud: int | None = None) -> None:
        self._baud = baud
        self._folder = tempfile.TemporaryDirectory(prefix="modbus-")
        self._ends = tuple(Pty(Path(self._folder.name) / name) for name in ("port", "bus"))
        self.path, self.far = (str(end.path) for end in self._ends)
        self._free_at = 0.0

    async def __aenter__(self) -> Self:
        self.plug()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()
        self._folder.cleanup()

    @property
    def busy(self) -> bool:
        """Whether somebody holds the gateway's end for himself alone."""
        return self._ends[0].busy

    def plug(self) -> None:
        """Both ends are there."""
        loop = asyncio.get_running_loop()
        near, far = (end.plug() for end in self._ends)
        loop.add_reader(near, self._pump, near, self._ends[1])
        loop.add_reader(far, self._pump, far, self._ends[0])

    def unplug(self) -> None:
        """Both ends vanish, whoever has them open."""
        loop = asyncio.get_running_loop()
        for end in self._ends:
            if end.master is not None:
                loop.remove_reader(end.master)
                end.unplug()

    def _pump(self, source: int, target: Pty) -> None:
        data = os.read(source, 4096)
        if self._baud is None:
            self._put(target, data)
            return
        loop = asyncio.get_running_loop()
        self._free_at = max(self._free_at, loop.time()) + len(data) * _SIGN / self._baud
        loop.call_at(self._free_at, self._put, target, data)

    def _put(self, target: Pty, data: bytes) -> None:
        if target.master is not None:
            os.write(target.master, data)
