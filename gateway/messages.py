"""What the gateway says: transitions as EPCIS 2.0 ObjectEvents in CloudEvents 1.0, and the messages beside them. Pure.

JSON is put together from fragments made once per read point and antenna: an event costs microseconds, and its members
always stand in the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote as percent
from zoneinfo import ZoneInfo

import msgspec

from drivers.observations import Antenna, Measurement
from gateway.ids import Ids, text
from gateway.model import (
    ByDirection,
    Channel,
    Detailed,
    Direction,
    Draft,
    Identity,
    Passage,
    ReadPoint,
    Source,
    Transition,
)
from gateway.telemetry import pages
from gateway.timestamps import offset, rfc3339

if TYPE_CHECKING:
    from gateway.config.site import Gateway

LossReason = Literal["full", "corrupt", "dead-letter", "refused"]

_CONTEXT = (
    '"@context":["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",'
    '{"readpoint":"urn:readpoint:v1:","readpoint:observation":{"@id":"urn:readpoint:v1:observation","@type":"@json"}}]'
)
MAX_PAYLOAD = 100_000
"""Bytes of one MQTT payload: under every broker and cloud limit known (AWS IoT: 128 kB)."""

_ENVELOPE = 2_000
"""Bytes kept free for the members of a message beside a snapshot's ids or the points of telemetry."""


_LONGEST_CAUSE = 1_000


class Epoch(msgspec.Struct, frozen=True, gc=False):
    """How an epoch of a stream stands: its last number, and how many of its rows are still to be sent."""

    epoch: int
    last: int
    pending: int


class Position(msgspec.Struct, frozen=True, gc=False):
    """A place in a stream."""

    stream: str
    epoch: int
    sequence: int


class Composer:
    """Writes the messages of one segment. Times are Unix seconds; every message gets its own UUIDv7."""

    def __init__(self, gateway: Gateway, segment: str, read_points: Mapping[str, ReadPoint]) -> None:
        self._site = gateway.site
        self._identity = f"{gateway.id}.{segment}"
        self._source = quote(f"urn:readpoint:{self._site}:{self._identity}")
        self._zone = ZoneInfo(gateway.timezone)
        self._links = gateway.identifiers == "digital_link"
        self._ids = Ids()
        self._read_points: dict[str, ReadPoint] = {}
        self._places: dict[tuple[str, str, Direction | None], str] = {}
        self.replace(read_points)

    def replace(self, read_points: Mapping[str, ReadPoint]) -> None:
        """Take a new configuration. Read points that left it are still known: their objects have yet to depart."""
        self._read_points.update(read_points)
        self._places.clear()

    def epcis(self, transition: Transition) -> Draft:
        """A location event: EPCIS 2.0 ObjectEvent, action OBSERVE, `recordTime` = the time of decision."""
        uuid = self._ids.new(transition.decided)
        urn = f"urn:uuid:{text(uuid)}"
        identity = transition.object
        decided = rfc3339(transition.decided)
        place = self._places.get((transition.read_point, transition.kind, transition.direction))
        if place is None or transition.uri is not None:
            place = self._place(transition)
        uri = quote(identity.uri)
        what = quote(identity.digital_link) if self._links and identity.digital_link else uri
        what = (
            f'"quantityList":[{{"epcClass":{what},{_quantity(identity, transition.count)}}}]'
            if identity.kind == "class"
            else f'"epcList":[{what}]'
        )
        body = (
            f'"id":"{urn}","source":{self._source},"type":"readpoint.epcis.v1","subject":{uri},"time":"{decided}",'
            f'"datacontenttype":"application/json","data":{{{_CONTEXT},"type":"ObjectEvent","eventID":"{urn}",'
            f'"action":"OBSERVE","eventTime":"{rfc3339(transition.time)}","recordTime":"{decided}",'
            f'"eventTimeZoneOffset":"{offset(self._zone, transition.time)}",{what},{place},'
            f'"readpoint:observation":{self._observation(transition, decided)}}}'
        )
        return Draft("epcis", transition.read_point, uuid, body.encode())

    def health(
        self,
        device: str,
        state: str,
        cause: str,
        *,
        since: float,
        time: float,
        last_read: float | None = None,
        antennas: Iterable[tuple[Antenna, str]] = (),
    ) -> Draft:
        """How a device and its antennas are, `since` when, as known at `time`."""
        ports = ",".join(f'{{"antenna":{_antenna(antenna)},"state":{quote(said)}}}' for antenna, said in antennas)
        last = "" if last_read is None else f'"lastRead":"{rfc3339(last_read)}",'
        data = (
            f'{{"device":{quote(device)},"state":{quote(state)},"cause":{_sentence(cause)},'
            f'"since":"{rfc3339(since)}",{last}"antennas":[{ports}]}}'
        )
        return self._draft("health", device, self._ids.new(time), "readpoint.health.v1", device, rfc3339(time), data)

    def telemetry(self, device: str, time: float, measurements: Sequence[Measurement]) -> list[Draft]:
        """What a device measured, as known at `time`: one message, or more where one would pass 100 kB."""
        at = rfc3339(time)
        return [
            self._draft("telemetry", device, self._ids.new(time), "readpoint.telemetry.v1", device, at, data)
            for data in pages(device, measurements, time, MAX_PAYLOAD - _ENVELOPE)
        ]

    def loss(
        self, stream: str, epoch: int, first: int, last: int, *, count: int, reason: LossReason, time: float
    ) -> Draft:
        """Sequence numbers `first` to `last` of (stream, epoch) are gone, `count` of them, for this reason."""
        at = rfc3339(time)
        data = (
            f'{{"stream":{quote(stream)},"epoch":{epoch},"from":{first},"to":{last},"count":{count},'
            f'"reason":"{reason}","time":"{at}"}}'
        )
        return self._draft("loss", None, self._ids.new(time), "readpoint.loss.v1", stream, at, data)

    def state(
        self,
        state: Literal["online", "offline"],
        *,
        stream: str,
        epochs: Sequence[Epoch],
        version: str,
        configuration: str,
        since: float,
        time: float,
        previous_stream: str | None = None,
    ) -> bytes:
        """The retained message of the segment, and its Last Will: a whole CloudEvent, not numbered."""
        rows = ",".join(f'{{"epoch":{row.epoch},"last":{row.last},"pending":{row.pending}}}' for row in epochs)
        previous = "null" if previous_stream is None else quote(previous_stream)
        data = (
            f'{{"state":"{state}","stream":{quote(stream)},"epochs":[{rows}],"previousStream":{previous},'
            f'"version":{quote(version)},"configuration":{quote(configuration)},"since":"{rfc3339(since)}"}}'
        )
        uuid = self._ids.new(time)
        return whole(self._draft("state", None, uuid, "readpoint.state.v1", self._identity, rfc3339(time), data))

    def snapshot(
        self, read_point: str, ids: Iterable[str], *, as_of: Position, observing: bool, since: float, time: float
    ) -> list[bytes]:
        """What is present at a read point, as whole CloudEvents of at most 100 kB, one a page, not numbered."""
        ordered = sorted(identifier.encode() for identifier in ids)
        digest = hashlib.sha256(b"".join(identifier + b"\n" for identifier in ordered)).hexdigest()
        pages = list(_pages(ordered)) or [""]
        snapshot, uri, at = text(self._ids.new(time)), self._uri(read_point), rfc3339(time)
        position = f'{{"stream":{quote(as_of.stream)},"epoch":{as_of.epoch},"sequence":"{as_of.sequence}"}}'
        head = f'{{"readPoint":{quote(uri)},"snapshot":"{snapshot}"'
        tail = (
            f'"pages":{len(pages)},"count":{len(ordered)},"digest":"{digest}","asOf":{position},'
            f'"observing":{"true" if observing else "false"},"since":"{rfc3339(since)}"'
        )
        drafts = (
            self._draft(
                "snapshot",
                read_point,
                self._ids.new(time),
                "readpoint.snapshot.v1",
                uri,
                at,
                f'{head},"page":{number},{tail},"ids":[{page}]}}',
            )
            for number, page in enumerate(pages, 1)
        )
        return [whole(draft) for draft in drafts]

    def _draft(
        self, channel: Channel, name: str | None, uuid: bytes, kind: str, subject: str, time: str, data: str
    ) -> Draft:
        body = (
            f'"id":"urn:uuid:{text(uuid)}","source":{self._source},"type":"{kind}","subject":{quote(subject)},'
            f'"time":"{time}","datacontenttype":"application/json","data":{data}'
        )
        return Draft(channel, name, uuid, body.encode())

    def _place(self, transition: Transition) -> str:
        """Fragment of bizStep, disposition, readPoint and bizLocation, by the contract's table; kept for the next."""
        point = self._read_points.get(transition.read_point)
        uri = transition.uri or self._uri(transition.read_point)
        step, disposition, location = _business(point, transition) if point is not None else (None, None, None)
        if location is None and transition.kind in ("arrived", "moved"):
            location = uri
        words = ""
        if step is not None:
            words += f'"bizStep":{quote(step)},'
        if disposition is not None:
            words += f'"disposition":{quote(disposition)},'
        words += f'"readPoint":{{"id":{quote(uri)}}}'
        if location is not None:
            words += f',"bizLocation":{{"id":{quote(location)}}}'
        if point is not None and transition.uri is None:
            self._places[transition.read_point, transition.kind, transition.direction] = words
        return words

    def _uri(self, read_point: str) -> str:
        """A read point that left the configuration while the gateway was down has only its name left."""
        point = self._read_points.get(read_point)
        return point.uri if point is not None else f"urn:readpoint:{self._site}:{self._identity}:{percent(read_point)}"

    def _observation(self, transition: Transition, decided: str) -> str:
        identity = transition.object
        direction = transition.direction
        passage = transition.passage
        way = "" if direction is None else f'"direction":"{direction}",'
        link = "" if identity.digital_link is None else f'"digitalLink":{quote(identity.digital_link)},'
        value = "" if identity.filter is None else f'"filter":{identity.filter},'
        more = _details(identity) if isinstance(identity, Detailed) else ""
        crossing = "" if passage is None else _passage(passage)
        sources = ",".join([_source(source) for source in transition.sources])
        return (
            f'{{"transition":"{transition.kind}",{way}"decidedAt":"{decided}",{link}{value}{more}{crossing}'
            f"{self._circumstances(transition)}"
            f'"firstSeen":"{rfc3339(transition.first_seen)}","lastSeen":"{rfc3339(transition.last_seen)}",'
            f'"reads":{transition.reads},"sources":[{sources}]}}'
        )

    def _circumstances(self, transition: Transition) -> str:
        """Where from, why, after which gap: what few transitions have."""
        words = ""
        if transition.origin is not None:
            words += f'"from":{quote(self._uri(transition.origin))},'
        if transition.reason is not None:
            words += f'"reason":"{transition.reason}",'
        if transition.unobserved is not None:
            begin, end = transition.unobserved
            words += f'"unobserved":{{"from":"{rfc3339(begin)}","to":"{rfc3339(end)}"}},'
        if transition.resync:
            words += '"resync":true,'
        return words


def whole(draft: Draft) -> bytes:
    """The draft as a complete CloudEvent that is neither stored nor numbered (health repeats, state, snapshots)."""
    return b'{"specversion":"1.0",' + draft.body + b"}"


def _business(point: ReadPoint, transition: Transition) -> tuple[str | None, str | None, str | None]:
    """(bizStep, disposition, bizLocation). What enters or stays takes the words of `in`, what leaves those of `out`."""
    kind, direction = transition.kind, transition.direction
    step = None
    location = point.location
    if kind == "passed":
        way: Direction = direction or "unknown"
        step = {"in": "arriving", "out": "departing", "unknown": None}[way]
    else:
        way = "out" if kind == "departed" else "in"
        if kind == "departed" and location.out == location.into:
            # One location for both ways is where arrivals are; what departed is no longer there.
            location = ByDirection()
    return _by(point.biz_step, way) or step, _by(point.disposition, way), _by(location, way)


def _by(value: ByDirection, way: Direction) -> str | None:
    if way == "in":
        return value.into
    if way == "out":
        return value.out
    return value.into if value.into == value.out else None


def _passage(passage: Passage) -> str:
    late = ',"late":true' if passage.late else ""
    return f'"passage":{{"id":{quote(passage.id)},"count":{passage.count},"index":{passage.index}{late}}},'


def _source(source: Source) -> str:
    rssi = source.peak_rssi
    # What is beyond any level, NaN and infinities too, is not JSON and not a level.
    level = f',"peakRssi":{rssi:.2f}' if rssi is not None and -1e6 < rssi < 1e6 else ""
    return f'{_port(source.device, source.antenna)},"reads":{source.reads}{level}}}'


def _quantity(identity: Identity, count: int) -> str:
    """EPCIS QuantityElement without its class: without a unit of measure it counts pieces."""
    if not isinstance(identity, Detailed):
        return f'"quantity":{count}'
    unit = "" if identity.uom is None else f',"uom":{quote(identity.uom)}'
    # Three times 0.1 kg are 0.3 kg, not 0.30000000000000004; 24.0 pieces are 24.
    amount = round(identity.quantity * count, 6)
    return f'"quantity":{int(amount) if amount.is_integer() else amount}{unit}'


def _details(identity: Detailed) -> str:
    """What was read where the identity map has another name, and what else stood in a scan (`scan` is JSON already)."""
    raw = "" if identity.raw is None else f'"raw":{quote(identity.raw)},'
    return raw if identity.scan is None else f'{raw}"scan":{identity.scan},'


def _sentence(words: str) -> str:
    """Devices have a say in it: it stays short, and whole characters."""
    return quote(words[:_LONGEST_CAUSE].encode("utf-8", "replace").decode())


@lru_cache(maxsize=4096)
def _port(device: str, antenna: Antenna | None) -> str:
    port = "" if antenna is None else f',"antenna":{_antenna(antenna)}'
    return f'{{"device":{quote(device)}{port}'


def _antenna(antenna: Antenna) -> str:
    return quote(antenna) if isinstance(antenna, str) else str(int(antenna))


def _pages(ordered: Sequence[bytes]) -> Iterator[str]:
    """JSON strings of the ids, joined by commas, in runs that leave room for the rest of a page."""
    run: list[str] = []
    size = 0
    for identifier in ordered:
        written = quote(identifier.decode())
        if run and size + len(written) + 1 > MAX_PAYLOAD - _ENVELOPE:
            yield ",".join(run)
            run, size = [], 0
        run.append(written)
        size += len(written) + 1
    if run:
        yield ",".join(run)
