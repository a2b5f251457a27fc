"""The batches of one connection, for drivers that ask a session turn by turn what was seen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Self

from drivers.observations import Batch, DriverError


class Turns:
    """Iterates over batches: `take` gives what was seen, None where nothing was; then a `turn` waits for more.

    Where a turn fails `lost` is told, once, and may add to what was seen: the error is raised behind all of it.
    """

    def __init__(
        self,
        turn: Callable[[], Awaitable[None]],
        take: Callable[[], Batch | None],
        lost: Callable[[DriverError], None],
    ) -> None:
        self._turn = turn
        self._take = take
        self._lost = lost
        self._failure: DriverError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        while (batch := self._take()) is None:
            if self._failure is not None:
                raise self._failure
            try:
                await self._turn()
            except DriverError as error:
                self._failure = error
                self._lost(error)
        return batch
