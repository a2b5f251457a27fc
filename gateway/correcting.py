"""Takes back what a device said of a stretch of time: finds it, declares it, and puts its objects where they then are.

Nothing that is stored is changed: a correction is a new event. An object's corrections and its new presence are one
COMMIT. Who asks twice declares nothing twice.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec

from gateway import audit
from gateway.control.protocol import Correct
from gateway.corrections import Affected, Event, Placement, Reason, Spot, Stretch, declaration, read, subject
from gateway.ids import Ids
from gateway.model import Absent, Draft, PresenceChange, Present, Work
from gateway.outbox import told
from gateway.outbox.values import Row
from gateway.timestamps import rfc3339

T = TypeVar("T")

MOST = 100_000
"""Events of one run."""

TOGETHER = 100
"""Corrections of one COMMIT, where they are not of one object."""


class Queue(Protocol):
    """What is asked of an outbox."""

    async def look(self, question: Callable[[Any], T]) -> T: ...
    async def position(self) -> int: ...
    async def flush(self) -> None: ...
    def put(self, work: Work) -> None: ...


class Floor(Protocol):
    """Who is in which zone."""

    def where(self, uri: str) -> Present | None: ...
    def correct(self, uri: str, known: Present | None) -> None: ...


class Place(NamedTuple):
    """Where it is done: `zones` are names by URI, `devices` those there are, `folder` is the segment's own."""

    queue: Queue
    floor: Floor
    zones: Mapping[str, str]
    devices: Collection[str]
    folder: Path
    clock: Callable[[], float]
    begin: Callable[[], Awaitable[None]]
    """Waited for before anything is changed; ValueError where it must not be."""


async def correcting(place: Place, asked: Correct) -> AsyncIterator[bytes]:
    """What `readpoint correct` is answered: an event a line, as it is declared, then what was done.

    ValueError with a sentence for who asked.
    """
    if not asked.since < asked.until:
        raise ValueError("the stretch ends before it begins")
    stretch = Stretch(asked.device, asked.since, asked.until, frozenset(asked.antennas or ()))
    run = _Run(place, stretch, asked.reason, dry_run=asked.dry_run)
    async for line in run.lines():
        yield line


class _Run:
    """One stretch of one device, taken back for a reason; with `dry_run` only shown."""

    def __init__(self, place: Place, stretch: Stretch, reason: Reason, *, dry_run: bool = False) -> None:
        self._place = place
        self._stretch = stretch
        self._reason = reason
        self._dry = dry_run
        self._ids = Ids()
        self._uris = {name: uri for uri, name in place.zones.items()}
        self._rows: dict[str, list[int]] = {}
        self._declared: set[bytes] = set()
        self._held: set[bytes] = set()
        self._before = audit.TakenBack()
        self._holes: list[told.Hole] = []
        self._heard: set[str | None] = set()
        self._done: list[tuple[str, int, int]] = []
        self._count = self._already = self._placed = self._vanished = 0

    async def lines(self) -> AsyncIterator[bytes]:
        """An event a line, as it is declared; then what was done. ValueError where it is too much for once."""
        await self._place.queue.position()  # what was taken back before is in the file
        try:
            self._before = await asyncio.to_thread(audit.taken_back, self._place.folder)
        except OSError as error:
            raise ValueError(f"nothing was changed, for what was before cannot be read: {error}") from error
        await self._find()
        objects, then = await self._follow()
        if self._held - self._declared and not self._dry:
            await self._place.begin()
        try:
            for some in _together(self._rows):
                for line in await self._take_back(some, objects, then):
                    yield line
            if not self._dry:
                await self._place.queue.flush()
        finally:
            await asyncio.to_thread(self._note)
        yield msgspec.json.encode(await self._summary()) + b"\n"

    async def _find(self) -> None:
        """What is to be taken back, what was before, and what is no longer there to be."""
        mark, stretch = self._stretch.mark, self._stretch
        async for some in _slices(self._place.queue, lambda payload: mark in payload or b'"errorDecl' in payload):
            for row in some.rows:
                event = read(row.payload)
                if event is not None and event.declares:
                    self._declared.add(_bare(event))
                elif event is not None:
                    self._heard |= stretch.told_by(event)
                    if stretch.holds(event):
                        self._rows.setdefault(event.object.uri, []).append(row.rowid)
                        self._count += 1
                        if not self._before.has(event.stream, event.epoch, event.sequence):
                            self._held.add(_bare(event))
            if self._count > MOST:
                raise ValueError(f"there are more than {MOST} events in it: take back a shorter stretch at a time")
            self._holes += [hole for hole in some.holes if _meets(hole, stretch)]
        if not self._count:
            self._doubt()

    def _doubt(self) -> None:
        """ValueError where nothing was found because a name is wrong."""
        device, antennas = self._stretch.device, ", ".join(sorted(self._stretch.antennas))
        if self._heard:
            heard = ", ".join(sorted(filter(None, self._heard))) or "none"
            raise ValueError(f"no event of '{device}' in that stretch names its antenna {antennas}: they name {heard}")
        if device not in self._place.devices:
            there = ", ".join(sorted(self._place.devices))
            raise ValueError(f"there is no device '{device}', and no event of one of that name: there are {there}")

    async def _follow(self) -> tuple[dict[str, Affected], dict[str, Spot | None]]:
        """The zone events of the objects it is about, and where the gateway had them when that was all of them."""
        objects: dict[str, Affected] = {}
        then: dict[str, Spot | None] = {}
        for count, uri in enumerate(self._rows):
            then[uri] = self._spot(uri)
            if count % TOGETHER == 0:
                await asyncio.sleep(0)
        await self._place.queue.position()
        taken = {rowid for rowids in self._rows.values() for rowid in rowids}
        async for some in _slices(self._place.queue, lambda payload: subject(payload) in self._rows):
            for row in some.rows:
                event = read(row.payload)
                if event is not None and event.of_zone:
                    one = objects.setdefault(event.object.uri, Affected(event))
                    if not self._known(event):
                        one.tell(event, taken_back=row.rowid in taken)
        return objects, then

    async def _take_back(
        self, some: Sequence[str], objects: Mapping[str, Affected], then: Mapping[str, Spot | None]
    ) -> list[bytes]:
        rowids = [rowid for uri in some for rowid in self._rows[uri]]
        found = {row.rowid: row for row in await self._place.queue.look(partial(told.rows_of, rowids=rowids))}
        # From here on in one step, so that decisions and snapshots see all of it or nothing.
        lines: list[bytes] = []
        drafts: list[Draft] = []
        presence: list[PresenceChange] = []
        for uri in some:
            rows = [found[rowid] for rowid in self._rows[uri] if rowid in found]
            if len(rows) < len(self._rows[uri]):
                self._vanished += len(self._rows[uri])  # what is left of it is for the next run
                continue
            declared = [(row, event) for row in rows if (event := read(row.payload)) and not self._known(event)]
            self._already += len(rows) - len(declared)
            drafts += [self._draft(row) for row, _ in declared]
            lines += [_line(event) for _, event in declared]
            self._done += [(event.stream, event.epoch, event.sequence) for _, event in declared]
            if declared and uri in objects:
                presence += self._settle(uri, objects[uri], then[uri])
        if drafts and not self._dry:
            self._place.queue.put(Work(tuple(drafts), tuple(presence)))
        return lines

    def _draft(self, row: Row) -> Draft:
        now = self._place.clock()
        return declaration(row.payload, row.name, self._ids.new(now), self._reason, now)

    def _settle(self, uri: str, one: Affected, then: Spot | None) -> list[PresenceChange]:
        """The gateway's own presence follows the rule of placement, like everybody's."""
        changes, left = one.stands(then, self._spot(uri))
        if not changes:
            return []
        self._placed += 1
        here = self._place.floor.where(uri)
        known = self._present(one, left, here)
        if self._dry:
            return []
        self._place.floor.correct(uri, known)
        gone: list[PresenceChange] = [] if here is None else [Absent(uri, here.read_point)]
        return gone if known is None else [*gone, known]

    def _present(self, one: Affected, left: Placement | None, here: Present | None) -> Present | None:
        """A zone that is no longer configured holds nothing here, whatever is thought of it elsewhere."""
        zone = None if left is None else self._place.zones.get(left.read_point)
        if left is None or zone is None:
            return None
        seen = max(one.last, here.last_seen if here else one.last)
        thing = here.object if here else one.object
        return Present(thing, zone, left.time if left.epoch else seen, seen, "zone")

    def _spot(self, uri: str) -> Spot | None:
        here = self._place.floor.where(uri)
        return None if here is None else (self._uris.get(here.read_point, here.read_point), here.since)

    def _known(self, event: Event) -> bool:
        """Whether it was taken back before."""
        return _bare(event) in self._declared or self._before.has(event.stream, event.epoch, event.sequence)

    def _note(self) -> None:
        if self._done and not self._dry:
            entry = {**self._named(), "reason": self._reason, "corrected": audit.runs_of(self._done)}
            try:
                audit.note(self._place.folder, self._place.clock(), entry)
            except OSError as error:
                raise ValueError(
                    f"{len(self._done)} events are declared wrong, and that cannot be noted in {audit.FILE}: {error}"
                ) from error

    def _named(self) -> dict[str, Any]:
        """Whose events they are."""
        antennas = sorted(self._stretch.antennas)
        return {"device": self._stretch.device} | ({"antennas": antennas} if antennas else {})

    async def _summary(self) -> dict[str, Any]:
        gone = await self._place.queue.look(partial(told.named, holes=self._holes))
        return {
            **self._named(),
            "since": rfc3339(self._stretch.since),
            "until": rfc3339(self._stretch.until),
            "reason": self._reason,
            "declared": len(self._done),
            "already": self._already,
            "placed": self._placed,
            "unknown": sum(one.last - one.first + 1 for one in gone) + self._vanished,
            "gone": [{"stream": one.stream, "epoch": one.epoch, "from": one.first, "to": one.last} for one in gone],
            "dryRun": self._dry,
        }


async def _slices(queue: Queue, wanted: Callable[[bytes], bool]) -> AsyncIterator[told.Slice]:
    on: tuple[int, float] | None = (0, 0.0)
    while on is not None:
        some = await queue.look(partial(told.look, after=on, wanted=wanted))
        yield some
        on = some.on


def _together(rows: Mapping[str, Sequence[int]]) -> Iterable[list[str]]:
    """Objects of some hundreds of events, one at least."""
    some: list[str] = []
    size = 0
    for uri, rowids in rows.items():
        if some and size + len(rowids) > TOGETHER:
            yield some
            some, size = [], 0
        some.append(uri)
        size += len(rowids)
    if some:
        yield some


def _bare(event: Event) -> bytes:
    return uuid.UUID(event.id.removeprefix("urn:uuid:")).bytes


def _meets(hole: told.Hole, stretch: Stretch) -> bool:
    return hole.since < stretch.until and hole.until >= stretch.since


def _line(event: Event) -> bytes:
    said = {
        "object": event.object.uri,
        "transition": event.transition,
        "readPoint": event.read_point,
        "eventTime": rfc3339(event.time),
        "eventID": event.id,
        "stream": event.stream,
        "epoch": event.epoch,
        "sequence": event.sequence,
    }
    return msgspec.json.encode(said) + b"\n"
