"""What a running segment answers over its control socket."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress

import msgspec

from drivers.contract import Read, Signal, Status
from drivers.lines import format_line
from gateway import audit, counting
from gateway.clock_watch import ClockWatch
from gateway.config.site import Device, Metrics, Segment, Site
from gateway.control import protocol
from gateway.control.feed import Feed
from gateway.correcting import Place, correcting
from gateway.devices import Devices
from gateway.history import History
from gateway.identity.directory import Directory
from gateway.inbox import Inbox, Received
from gateway.location.engine import Engine
from gateway.messages import Composer
from gateway.model import Rules
from gateway.outbox.store import Outbox
from gateway.outbox.values import Entry, OutboxError, Row, Selection
from gateway.overview import LocationView, OutboxView, Overview, UplinkView
from gateway.pipeline import Pipeline
from gateway.places import Places
from gateway.recall import Memory, recalled
from gateway.uplink.link import Uplink


class Parts(msgspec.Struct, eq=False):
    """What a running segment is made of. `since`: when it started (Unix seconds).

    `site` and `segment` are of the newest configuration; the rest is for good.
    """

    site: Site
    segment: Segment
    version: str
    since: float
    outbox: Outbox
    inbox: Inbox
    composer: Composer
    directory: Directory
    engine: Engine
    pipeline: Pipeline
    history: History
    uplink: Uplink
    devices: Devices
    clock: ClockWatch
    places: Places

    def takes(self, site: Site) -> bool:
        """Whether it can go on with this configuration: all that differs is read points, rules, names, devices."""
        return _fixed(site, self.segment.name) == _fixed(self.site, self.segment.name)

    async def apply(self, site: Site) -> None:
        """Go on with a configuration that it takes. Presence is kept; devices that are as they were are not touched."""
        name = self.segment.name
        self.site, self.segment = site, site.segments[name]
        # Rules first: a new device's first read has its read point, and what a lost one saw departs.
        self.uplink.configured(site)
        self.composer.replace(self.segment.rules.read_points)
        if self.directory.replace(self.segment.identities):
            self.engine.rename()
        self.pipeline.apply(self.segment.rules)
        self.places.replace(self.segment.rules.read_points)
        await self.devices.apply(of_segment(site, name))


def of_segment(site: Site, name: str) -> dict[str, Device]:
    """The devices of a segment, by name."""
    return {device.name: device for device in site.devices.values() if device.segment == name}


def _fixed(site: Site, name: str) -> tuple[object, ...]:
    """What a segment's outbox, uplink and surroundings are made from."""
    segment = site.segments[name]
    bare = msgspec.structs.replace(segment, rules=Rules(read_points={}, ports=()), identities=None)
    return msgspec.structs.replace(site.gateway, metrics=Metrics()), site.path, bare


class Answers:
    """Answers requests about a running segment."""

    def __init__(self, parts: Parts, clock: Callable[[], float] = time.time) -> None:
        self._parts = parts
        self._events = Feed()
        self._observations = Feed()
        self._turn = asyncio.Lock()
        self._refusals = audit.Refusals()
        self._clock = clock
        self._folder = parts.site.gateway.state_dir / parts.segment.name

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While entered, live views see what is stored and what arrives."""
        deaf = self._parts.outbox.listen(self._stored)
        self._parts.pipeline.taps.add(self._received)
        try:
            yield
        finally:
            self._parts.pipeline.taps.discard(self._received)
            deaf()

    async def answer(self, request: protocol.AnyAsk, uid: int) -> AsyncGenerator[bytes, None]:
        """Lines that answer `request` of a user. ValueError, with a sentence for who asked, for what cannot be done."""
        asked = audit.Asked(self._folder, self._clock(), uid, request)
        async with aclosing(self._lines(request, asked)) as lines:
            try:
                async for line in lines:
                    yield line
            except (OutboxError, ValueError) as error:
                if isinstance(request, protocol.CHANGES):
                    await asked.refuse(self._refusals, str(error))
                raise ValueError(str(error)) from error

    def _lines(self, request: protocol.AnyAsk, asked: audit.Asked) -> AsyncGenerator[bytes, None]:
        match request:
            case protocol.Status():
                return self._status()
            case protocol.Tail():
                return self._tail(request)
            case protocol.Record():
                return self._record(request)
            case protocol.Explain():
                return recalled(self._memory(), request.subject)
            case protocol.Orphans():
                return self._orphans(request)
            case protocol.Standing():
                return self._standing()
            case protocol.Names():
                return self._names(request)
            case _:
                return self._of_outbox(request, asked)

    def _of_outbox(self, request: protocol.AnyOutboxAsk, asked: audit.Asked) -> AsyncGenerator[bytes, None]:
        match request:
            case protocol.OutboxList():
                return self._list(request)
            case protocol.OutboxShow():
                return self._show(request)
            case protocol.OutboxResend():
                return self._resend(request, asked)
            case protocol.Correct():
                return self._correct(request, asked)

    async def _status(self) -> AsyncGenerator[bytes, None]:
        yield msgspec.json.encode(overview(self._parts)) + b"\n"

    async def _tail(self, request: protocol.Tail) -> AsyncGenerator[bytes, None]:
        mark = f'"type":"readpoint.{request.channel}.'.encode() if request.channel else b""
        async with aclosing(self._events.subscribe(lambda line: mark in line)) as lines:
            async for line in lines:
                yield line

    async def _record(self, request: protocol.Record) -> AsyncGenerator[bytes, None]:
        known = of_segment(self._parts.site, self._parts.segment.name)
        if request.device is not None and request.device not in known:
            raise ValueError(f"segment '{self._parts.segment.name}' has no device '{request.device}'{_there(known)}")
        mark = b'"device":%b' % msgspec.json.encode(request.device) if request.device else b""
        with suppress(TimeoutError):
            async with (
                asyncio.timeout(request.seconds),
                aclosing(self._observations.subscribe(lambda line: mark in line)) as lines,
            ):
                async for line in lines:
                    yield line

    def _memory(self) -> Memory:
        parts = self._parts
        segment = parts.segment
        timezone = parts.site.gateway.timezone
        return Memory(parts.history, parts.engine, segment.rules, segment.identities, timezone, self._turn)

    async def _orphans(self, request: protocol.Orphans) -> AsyncGenerator[bytes, None]:
        for one in self._parts.directory.orphans.listed(self._parts.engine.sightings())[: request.limit]:
            yield msgspec.json.encode(one) + b"\n"

    async def _standing(self) -> AsyncGenerator[bytes, None]:
        engine, points = self._parts.engine, self._parts.segment.rules.read_points
        zones = {name: counting.Zone(*engine.observing(name)) for name in engine.zones}
        kinds = {name: point.kind for name, point in points.items()}
        standing = engine.standing()
        yield msgspec.json.encode(counting.Standing(kinds, zones, self._parts.directory.rows)) + b"\n"
        for page in counting.pages(standing):
            yield msgspec.json.encode(page) + b"\n"

    async def _correct(self, request: protocol.Correct, asked: audit.Asked) -> AsyncGenerator[bytes, None]:
        parts = self._parts
        zones = {parts.segment.rules.read_points[name].uri: name for name in parts.engine.zones}
        devices = of_segment(parts.site, parts.segment.name)
        place = Place(parts.outbox, parts.engine, zones, devices, self._folder, self._clock, asked.begin)
        async with self._turn:
            async for line in correcting(place, request):
                yield line

    async def _names(self, request: protocol.Names) -> AsyncGenerator[bytes, None]:
        if len(request.keys) > counting.KEYS:
            raise ValueError(f"{len(request.keys)} keys: ask for {counting.KEYS} at a time")
        yield msgspec.json.encode([self._parts.directory.name(key) for key in request.keys]) + b"\n"

    async def _list(self, request: protocol.OutboxList) -> AsyncGenerator[bytes, None]:
        named = request.state, request.limit, request.after, request.reason, request.since
        for entry in await self._parts.outbox.rows(*named):
            yield entry_line(entry)

    async def _show(self, request: protocol.OutboxShow) -> AsyncGenerator[bytes, None]:
        identifier = None if request.id is None else uuid.UUID(request.id.removeprefix("urn:uuid:"))
        row = await self._parts.outbox.show(id=identifier, epoch=request.epoch, sequence=request.sequence)
        if row is None:
            raise ValueError("no such event in this outbox: it was never stored here, or kept long enough and removed")
        yield row.payload + b"\n"

    async def _resend(self, request: protocol.OutboxResend, asked: audit.Asked) -> AsyncGenerator[bytes, None]:
        selection = Selection(reason=request.reason, since=request.since)
        count = await self._parts.outbox.resend(selection, dry_run=True)
        if count and not request.dry_run:
            await asked.begin()
            count = await self._parts.outbox.resend(selection)
        yield msgspec.json.encode({"resent": count, "dryRun": request.dry_run}) + b"\n"

    def _stored(self, rows: Sequence[Row]) -> None:
        if self._events.watched:
            self._events.publish([row.payload + b"\n" for row in rows])

    def _received(self, received: Received) -> None:
        if self._observations.watched:
            self._observations.publish(
                format_line(received.device, seen, received.time).encode() + b"\n"
                for seen in received.batch.observations
                if isinstance(seen, Read | Signal | Status)
            )


def _there(names: Iterable[str]) -> str:
    return f": there are {', '.join(sorted(names))}" if names else ""


def entry_line(entry: Entry) -> bytes:
    """A row of the outbox as a JSON line."""
    return msgspec.json.encode(entry._asdict()) + b"\n"


def overview(parts: Parts, pid: Callable[[], int] = os.getpid) -> Overview:
    """How the segment is at this moment."""
    return Overview(
        segment=parts.segment.name,
        identity=parts.site.identity(parts.segment.name),
        version=parts.version,
        pid=pid(),
        since=parts.since,
        configuration=parts.site.digest,
        uplink=_uplink(parts),
        outbox=_outbox(parts.outbox),
        location=_location(parts),
        devices=parts.devices.health,
        plain_devices=parts.segment.plain_devices,
        clock=parts.clock.view,
    )


def _uplink(parts: Parts) -> UplinkView:
    status, settings = parts.uplink.status, parts.segment.uplink
    return UplinkView(
        broker=f"{settings.host}:{settings.port}",
        protocol=settings.protocol,
        state=status.state,
        cause=status.cause,
        since=status.since,
        in_flight=status.in_flight,
        published=status.published,
        events=status.events,
        held=status.held,
        refused=status.refused,
        acks=status.acks,
        ignored=status.ignored,
        repeated=status.repeated,
        unheard=status.unheard,
        unanswered=status.unanswered,
        connects=status.connects,
        given_up=status.given_up,
        alarm=status.alarm,
        promise=status.promise,
    )


def _outbox(outbox: Outbox) -> OutboxView:
    stats = outbox.stats
    return OutboxView(
        stream=outbox.stream,
        epoch=outbox.epoch,
        pending=stats.pending,
        sent=stats.sent,
        dead=stats.dead,
        confirmed=stats.confirmed,
        stored=stats.appended,
        corrupt=stats.corrupt,
        commits=stats.commits,
        oldest=stats.oldest_pending,
        size=stats.bytes,
        max_size=stats.quota,
        full=stats.full,
        cause=stats.cause or "",
        saved=stats.saved or "",
        hours=stats.hours,
    )


def _location(parts: Parts) -> LocationView:
    counts = parts.engine.counts
    return LocationView(
        reads=counts.reads,
        decided=parts.pipeline.decided,
        events=dict(parts.pipeline.events),
        present=parts.engine.present_count,
        late=counts.late,
        unplaced=counts.unplaced,
        ignored=counts.ignored,
        weak=counts.weak,
        gated=counts.gated,
        strays=counts.strays,
        future=counts.future,
        refused=counts.refused,
        gates=parts.engine.gates,
        waiting=parts.inbox.waiting,
        dropped=parts.inbox.dropped,
        shedding=parts.inbox.shedding,
        identities=parts.directory.rows,
        orphans=len(parts.directory.orphans),
    )
