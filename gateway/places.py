"""By which URI each zone was told and in which stream, kept beside the outbox: objects depart from where they arrived.

At the next start the configuration may be another, or the machine. A departure from another URI than the arrival's, or
in another stream, would end nothing at the centre.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from gateway.logs import get_logger
from gateway.model import ReadPoint
from gateway.outbox.store import Outbox

log = get_logger(__name__)

FILE = "places"
MOST = 1 << 24
"""Bytes of the file that are read: far more than a segment's zones need."""


class Told(msgspec.Struct, frozen=True):
    """The stream, and the URIs of its zones by name. None: nothing is known of before."""

    stream: str | None = None
    zones: dict[str, str] = {}


class Places:
    """What was told of a segment's zones before the start, and is by now; the file is in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE
        self._changed = asyncio.Event()
        self._zones: dict[str, str] = {}
        self.before = _read(self._file)

    def renewed(self, stream: str) -> bool:
        """Whether what is present was told in another stream than this one."""
        return self.before.stream not in {None, stream}

    def replace(self, points: Mapping[str, ReadPoint]) -> None:
        """The zones from now on; what ends or begins with that has just been put into the outbox."""
        self._zones = {point.name: point.uri for point in points.values() if point.kind == "zone"}
        self._changed.set()

    @asynccontextmanager
    async def kept(self, outbox: Outbox, begun: asyncio.Event) -> AsyncIterator[None]:
        """The file follows each `replace`, once what was present before is told, and never ahead of what is stored."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self._follow(outbox, begun), name="places")
            yield
            task.cancel()

    async def _follow(self, outbox: Outbox, begun: asyncio.Event) -> None:
        kept = self.before
        await begun.wait()
        while True:
            await self._changed.wait()
            self._changed.clear()
            now = Told(outbox.stream, self._zones)
            if now == kept:
                continue
            await outbox.flush()
            try:
                await asyncio.to_thread(_write, self._file, now)
            except OSError as error:
                log.warning("where the zones are could not be kept: do not change their `uri` now", cause=str(error))
            else:
                kept = now


def _read(file: Path) -> Told:
    """What was kept; nothing where there is no such file, or it is damaged."""
    try:
        with file.open("rb") as kept:
            return msgspec.json.decode(kept.read(MOST), type=Told)
    except (OSError, msgspec.MsgspecError):
        return Told()


def _write(file: Path, told: Told) -> None:
    new = file.with_suffix(".new")
    with new.open("wb") as out:
        out.write(msgspec.json.encode(told))
        out.flush()
        os.fsync(out.fileno())
    new.replace(file)
