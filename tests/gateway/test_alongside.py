"""Work beside a block: it ends with the block, and its failure is not kept quiet."""

from __future__ import annotations

import asyncio

import pytest

from gateway.alongside import alongside


async def test_it_runs_while_inside_and_is_over_afterwards() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with alongside(work(), "work"):
        await begun.wait()
        assert not ended.is_set()
    assert ended.is_set()


async def test_its_failure_is_raised_on_leaving_but_in_place_of_no_other() -> None:
    async def fails() -> None:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        async with alongside(fails(), "work"):
            await asyncio.sleep(0)
    with pytest.raises(KeyError):
        async with alongside(asyncio.Event().wait(), "work"):
            raise KeyError


async def test_who_is_cancelled_inside_is_cancelled() -> None:
    inside = asyncio.Event()

    async def outer() -> None:
        async with alongside(asyncio.Event().wait(), "work"):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(outer())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
