"""The process: segments in named tasks, signals, systemd, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from gateway.config.site import Site
from gateway.outbox.values import OutboxError
from gateway.segment import running
from gateway.service import notify, watchdog_interval

log = logging.getLogger(__name__)

VERSION = version("readpoint")


def run_site(site: Site, segments: Sequence[str]) -> int:
    """Run these segments until SIGTERM or SIGINT. Exit code 0, or 1 with the reason on stderr."""
    failed = False
    try:
        asyncio.run(_run(site, segments))
    except* (OutboxError, OSError) as group:
        failed = True
        for error in _leaves(group):
            log.error("%s", error)  # noqa: TRY400 - what a person must mend needs no traceback
    return int(failed)


async def _run(site: Site, segments: Sequence[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    ready = asyncio.Barrier(len(segments) + 1)
    async with _alive(), asyncio.TaskGroup() as group:
        for name in segments:
            group.create_task(_segment(site, name, ready, stop), name=f"segment {name}")
        await ready.wait()
        gc.collect()
        gc.freeze()
        notify("READY=1")
        log.info("running %s", ", ".join(site.identity(name) for name in segments))
        await stop.wait()
        notify("STOPPING=1")


async def _segment(site: Site, name: str, ready: asyncio.Barrier, stop: asyncio.Event) -> None:
    async with running(site, name, VERSION):
        await ready.wait()
        await stop.wait()


@asynccontextmanager
async def _alive() -> AsyncIterator[None]:
    """Tell systemd's watchdog that the event loop turns."""
    interval = watchdog_interval()
    if interval is None:
        yield
        return

    async def tell() -> None:
        while True:
            notify("WATCHDOG=1")
            await asyncio.sleep(interval)

    task = asyncio.create_task(tell(), name="watchdog")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
