"""The process: segments in named tasks, signals, systemd, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

from gateway.config.load import load
from gateway.config.problem import ConfigError
from gateway.config.site import Site
from gateway.footprint import kept_small
from gateway.outbox.values import OutboxError
from gateway.segment import running
from gateway.service import notify, watchdog_interval

log = logging.getLogger(__name__)

VERSION = version("readpoint")


def run_site(site: Site, only: Sequence[str] = ()) -> int:
    """Run these segments, or all, until SIGTERM or SIGINT; SIGHUP reads the site file again.

    Exit code 0, or 1 with the reason on stderr.
    """
    failed = False
    try:
        asyncio.run(_run(site, only))
    except* (OutboxError, OSError) as group:
        failed = True
        for error in _leaves(group):
            log.error("%s", _sentence(error))  # noqa: TRY400 - what a person must mend needs no traceback
    return int(failed)


async def _run(site: Site, only: Sequence[str]) -> None:
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    async with _alive(), kept_small(), asyncio.TaskGroup() as group:
        segments = _Segments(group)
        segments.apply(site, only)
        await segments.ready()
        gc.collect()
        gc.freeze()
        notify("READY=1")
        log.info("running %s", ", ".join(site.identity(name) for name in segments.names))
        reloading = group.create_task(_reloading(site, only, segments, reload), name="reload")
        await stop.wait()
        notify("STOPPING=1")
        reloading.cancel()
        segments.stop()


async def _reloading(site: Site, only: Sequence[str], segments: _Segments, reload: asyncio.Event) -> None:
    """Take the site file as it is at each SIGHUP; while it is wrong, the one before is kept."""
    while True:
        await reload.wait()
        reload.clear()
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            loaded = await asyncio.to_thread(load, site.path, segments=only or None, before=site)
        except ConfigError as error:
            for problem in error.problems:
                log.error("%s", problem)  # noqa: TRY400 - what a person must mend needs no traceback
            log.error("not reloaded: the configuration of before is kept")  # noqa: TRY400 - same
        else:
            for warning in loaded.warnings:
                log.warning("%s", warning)
            gone = [name for name in only if name not in loaded.site.segments]
            if gone:
                log.error("not reloaded: segment %s is not in %s any more", gone[0], site.path)
            else:
                site = loaded.site
                segments.apply(site, only)
        notify("READY=1")


class _Segments:
    """The segments that run, each in its task; a new site is handed to those it is about."""

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._running: dict[str, tuple[asyncio.Queue[Site | None], asyncio.Task[None], asyncio.Event]] = {}

    @property
    def names(self) -> list[str]:
        return list(self._running)

    def apply(self, site: Site, only: Sequence[str]) -> None:
        """Run the segments of this site: those that are new start, those that are gone end."""
        wanted = [name for name in site.segments if not only or name in only]
        for name in self.names:
            self._running[name][0].put_nowait(site if name in wanted else None)
            if name not in wanted:
                self._running.pop(name)
        for name in wanted:
            if name not in self._running:
                self._start(name, site)

    async def ready(self) -> None:
        """Until all of them run."""
        for _, _, ready in self._running.values():
            await ready.wait()

    def stop(self) -> None:
        """Let all of them end."""
        for news, _, _ in self._running.values():
            news.put_nowait(None)

    def _start(self, name: str, site: Site) -> None:
        news: asyncio.Queue[Site | None] = asyncio.Queue()
        ready = asyncio.Event()
        task = self._group.create_task(_segment(site, name, ready, news), name=f"segment {name}")
        self._running[name] = (news, task, ready)


async def _segment(site: Site, name: str, ready: asyncio.Event, news: asyncio.Queue[Site | None]) -> None:
    """Run one segment until the news is None. Its nest is made anew only for what it cannot take as it runs."""
    wanted: Site | None = site
    while wanted is not None:
        async with running(wanted, name, VERSION) as segment:
            ready.set()
            while (wanted := await news.get()) is not None and segment.takes(wanted):
                await segment.apply(wanted)
                log.info("%s: reloaded", name)
        if wanted is not None:
            log.warning("%s: starts again with its new configuration", name)


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


def _sentence(error: BaseException) -> str:
    if isinstance(error, PermissionError) and error.filename:
        return (
            f"{error.filename}: not allowed: run as the user that owns it, or set gateway.state_dir and "
            "gateway.run_dir to folders of this user"
        )
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)
