"""What was freed between things that stay goes back to the system."""

from __future__ import annotations

import asyncio
import os
import platform
from pathlib import Path

import pytest

from gateway.footprint import kept_small


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that keeps what is freed")
async def test_a_burst_is_given_back() -> None:
    blocks = [bytes(2000) for _ in range(40_000)]
    stay = blocks[::400]
    full = resident()
    del blocks
    async with kept_small(), asyncio.timeout(60.0):
        while resident() > full - 40_000_000:  # noqa: ASYNC110 - nobody says when memory is free
            await asyncio.sleep(0.01)
    assert len(stay) == 100
