"""One gateway through the same faults as another: a half-open link, and two kills during an outage."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tests.peer.link import Link

RATE, BATCH = 50, 5
"""Events a second, and how many come together."""

SETTLE = 3.0
"""Seconds without load before a kill: each has stored what it was given, as it does."""

_QUIET = 20.0
"""Seconds in which nothing new comes, after which nothing will."""


class Gateway(Protocol):
    """What is tried."""

    name: str

    async def start(self) -> None: ...

    async def take(self, numbers: Sequence[int]) -> Sequence[int] | bool: ...

    async def kill(self) -> None: ...


class Result(NamedTuple):
    """Events recorded before the last fault ended, of them those that never came, and deliveries beyond the first."""

    recorded: int
    lost: int
    repeated: int
    after_half_open: float
    after_outage: float

    def row(self, name: str) -> str:
        return (
            f"| {name} | {self.recorded} | {self.lost} | {self.repeated}"
            f" | {_said(self.after_half_open)} | {_said(self.after_outage)} |"
        )


HEAD = "| gateway | recorded | lost | delivered again | first after the half-open link | first after the outage |"


def _said(seconds: float) -> str:
    return "never" if seconds == float("inf") else f"{seconds:.1f} s"


class Trial:
    """Drives one. `heard` counts what came to the broker."""

    def __init__(self, gateway: Gateway, link: Link, heard: Counter[int]) -> None:
        self._gateway = gateway
        self._link = link
        self._heard = heard
        self._next = 1
        self._recorded: set[int] = set()

    async def run(self, half_open: float = 20.0, outage: float = 5.0) -> Result:
        gateway, link = self._gateway, self._link
        await gateway.start()
        await self._load(5.0)
        link.hold()
        await self._load(half_open)
        link.release()
        after_half_open = await self._first_new()
        await self._load(2.0)
        await asyncio.sleep(SETTLE)
        await link.cut()
        for _ in range(2):
            await self._load(outage)
            await asyncio.sleep(SETTLE)
            await gateway.kill()
            await gateway.start()
        await link.mend()
        after_outage = await self._first_new()
        await self._all()
        lost = len(self._recorded - self._heard.keys())
        return Result(len(self._recorded), lost, self._heard.total() - len(self._heard), after_half_open, after_outage)

    async def _load(self, seconds: float) -> None:
        for _ in range(round(seconds * RATE / BATCH)):
            some = range(self._next, self._next + BATCH)
            self._next += BATCH
            taken = await self._gateway.take(some)
            self._recorded.update(taken if isinstance(taken, Sequence) else ())
            await asyncio.sleep(BATCH / RATE)

    async def _first_new(self) -> float:
        """Seconds until something comes that had not come before."""
        begin, known = time.monotonic(), len(self._heard)
        while len(self._heard) == known:
            if time.monotonic() - begin > 4 * _QUIET:
                return float("inf")
            await asyncio.sleep(0.05)
        return time.monotonic() - begin

    async def _all(self) -> None:
        """Until all that was recorded has come, or nothing new has for a while."""
        newest, count = time.monotonic(), len(self._heard)
        while self._recorded - self._heard.keys() and time.monotonic() - newest < _QUIET:
            await asyncio.sleep(0.2)
            if len(self._heard) > count:
                newest, count = time.monotonic(), len(self._heard)
