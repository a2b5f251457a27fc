"""One segment as it runs: a nest of lifetimes. Leaving the inside first is the order of shutdown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial

import msgspec

from gateway.answers import Answers, Parts, of_segment
from gateway.clock_watch import ClockWatch
from gateway.config.site import Segment, Site
from gateway.control.server import ControlServer
from gateway.devices import Devices, Surroundings, devices
from gateway.health import DeviceBoard, DeviceHealth
from gateway.history import History
from gateway.identity.directory import Directory
from gateway.inbox import Inbox
from gateway.location.engine import Engine
from gateway.logs import get_logger
from gateway.messages import Composer, whole
from gateway.model import Draft, Work
from gateway.outages import Outages
from gateway.outbox.store import Outbox, open_outbox
from gateway.outputs import Signalling, given
from gateway.pipeline import Pipeline
from gateway.places import Places
from gateway.reconcile import Reconciler
from gateway.supervisor import Backoff
from gateway.uplink.link import STOPPED, Uplink, uplink
from gateway.uplink.status import UplinkStatus

log = get_logger(__name__)


IDENTITIES = 2048
"""Decoded identifiers kept: those that come again soon. What is present keeps its own."""


GRACE = 5.0
"""Seconds at the end for which what was read waits for room in a full outbox."""


class Pace(msgspec.Struct, frozen=True):
    """How often things are done that no event asks for, in seconds, and how patient devices are retried."""

    write_back: float = 20.0
    health: float = 60.0
    clock: float = 5.0
    inbox: float = 5.0
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
        watch = ClockWatch(site.gateway.state_dir / name, clock)
        outbox = await nest.enter_async_context(_outbox(site, segment, clock, watch))
        uplinks = uplink(site, segment, outbox, version=version, clock=clock, unset=watch.wait)
        link = await nest.enter_async_context(uplinks)
        outages = Outages(log, time.monotonic, segment=name)
        inbox = Inbox(clock)
        directory = Directory(segment.identities, IDENTITIES)
        places = Places(site.gateway.state_dir / name)
        engine = _engine(segment, directory, outbox, places)
        history = History()
        pipeline = Pipeline(inbox, engine, composer, outbox, clock, history.telling(directory.orphans.told))
        pipeline.taps.add(history.take)
        places.replace(segment.rules.read_points)
        await nest.enter_async_context(places.kept(outbox, pipeline.begun))
        await nest.enter_async_context(_deciding(pipeline, inbox, outbox, pace))
        signalling = Signalling(clock)
        pipeline.committed = signalling.committed
        around = Surroundings(
            put=inbox.put,
            changed=lambda health: _changed(health, composer, outbox, outages, clock()),
            clock=clock,
            interface=segment.device_interface,
            base=str(site.path.parent),
            backoff=pace.backoff,
            signalling=signalling,
        )
        running_devices = await nest.enter_async_context(devices(around, of_segment(site, name)))
        await nest.enter_async_context(given(signalling, partial(_offline, link, running_devices)))
        made = outbox, inbox, composer, directory, engine, pipeline, history, link, running_devices, watch, places
        parts = Parts(site, segment, version, clock(), *made)
        await nest.enter_async_context(_telling(parts, outages, pace, clock))
        await nest.enter_async_context(_reconciling(parts, composer, clock))
        await nest.enter_async_context(_answering(parts, name, clock))
        yield parts


def _outbox(
    site: Site, segment: Segment, clock: Callable[[], float], watch: ClockWatch
) -> AbstractAsyncContextManager[Outbox]:
    return open_outbox(
        site.gateway.state_dir / segment.name,
        segment.name,
        segment.outbox,
        identity=f"{site.gateway.site}/{site.gateway.id}",
        clock=clock,
        declare=Composer(site.gateway, segment.name, {}).loss,
        clock_state=watch.state,
    )


def _engine(segment: Segment, directory: Directory, outbox: Outbox, places: Places) -> Engine:
    return Engine(
        segment.rules,
        directory.resolve,
        outbox.presence(),
        lost=outbox.fresh,
        renewed=places.renewed(outbox.stream),
        told=places.before.zones,
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
                log.error("reads are given up undecided at the end", reads=inbox.waiting, cause=outbox.stats.cause)
                deciding.cancel()


@asynccontextmanager
async def _telling(parts: Parts, outages: Outages, pace: Pace, clock: Callable[[], float]) -> AsyncIterator[None]:
    """Tell of uplink and clock where they need a person, and again every minute of what is not well."""
    told = partial(_tell, composer=parts.composer, outbox=parts.outbox, clock=clock)
    link, watch, intake = (DeviceBoard(name, clock, told) for name in ("uplink", "clock", "inbox"))
    outage = partial(_uplink_is, parts.uplink, outages)

    def alarmed(alarm: str | None) -> None:
        if (alarm is None) == (link.now.state == "degraded"):  # an event where it begins and where it ends
            link.say("degraded" if alarm else "online", alarm or "")
        outage()

    parts.uplink.on_alarm = alarmed
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_repeat(parts, outages, (link, watch, intake), pace.health, clock), name="health"),
            group.create_task(_follow(parts.uplink, outage), name="uplink log"),
            group.create_task(_watch_clock(parts, watch, outages, pace.clock), name="clock"),
            group.create_task(_watch_inbox(parts.inbox, intake, pace.inbox), name="inbox"),
        ]
        yield
        for task in tasks:
            task.cancel()
    await asyncio.to_thread(parts.clock.write)


async def _repeat(
    parts: Parts, outages: Outages, boards: Sequence[DeviceBoard], interval: float, clock: Callable[[], float]
) -> None:
    while True:
        await asyncio.sleep(interval)
        troubled = [board.now for board in boards if board.now.state == "degraded"]
        outages.keep({health.device for health in parts.devices.health} | {"uplink", "clock"})
        for health in (*parts.devices.health, *troubled):
            message = whole(_draft(health, parts.composer, clock()))
            parts.uplink.publish_unstored("health", health.device, message)
        for health in parts.devices.health:  # of a device out of its mind not every change was told
            outages.tell(health.device, health.state, health.cause, device=health.device)


def _uplink_is(link: Uplink, outages: Outages) -> None:
    status = link.status
    if status.cause == STOPPED:
        return  # we go, and no outage begins
    outages.tell("uplink", status.state, status.cause)
    if status.state == "online":
        outages.alarm("uplink alarm", status.alarm)


async def _follow(link: Uplink, outage: Callable[[], None]) -> None:
    """The uplink's outages, for the log."""
    while True:
        outage()
        before = link.status
        await link.until(partial(_differs, before=before))


def _differs(now: UplinkStatus, before: UplinkStatus) -> bool:
    return (now.state, now.cause) != (before.state, before.cause)


async def _watch_clock(parts: Parts, board: DeviceBoard, outages: Outages, interval: float) -> None:
    """An alarm of the clock is an event where it begins and where it ends."""
    alarmed = False
    while True:
        alarm = parts.clock.look().alarm
        if alarm or alarmed:
            alarmed = bool(alarm)
            board.say("degraded" if alarm else "online", alarm or "")
            outages.tell("clock", board.now.state, board.now.cause)
        if parts.clock.due:
            await asyncio.to_thread(parts.clock.write)
        await asyncio.sleep(interval)


async def _watch_inbox(inbox: Inbox, board: DeviceBoard, interval: float) -> None:
    """That reads are shed is declared where it begins, and how many they were where it ends."""
    declared = last = inbox.dropped
    while True:
        await asyncio.sleep(interval)
        before, last = last, inbox.dropped
        if last > before:
            board.say("degraded", "reads are shed: devices read faster than this box decides and stores")
        elif last > declared:
            board.say("online", f"{last - declared} reads were shed")
            declared = last


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
        server = ControlServer(answers.answer)
        async with server.serve(parts.site.gateway.run_dir / f"{name}.sock"):
            yield


def _changed(health: DeviceHealth, composer: Composer, outbox: Outbox, outages: Outages, now: float) -> None:
    outages.tell(health.device, health.state, health.cause, device=health.device)
    outbox.put(Work((_draft(health, composer, now),)))


def _tell(health: DeviceHealth, composer: Composer, outbox: Outbox, clock: Callable[[], float]) -> None:
    outbox.put(Work((_draft(health, composer, clock()),)))


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
