"""The process's memory: what a burst needed goes back to the system when it is over, where glibc would keep it."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.alongside import alongside

EVERY = 3.0
"""Seconds between looks. One takes 0.5 to 9 ms, beside the event loop."""

LARGE = 256 * 2**10
"""Bytes from which a block is mapped by itself, and so goes back when it is freed. Left alone, glibc raises this."""

_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_libc = ctypes.CDLL(None)
_trim = getattr(_libc, "malloc_trim", None)
_set = getattr(_libc, "mallopt", None)


@asynccontextmanager
async def kept_small() -> AsyncIterator[None]:
    """Give back what is free, now and every few seconds, while inside: malloc_trim(3), mallopt(3).

    Nothing where libc has none.
    """
    if _set is not None:
        _set(_M_MMAP_THRESHOLD, LARGE)
        # Threads that share one heap share its room, too: 1 MB where two are busy.
        _set(_M_ARENA_MAX, 1)
    async with alongside(_keep_small(), "footprint"):
        yield


async def _keep_small() -> None:
    while _trim is not None:
        await asyncio.to_thread(_trim, 0)
        await asyncio.sleep(EVERY)
