"""What the uplink needs of the outbox, and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.outbox.values import EpochState, Lane, Receipt, Row, Verdict

LANES: tuple[Lane, Lane] = ("live", "historical")


class Queue(Protocol):
    """The outbox. Claims live in memory: what is neither settled nor released is pending again after a restart."""

    @property
    def stream(self) -> str: ...

    @property
    def previous_stream(self) -> str | None: ...

    @property
    def epoch(self) -> int: ...

    async def epochs(self) -> Sequence[EpochState]: ...

    async def flush(self) -> None: ...

    async def begin_live(self) -> None: ...

    async def claim(self, lane: Lane, rows: int, size: int) -> Sequence[Row]: ...

    def release(self, rowids: Sequence[int]) -> None: ...

    def settle(self, rowids: Sequence[int]) -> None: ...

    async def changed(self) -> None: ...

    async def acknowledge(self, receipt: Receipt) -> Verdict: ...

    async def again(self, first: int, last: int, rows: int, size: int) -> tuple[Sequence[Row], int | None]: ...
