"""The process: segments in named tasks, signals, systemd, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version

import msgspec

from gateway.alongside import alongside
from gateway.answers import Parts
from gateway.config.load import load
from gateway.config.problem import ConfigError
from gateway.config.site import Metrics, Site
from gateway.descriptors import raise_limit
from gateway.footprint import kept_small
from gateway.logs import get_logger
from gateway.outbox.values import OutboxError
from gateway.segment import running
from gateway.service import notify, watchdog_interval

log = get_logger(__name__)

VERSION = version("readpoint")


def run_site(site: Site, only: Sequence[str] = (), listen: tuple[str, int] | None = None) -> int:
    """Run these segments, or all, until SIGTERM or SIGINT; SIGHUP reads the site file again. Metrics are shown at
    `listen`, or where the site file says.

    Exit code 0, or 1 with the reason on stderr.
    """
    failed = False
    try:
        asyncio.run(_run(site, only, listen))
    except* (OutboxError, OSError) as group:
        failed = True
        for error in _leaves(group):
            log.error(_sentence(error))  # noqa: TRY400 - what a person must mend needs no traceback
    return int(failed)


async def _run(site: Site, only: Sequence[str], listen: tuple[str, int] | None) -> None:
    raise_limit()
    stop, reload = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload.set)
    async with _alive(), kept_small(), asyncio.TaskGroup() as group:
        segments = _Segments(group, _Showing(group, only, listen))
        segments.apply(site, only)
        await segments.ready()
        gc.collect()
        gc.freeze()
        notify("READY=1")
        log.info("running", version=VERSION, segments=",".join(segments.names), gateway=site.gateway.id)
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
                log.error(str(problem))  # noqa: TRY400 - what a person must mend needs no traceback
            log.error("not reloaded: the configuration of before is kept")  # noqa: TRY400 - same
        else:
            for warning in loaded.warnings:
                log.warning(str(warning))
            gone = [name for name in only if name not in loaded.site.segments]
            if gone:
                log.error(_gone(gone[0], site))
            else:
                site = loaded.site
                segments.apply(site, only)
        notify("READY=1")


_Live = dict[str, Parts | None]
"""The segments that this process should run; None for one that does not just now."""


class _Showing:
    """Metrics while they are wanted; what makes them is not imported before."""

    def __init__(self, group: asyncio.TaskGroup, only: Sequence[str], listen: tuple[str, int] | None) -> None:
        self._group = group
        self._only = only
        self._listen = listen
        self._settings = Metrics()
        self._task: asyncio.Task[None] | None = None
        self.live: _Live = {}

    def apply(self, settings: Metrics) -> None:
        """Show it there, and no longer where it was shown."""
        if self._listen is not None:
            settings = msgspec.structs.replace(settings, listen=self._listen)
        if settings == self._settings:
            return
        self.stop()
        self._settings = settings
        if settings != Metrics():
            from gateway.visible.shown import show  # noqa: PLC0415 - 2 MB that is not paid for without it

            showing = show(settings, self.live, self._only)
            self._task = self._group.create_task(_after(self._task, showing), name="metrics")

    def stop(self) -> None:
        """Show it no longer."""
        if self._task is not None:
            self._task.cancel()


async def _after(before: asyncio.Task[None] | None, then: Coroutine[None, None, None]) -> None:
    """What was shown before has let go of address and file then."""
    try:
        if before is not None:
            await asyncio.wait({before})
        await then
    finally:
        then.close()


class _Segments:
    """The segments that run, each in its task; a new site is handed to those it is about."""

    def __init__(self, group: asyncio.TaskGroup, showing: _Showing) -> None:
        self._group = group
        self._showing = showing
        self._running: dict[str, tuple[asyncio.Queue[Site | None], asyncio.Task[None], asyncio.Event]] = {}
        self._up = False

    @property
    def names(self) -> list[str]:
        return list(self._running)

    def apply(self, site: Site, only: Sequence[str]) -> None:
        """Run the segments of this site: those that are new start, those that are gone end."""
        self._showing.apply(site.gateway.metrics)
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
        self._up = True

    def stop(self) -> None:
        """Let all of them end."""
        self._showing.stop()
        for news, _, _ in self._running.values():
            news.put_nowait(None)

    def _start(self, name: str, site: Site) -> None:
        news: asyncio.Queue[Site | None] = asyncio.Queue()
        ready = asyncio.Event()
        segment = _segment(site, name, ready, news, self._showing.live, late=self._up)
        task = self._group.create_task(segment, name=f"segment {name}")
        self._running[name] = (news, task, ready)


async def _segment(
    site: Site, name: str, ready: asyncio.Event, news: asyncio.Queue[Site | None], live: _Live, *, late: bool
) -> None:
    """Run one segment until the news is None. Its nest is made anew only for what it cannot take as it runs.

    What a person must mend keeps a new nest from being made: `late`, while others run, that ends none of them. The
    segment then runs as before, or not until the next news.
    """
    wanted: Site | None = site
    before: Site | None = None
    while wanted is not None:
        live[name] = None
        asked, began = wanted, False
        try:
            async with running(asked, name, VERSION) as segment:
                began = True
                live[name] = segment
                ready.set()
                before = asked
                while (wanted := await news.get()) is not None and segment.takes(wanted):
                    await segment.apply(wanted)
                    before = wanted
                    log.info("reloaded", segment=name)
        except* (OutboxError, OSError) as group:
            if began or not (late or before):
                raise
            wanted = before if asked is not before else None
            _cannot(group, name, returns=wanted is not None)
            wanted = wanted or await news.get()
        else:
            if wanted is not None:
                log.info("starts again with its new configuration", segment=name)
    live.pop(name, None)


def _cannot(group: BaseExceptionGroup[BaseException], name: str, *, returns: bool) -> None:
    for error in _leaves(group):
        log.error(_sentence(error), segment=name)
    then = "not reloaded: it starts again as before" if returns else "does not run: mend that, then reload"
    log.error(then, segment=name)


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

    async with alongside(tell(), "watchdog"):
        yield


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


def _gone(segment: str, site: Site) -> str:
    return f"not reloaded: segment {segment} is not in {site.path} any more"
