"""One segment as it runs: a nest of lifetimes. Leaving the inside first is the order of shutdown."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import msgspec

from gateway.answers import Answers, Parts, of_segment
from gateway.config.site import Segment, Site
from gateway.control.server import ControlServer
from gateway.describe import printable
from gateway.devices import Devices, Surroundings, devices
from gateway.health import DeviceBoard, DeviceHealth
from gateway.history import History
from gateway.identity.directory import Directory
from gateway.inbox import Inbox
from gateway.location.engine import Engine
from gateway.messages import Composer, whole
from gateway.model import Draft, Work
from gateway.outbox.store import Outbox, open_outbox
from gateway.outputs import Signalling, given
from gateway.pipeline import Pipeline
from gateway.reconcile import Reconciler
from gateway.supervisor import Backoff
from gateway.uplink.link import Uplink, uplink

log = logging.getLogger(__name__)


IDENTITIES = 2048
"""Decoded identifiers kept: those that come again soon. What is present keeps its own."""


GRACE = 5.0
"""Seconds at the end for which what was read waits for room in a full outbox."""


class Pace(msgspec.Struct, frozen=True):
    """How often things are done that no event asks for, in seconds, and how patient devices are retried."""

    write_back: float = 20.0
    health: float = 60.0
    backoff: Backoff = Backoff()


@asynccontextmanager
async def running(
    site: Site, name: str, version: str, pace: Pace | None = None, clock: Callable[[], float] = time.time
) -> AsyncIterator[Parts]:
    """Run segment `name` of `site`: entered once its devices are being read, left once all that was read is stored."""
    pace = pace or Pace()
    segment = site.segments[name]
    composer = Composer(site.gateway, name, segment.rules.read_points)
    async with AsyncExitStack() as nest:
        outbox = await nest.enter_async_context(
            open_outbox(
                site.gateway.state_dir / name,
                name,
                segment.outbox,
                clock=clock,
                declare=Composer(site.gateway, name, {}).loss,
            )
        )
        link = await nest.enter_async_context(uplink(site, segment, outbox, version=version, clock=clock))
        inbox = Inbox(clock)
        directory = Directory(segment.identities, IDENTITIES)
        engine = _engine(segment, directory, outbox)
        history = History()
        pipeline = Pipeline(inbox, engine, composer, outbox, clock, history.telling(directory.orphans.told))
        pipeline.taps.add(history.take)
        await nest.enter_async_context(_deciding(pipeline, inbox, outbox, pace))
        signalling = Signalling(clock)
        pipeline.committed = signalling.committed
        around = Surroundings(
            put=inbox.put,
            changed=lambda health: _tell(health, composer, outbox, clock()),
            clock=clock,
            interface=segment.device_interface,
            base=str(site.path.parent),
            backoff=pace.backoff,
            signalling=signalling,
        )
        running_devices = await nest.enter_async_context(devices(around, of_segment(site, name)))
        await nest.enter_async_context(given(signalling, partial(_offline, link, running_devices)))
        made = outbox, inbox, composer, directory, engine, pipeline, history, link, running_devices
        parts = Parts(site, segment, version, clock(), *made)
        await nest.enter_async_context(_repeating(parts, composer, pace.health, clock))
        await nest.enter_async_context(_reconciling(parts, composer, clock))
        await nest.enter_async_context(_answering(parts, name, clock))
        yield parts


def _engine(segment: Segment, directory: Directory, outbox: Outbox) -> Engine:
    return Engine(
        segment.rules,
        directory.resolve,
        outbox.presence(),
        lost=outbox.fresh,
        assume_online=False,
        met=directory.orphans.meet,
    )


def _offline(link: Uplink, running: Devices) -> bool:
    """Whether the broker is not reached, or a device is not."""
    return link.status.state != "online" or any(one.state == "offline" for one in running.health)


@asynccontextmanager
async def _deciding(pipeline: Pipeline, inbox: Inbox, outbox: Outbox, pace: Pace) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        deciding = group.create_task(pipeline.run(), name="pipeline")
        writing_back = group.create_task(pipeline.write_back(pace.write_back), name="write back")
        yield
        inbox.close()
        writing_back.cancel()
        while not (await asyncio.wait({deciding}, timeout=GRACE))[0]:
            if outbox.stats.full:
                log.error("%d reads are given up undecided at the end: %s", inbox.waiting, outbox.stats.cause)
                deciding.cancel()


@asynccontextmanager
async def _repeating(
    parts: Parts, composer: Composer, interval: float, clock: Callable[[], float]
) -> AsyncIterator[None]:
    board = DeviceBoard("uplink", clock, lambda health: _tell(health, composer, parts.outbox, clock()))
    parts.uplink.on_alarm = lambda alarm: board.say("degraded" if alarm else "online", alarm or "")

    async def repeat() -> None:
        while True:
            await asyncio.sleep(interval)
            troubled = (board.now,) if board.now.state == "degraded" else ()
            for health in (*parts.devices.health, *troubled):
                parts.uplink.publish_unstored("health", health.device, whole(_draft(health, composer, clock())))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(repeat(), name="health")
        yield
        task.cancel()


@asynccontextmanager
async def _reconciling(parts: Parts, composer: Composer, clock: Callable[[], float]) -> AsyncIterator[None]:
    link = parts.uplink
    publish = partial(link.publish_heard, "snapshot")
    interval = parts.segment.uplink.snapshot_interval
    reconciler = Reconciler(parts.engine, composer, parts.outbox, publish, clock, interval)
    link.on_request = lambda request: reconciler.ask(request.snapshot or "")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(reconciler.run(), name="snapshots")
        yield
        task.cancel()


@asynccontextmanager
async def _answering(parts: Parts, name: str, clock: Callable[[], float]) -> AsyncIterator[None]:
    answers = Answers(parts, clock)
    with answers.listening():
        server = ControlServer(answers.answer, audit=answers.audit)
        async with server.serve(parts.site.gateway.run_dir / f"{name}.sock"):
            yield


def _tell(health: DeviceHealth, composer: Composer, outbox: Outbox, now: float) -> None:
    quiet = health.state in ("online", "connecting")
    log.log(
        logging.INFO if quiet else logging.WARNING, "%s: %s: %s", health.device, health.state, printable(health.cause)
    )
    outbox.put(Work((_draft(health, composer, now),)))


def _draft(health: DeviceHealth, composer: Composer, now: float) -> Draft:
    return composer.health(
        health.device,
        health.state,
        health.cause,
        since=health.since,
        time=now,
        last_read=health.last_read,
        antennas=[(one.antenna, one.state) for one in health.antennas],
    )
