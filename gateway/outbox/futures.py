"""What passes between the event loop and a thread: results, refusals, the thread's end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from gateway.outbox.values import OutboxError

T = TypeVar("T")


async def finish(done: asyncio.Future[None]) -> None:
    """Wait for the writer's end whatever happens: the lock must not be let go while it writes."""
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def resolve(future: asyncio.Future[T], result: T, undo: Callable[[T], None] | None) -> None:
    """Give the asker its result; `undo` takes back what a cancelled one will not use."""
    if not future.done():
        future.set_result(result)
    elif undo is not None and future.cancelled():
        undo(result)


def refuse(future: asyncio.Future[T], error: OutboxError) -> None:
    """Tell the asker, if it still waits, why not."""
    if not future.done():
        future.set_exception(error)
