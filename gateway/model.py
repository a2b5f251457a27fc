"""The words of the gateway as frozen values. Pure: no I/O, no clock, no configuration syntax."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import msgspec

from drivers.observations import Antenna

Kind = Literal["zone", "portal", "checkpoint"]
Side = Literal["inside", "outside"]
Direction = Literal["in", "out", "unknown"]
TransitionKind = Literal["arrived", "moved", "departed", "passed", "observed"]
DepartureReason = Literal["timeout", "unobserved", "configuration", "expired"]
Channel = Literal["epcis", "telemetry", "health", "loss", "snapshot", "state"]


class Identity(msgspec.Struct, frozen=True, gc=False):
    """What an identifier names.

    `uri` is the key of the object everywhere: EPC pure-identity URN where the scheme has one, else canonical Digital
    Link, else `urn:epc:raw:…` or `urn:readpoint:…`. `scheme` is the GS1 scheme in lower case (`sgtin`, `sscc`, `grai`,
    …) or `raw`, `afi`, `ibeacon`, `eddystone`, `ble`, `code`. An `instance` is one object; of a `class` there are many.
    """

    uri: str
    scheme: str
    kind: Literal["instance", "class", "code"]
    digital_link: str | None = None
    filter: int | None = None


class Detailed(Identity, frozen=True, gc=False):
    """An identity with more to say in its events.

    `raw` is what was read, where an identity map gave another name; `scan` the JSON object of `observation.scan`.
    `quantity` of a class is what one read stands for, in `uom` (UN/ECE Rec 20, None: pieces).
    """

    raw: str | None = None
    scan: str | None = None
    quantity: float = 1.0
    uom: str | None = None


class Port(msgspec.Struct, frozen=True):
    """An antenna (or a whole device, `antenna` None) at its read point."""

    device: str
    antenna: Antenna | None
    read_point: str
    side: Side | None = None
    rssi_offset_db: float = 0.0
    rssi_floor_dbm: float | None = None


class Gate(msgspec.Struct, frozen=True):
    """Reads of the read point count only while `signal` of `device` is on, and `hold` seconds longer."""

    device: str
    signal: str
    hold: float = 0.0


class ByDirection(msgspec.Struct, frozen=True):
    """A value that may differ by direction of passage; without one both are the same."""

    into: str | None = None
    out: str | None = None


class ReadPoint(msgspec.Struct, frozen=True):
    """A place where reads are taken, and how they become transitions. Times in seconds, levels in dB and dBm.

    `presence_timeout` and `peak_wait` None are `auto`. `accept` and `ignore` hold GS1 scheme names or URI patterns
    (fnmatch). `neighbours` are read points, of a portal portals, whose reads may explain a tag better.
    """

    name: str
    uri: str
    kind: Kind
    location: ByDirection = ByDirection()
    biz_step: ByDirection = ByDirection()
    disposition: ByDirection = ByDirection()
    presence_timeout: float | None = None
    dwell: float = 1.0
    hysteresis_db: float = 4.0
    min_reads: int = 1
    rssi_floor_dbm: float | None = None
    freeze_max: float = 86400.0
    dedup: float = 5.0
    dedup_class: float = 0.0
    peak_wait: float | None = None
    accept: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    gate: Gate | None = None
    neighbours: tuple[str, ...] = ()


class Rules(msgspec.Struct, frozen=True):
    """All that the location engine of one segment is told: read points by name, ports, and what the segment accepts."""

    read_points: Mapping[str, ReadPoint]
    ports: tuple[Port, ...]
    accept: tuple[str, ...] = ()
    raw: Literal["report", "drop"] = "report"


class Source(msgspec.Struct, frozen=True, gc=False):
    """What one antenna contributed to a transition."""

    device: str
    antenna: Antenna | None
    reads: int
    peak_rssi: float | None


class Passage(msgspec.Struct, frozen=True, gc=False):
    """One crossing of a portal by `count` objects together; `index` counts from 1."""

    id: str
    count: int
    index: int
    late: bool = False


class Transition(msgspec.Struct, frozen=True, gc=False):
    """What a location event says. `time` is when it happened, `decided` when the gateway decided it (Unix seconds).

    `origin` is the read point a `moved` left; `unobserved` the gap (from, to) in which an object vanished. `count` is
    how many of a class were observed together. `uri` is the read point's, where that is not the one it has now.
    """

    kind: TransitionKind
    object: Identity
    read_point: str
    time: float
    decided: float
    first_seen: float
    last_seen: float
    reads: int = 0
    sources: tuple[Source, ...] = ()
    origin: str | None = None
    direction: Direction | None = None
    reason: DepartureReason | None = None
    unobserved: tuple[float, float] | None = None
    resync: bool = False
    passage: Passage | None = None
    count: int = 1
    uri: str | None = None


class Sighting(NamedTuple):
    """When what is `Present` was last seen there."""

    uri: str
    read_point: str
    last_seen: float
    slot: int | None = None


class Present(msgspec.Struct, frozen=True, gc=False):
    """That an object is in a zone, or quiet at a checkpoint: what survives a restart.

    `kind` is what the read point was then: only from a zone does an object depart. None: files of version 1 do not say.
    `slot` is its number at a checkpoint, which no other has while it is there; None elsewhere.
    """

    object: Identity
    read_point: str
    since: float
    last_seen: float
    kind: Literal["zone", "checkpoint"] | None = None
    slot: int | None = None

    @property
    def sighting(self) -> Sighting:
        """When it was last seen there."""
        return Sighting(self.object.uri, self.read_point, self.last_seen, self.slot)

    def until(self, now: float) -> Present:
        """The same, as far as it can be known at `now`: a clock may be behind the one that wrote this."""
        if self.last_seen <= now:
            return self
        return msgspec.structs.replace(self, since=min(self.since, now), last_seen=now)


class Absent(msgspec.Struct, frozen=True, gc=False):
    """That what was `Present` no longer is, there: a checkpoint and a zone may both know one object."""

    uri: str
    read_point: str
    slot: int | None = None


PresenceChange = Present | Absent


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A CloudEvent before it is numbered.

    `body` holds its JSON members (UTF-8) without `specversion`, `stream`, `epoch`, `sequence` and `clock`, which the
    outbox puts before it; no braces around it, no comma at its ends. `id` is the UUIDv7 inside, 16 bytes.
    """

    channel: Channel
    name: str | None
    id: bytes
    body: bytes


class Work(msgspec.Struct, frozen=True, gc=False):
    """What one COMMIT takes whole: events, the presence they imply, and whom to tell afterwards."""

    drafts: tuple[Draft, ...] = ()
    presence: tuple[PresenceChange, ...] = ()
    stored: tuple[Callable[[], None], ...] = ()
