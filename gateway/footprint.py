"""The process's memory: what a burst needed goes back to the system when it is over, where glibc would keep it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

EVERY = 3.0
"""Seconds between looks. One takes 0.5 to 9 ms, beside the event loop."""

_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


@asynccontextmanager
async def kept_small() -> AsyncIterator[None]:
    """Give back what is free, now and every few seconds, while inside (malloc_trim(3); nothing where libc has none)."""
    task = asyncio.create_task(_keep_small(), name="footprint")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _keep_small() -> None:
    while _trim is not None:
        await asyncio.to_thread(_trim, 0)
        await asyncio.sleep(EVERY)
