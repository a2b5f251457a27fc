"""This process as a monitor sees it: `/metrics` and `/healthz` on an address, or a text file; off unless configured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from gateway.answers import Parts, overview
from gateway.config.site import Metrics
from gateway.logs import get_logger
from gateway.troubles import troubles
from gateway.visible.families import Families, Seen
from gateway.visible.listener import Answer, Listener
from gateway.visible.wear import wear

log = get_logger(__name__)

EVERY = 15.0
"""Seconds between two text files: as often as Prometheus asks by default."""

AGAIN = 30.0
"""Seconds until an address that could not be had is tried again."""

Running = Mapping[str, Parts | None]
"""The segments that this process should run; None for one that does not just now."""


class Health(msgspec.Struct, frozen=True):
    """What `/healthz` says: `reasons` are sentences, those of `readpoint status`."""

    status: str
    reasons: tuple[str, ...] = ()


class Shown:
    """What there is to be seen."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Families(self._look, wear, time.time))
        self._process = CollectorRegistry(auto_describe=False)
        ProcessCollector(registry=self._process)

    def _look(self) -> list[Seen]:
        return [Seen(overview(one), one.uplink.sender.timings) for one in self._running.values() if one is not None]

    def metrics(self) -> bytes:
        """In Prometheus's text format 0.0.4, without those of the process: a node-exporter has its own of that name."""
        return generate_latest(self._registry)

    def health(self) -> Health:
        """Whether nothing needs a person."""
        reasons: list[str] = []
        for name, parts in self._running.items():
            said = (
                ["does not run: it is just starting, or the log says why"]
                if parts is None
                else troubles(overview(parts))
            )
            reasons += [f"{name}: {one}" for one in said]
        return Health("troubled" if reasons else "ok", tuple(reasons))

    def asked(self, path: str) -> Answer | None:
        """The answer to GET of a path."""
        if path == "/metrics":
            return Answer("200 OK", CONTENT_TYPE_LATEST, self.metrics() + generate_latest(self._process))
        if path == "/healthz":
            health = self.health()
            status = "503 Service Unavailable" if health.reasons else "200 OK"
            return Answer(status, "application/json", msgspec.json.encode(health) + b"\n")
        return None


async def show(settings: Metrics, running: Running, only: Sequence[str] = ()) -> None:
    """Show it until cancelled. What cannot be had (a port, a folder) is told once, tried again, and stops nothing."""
    it = Shown(running)
    async with asyncio.TaskGroup() as group:
        if settings.listen is not None:
            group.create_task(_listening(it, *settings.listen), name="metrics address")
        if settings.textfile is not None:
            name = "-".join(["readpoint", *sorted(only)])
            group.create_task(_writing(it, settings.textfile / f"{name}.prom"), name="metrics file")


async def _listening(it: Shown, host: str, port: int) -> None:
    told = False
    while True:
        try:
            server = await Listener(it.asked).serve(host, port)
        except OSError as error:
            if not told:
                log.error("no metrics", address=f"{host}:{port}", cause=error.strerror)  # noqa: TRY400 - no bug
                told = True
            await asyncio.sleep(AGAIN)
            continue
        async with server:
            log.info("metrics", address=f"http://{host}:{server.sockets[0].getsockname()[1]}/metrics")
            await server.serve_forever()


async def _writing(it: Shown, file: Path) -> None:
    told = False
    writing: asyncio.Future[None] | None = None
    try:
        while True:
            writing = asyncio.ensure_future(asyncio.to_thread(_write, file, it.metrics()))
            try:
                await asyncio.shield(writing)
            except OSError as error:
                if not told:
                    log.error("no metrics", file=file, cause=error.strerror)  # noqa: TRY400 - no bug
                told = True
            else:
                told = False
            await asyncio.sleep(EVERY)
    finally:
        if writing is not None:
            await asyncio.wait({writing})  # a thread that still writes cannot be cancelled
        with suppress(OSError):
            file.unlink(missing_ok=True)  # what stands still would pass for how it is


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all: the node-exporter reads at any time, and only names that end in `.prom`."""
    new = file.with_suffix(".new")
    # Others may write in this folder: a link or a pipe that they left there is not followed.
    new.unlink(missing_ok=True)
    with new.open("xb") as made:
        made.write(content)
    new.replace(file)
