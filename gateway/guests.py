"""Drivers of other distributions, held to the contract: what is wrong with one costs its device, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import msgspec

from drivers.contract import Batch, Driver, Measurement, Observation, Read, Signal, Status

_KINDS: tuple[type[Observation], ...] = (Read, Signal, Measurement, Status)


class Guest:
    """A driver that is imported and made when it is opened, and whose every observation is looked at.

    Our own are type-checked before they are shipped; for these `open` and iterating raise what importing and making
    raises, and TypeError for what is no observation: the supervisor shows both as a bug of that driver.
    """

    def __init__(self, make: Callable[[], Driver]) -> None:
        self._make = make
        self._driver: Driver | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """As the driver's own."""
        if self._driver is None:
            self._driver = self._make()
        async with self._driver.open() as batches, aclosing(_checked(batches)) as checked:
            yield checked


async def _checked(batches: AsyncIterator[Batch]) -> AsyncGenerator[Batch]:
    async for batch in batches:
        check(batch)
        yield batch


def check(batch: Batch) -> None:
    """TypeError where a batch, or an observation in it, is not what its type says."""
    if type(batch) is not Batch or not isinstance(batch.observations, list | tuple):
        raise TypeError(f"{type(batch).__name__} is no Batch of a list of observations")
    for seen in batch.observations:
        if type(seen) not in _KINDS:
            raise TypeError(f"{type(seen).__name__} is no observation")
        try:
            msgspec.convert(msgspec.structs.asdict(seen), type(seen), builtin_types=(bytes,))
        except msgspec.ValidationError as error:
            raise TypeError(f"{type(seen).__name__}: {error}") from error
