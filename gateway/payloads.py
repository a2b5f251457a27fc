"""The shape of every message of the contract, as types: what schemas are made of. Pure.

`gateway.messages` writes these members by hand, since it writes thousands a second; that both say the same is tested.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from drivers.observations import Antenna
from gateway.health import DeviceState
from gateway.messages import LossReason
from gateway.model import DepartureReason, Direction, TransitionKind

Time = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$",
        extra_json_schema={"format": "date-time"},
        examples=["2026-11-21T17:42:03.950Z"],
    ),
]
Uuid = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$",
        extra_json_schema={"format": "uuid"},
    ),
]
Urn = Annotated[str, Meta(pattern=r"^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Uri = Annotated[str, Meta(min_length=1, extra_json_schema={"format": "uri"})]
Offset = Annotated[str, Meta(pattern=r"^([+-](0\d|1[0-3]):[0-5]\d|[+-]14:00)$", examples=["+01:00"])]
Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Number = Annotated[
    str, Meta(pattern=r"^[0-9]{1,19}$", description="A number as text: some parsers have no 64-bit integers.")
]
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", description="SHA-256, hexadecimal.")]


class Body(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Members are in camelCase, and those without a value are left out."""


class Place(Body, frozen=True, kw_only=True):
    """EPCIS ReadPoint and BusinessLocation."""

    id: Uri


class Quantity(Body, frozen=True, kw_only=True):
    """EPCIS QuantityElement: `quantity` in `uom` (UN/ECE Rec 20), pieces without one."""

    epc_class: Uri
    quantity: float
    uom: str | UnsetType = UNSET


class Crossing(Body, frozen=True, kw_only=True):
    """The passage of a portal that `count` objects shared; `late`: told when its number was already said."""

    id: Uuid
    count: Annotated[int, Meta(ge=1)]
    index: Annotated[int, Meta(ge=1)]
    late: bool | UnsetType = UNSET


class Evidence(Body, frozen=True, kw_only=True):
    """What one antenna contributed; `peakRssi` in dBm."""

    device: Name
    antenna: Antenna | UnsetType = UNSET
    reads: Count
    peak_rssi: float | UnsetType = UNSET


class Gap(Body, frozen=True, kw_only=True):
    """When nobody observed."""

    begin: Time = field(name="from")
    to: Time


class Observation(Body, frozen=True, kw_only=True):
    """What an EPCIS event has no member for. JSON-LD takes it whole, as `@json`."""

    transition: TransitionKind
    direction: Direction | UnsetType = UNSET
    decided_at: Time
    digital_link: Uri | UnsetType = UNSET
    filter: Count | UnsetType = UNSET
    raw: str | UnsetType = UNSET
    scan: dict[str, Any] | UnsetType = UNSET
    passage: Crossing | UnsetType = UNSET
    origin: Uri | UnsetType = field(default=UNSET, name="from")
    reason: DepartureReason | UnsetType = UNSET
    unobserved: Gap | UnsetType = UNSET
    resync: bool | UnsetType = UNSET
    first_seen: Time
    last_seen: Time
    reads: Count
    sources: list[Evidence]


class ErrorDeclaration(Body, frozen=True, kw_only=True):
    """EPCIS ErrorDeclaration: the event with this `eventID` is taken back. `reason` is a CBV word."""

    declaration_time: Time
    reason: Annotated[str, Meta(examples=["incorrect_data", "did_not_occur"])] | UnsetType = UNSET
    corrective_event_ids: list[Urn] | UnsetType = field(default=UNSET, name="correctiveEventIDs")


class ObjectEvent(Body, frozen=True, kw_only=True):
    """GS1 EPCIS 2.0 ObjectEvent. It has an `epcList` or a `quantityList`."""

    context: list[str | dict[str, Any]] = field(name="@context")
    type: Literal["ObjectEvent"]
    event_id: Urn = field(name="eventID")
    error_declaration: ErrorDeclaration | UnsetType = UNSET
    action: Literal["OBSERVE"]
    event_time: Time
    record_time: Time
    event_time_zone_offset: Offset
    epc_list: Annotated[list[Uri], Meta(min_length=1)] | UnsetType = UNSET
    quantity_list: Annotated[list[Quantity], Meta(min_length=1)] | UnsetType = UNSET
    biz_step: str | UnsetType = UNSET
    disposition: str | UnsetType = UNSET
    read_point: Place
    biz_location: Place | UnsetType = UNSET
    observation: Observation = field(name="readpoint:observation")


class Point(Body, frozen=True, kw_only=True):
    """One measured value. `time` where it is not the message's; a `bad` one is null and has a `reason`."""

    name: Name
    value: float | str | bool | None
    uom: str | None
    quality: Literal["good", "bad"]
    reason: str | UnsetType = UNSET
    exception: str | UnsetType = UNSET
    time: Time | UnsetType = UNSET


class Telemetry(Body, frozen=True, kw_only=True):
    """What a device measured; `time` is that of the newest point."""

    device: Name
    time: Time
    points: Annotated[list[Point], Meta(min_length=1)]


class AntennaState(Body, frozen=True, kw_only=True):
    """How an antenna is."""

    antenna: Antenna
    state: DeviceState


class Health(Body, frozen=True, kw_only=True):
    """How a device and its antennas are, `since` when, and why."""

    device: Name
    state: DeviceState
    cause: str
    since: Time
    last_read: Time | UnsetType = UNSET
    antennas: list[AntennaState]


class Loss(Body, frozen=True, kw_only=True):
    """The numbers `from` to `to` of (stream, epoch) that are gone, `count` of them, and why."""

    stream: Name
    epoch: Count
    first: Count = field(name="from")
    to: Count
    count: Count
    reason: LossReason
    time: Time


class AsOf(Body, frozen=True, kw_only=True):
    """The position of the last event that a snapshot takes into account."""

    stream: Name
    epoch: Count
    sequence: Number


class Snapshot(Body, frozen=True, kw_only=True):
    """A page of what is present at a read point. `digest` is over all ids sorted bytewise, each followed by LF."""

    read_point: Uri
    snapshot: Uuid
    page: Annotated[int, Meta(ge=1)]
    pages: Annotated[int, Meta(ge=1)]
    count: Count
    digest: Digest
    as_of: AsOf
    observing: bool
    since: Time
    ids: list[Uri]


class EpochState(Body, frozen=True, kw_only=True):
    """The last number of an epoch, and how many of its rows are still to be sent."""

    epoch: Count
    last: Count
    pending: Count


class State(Body, frozen=True, kw_only=True):
    """How a segment is: retained, and its Last Will."""

    state: Literal["online", "offline"]
    stream: Name
    epochs: list[EpochState]
    previous_stream: str | None
    version: str
    configuration: str
    since: Time


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent 1.0 in structured mode. Consumers accept unknown members: v1 only ever gains some."""

    specversion: Literal["1.0"]
    id: Urn
    source: Annotated[str, Meta(pattern=r"^urn:readpoint:[^:]+:[^:]+$", examples=["urn:readpoint:dc1:gw-07.rfid"])]
    subject: Name
    time: Time
    datacontenttype: Literal["application/json"]


class Stored(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Numbered, without holes inside (stream, epoch); `historical` when it was sent late, from a backlog."""

    stream: Name
    epoch: Count
    sequence: Number
    clock: Literal["synchronized", "holdover", "unset"]
    historical: bool | UnsetType = UNSET


class LocationEvent(Stored, frozen=True, kw_only=True, omit_defaults=True):
    """Where an object is, left, passed, or was observed."""

    type: Literal["readpoint.epcis.v1"]
    data: ObjectEvent


class TelemetryEvent(Stored, frozen=True, kw_only=True, omit_defaults=True):
    """What a device measured."""

    type: Literal["readpoint.telemetry.v1"]
    data: Telemetry


class HealthEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """How a device is. A change is stored and numbered; what is repeated every 60 s is not."""

    type: Literal["readpoint.health.v1"]
    stream: Name | UnsetType = UNSET
    epoch: Count | UnsetType = UNSET
    sequence: Number | UnsetType = UNSET
    clock: Literal["synchronized", "holdover", "unset"] | UnsetType = UNSET
    historical: bool | UnsetType = UNSET
    data: Health


class LossEvent(Stored, frozen=True, kw_only=True, omit_defaults=True):
    """Sequence numbers that are gone."""

    type: Literal["readpoint.loss.v1"]
    data: Loss


class SnapshotEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What is present now, to compare with; not stored."""

    type: Literal["readpoint.snapshot.v1"]
    data: Snapshot


class StateEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """How the segment is; not stored, retained."""

    type: Literal["readpoint.state.v1"]
    data: State


EVENTS: dict[str, type[Event]] = {
    "readpoint.epcis.v1": LocationEvent,
    "readpoint.telemetry.v1": TelemetryEvent,
    "readpoint.health.v1": HealthEvent,
    "readpoint.loss.v1": LossEvent,
    "readpoint.snapshot.v1": SnapshotEvent,
    "readpoint.state.v1": StateEvent,
}
"""The types of CloudEvents and what each is."""


def components(types: list[type], template: str) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """(reference of each type, all schemas they need by name), in JSON Schema draft 7, AsyncAPI's own dialect."""
    references, schemas = msgspec.json.schema_components(types, ref_template=template)
    if "ObjectEvent" in schemas:
        schemas["ObjectEvent"]["anyOf"] = [{"required": ["epcList"]}, {"required": ["quantityList"]}]
    return list(references), {name: _plain(schema) for name, schema in sorted(schemas.items())}


def schema(kind: str) -> dict[str, Any]:
    """The JSON schema (draft 7) of one type of message. KeyError for a type that the contract does not have."""
    [reference], schemas = components([EVENTS[kind]], "#/definitions/{name}")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"urn:readpoint:v1:schema:{kind}",
        "title": kind,
        "allOf": [reference],
        "definitions": schemas,
    }


def _plain(schema: Any) -> Any:
    """Without what draft 7 does not know: pairs are arrays of two, a title says what the name says already."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    bare = {key: _plain(value) for key, value in schema.items() if key != "prefixItems"}
    if "prefixItems" in schema:
        bare["items"] = _plain(schema["prefixItems"][0])
    return bare
