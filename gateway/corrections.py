"""Taking back what was said wrongly: EPCIS error declarations, and where an object is once they count. Pure.

A correction is the event again, with an id of its own and an `errorDeclaration` (EPCIS 2.0 section 7.4.1.3; the reasons
are those of CBV 2.0 section 7.5). From then on the event counts as never said.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType, field

from gateway.identity.named import named
from gateway.ids import text
from gateway.model import Draft, Identity
from gateway.timestamps import rfc3339

Reason = Literal["incorrect_data", "did_not_occur"]
"""Of an error declaration: CBV 2.0 section 7.5."""

_Time = tuple[float, int, int]
"""eventTime, epoch, sequence: the order of placements."""


class Stretch(NamedTuple):
    """What a device said of `since` <= eventTime < `until` (Unix seconds), or named antennas of it did."""

    device: str
    since: float
    until: float
    antennas: frozenset[str] = frozenset()

    @property
    def mark(self) -> bytes:
        """Stands in every event that the device had a part in."""
        return b'"device":' + msgspec.json.encode(self.device)

    def holds(self, event: Event) -> bool:
        """Whether this event is to be taken back."""
        of_it = self.told_by(event)
        return bool(of_it if not self.antennas else of_it & self.antennas)

    def told_by(self, event: Event) -> frozenset[str | None]:
        """The antennas of the device that had a part in it, None where that is not known; none of what is outside."""
        within = self.since <= event.time < self.until
        return frozenset(antenna for device, antenna in event.sources if within and device == self.device)


class _Place(Struct):
    id: str


class _Source(Struct):
    device: str
    antenna: int | str | None = None


class _Observation(Struct, rename="camel"):
    transition: str
    sources: list[_Source]
    origin: str | None = field(default=None, name="from")
    digital_link: str | None = None
    filter: int | None = None


class _Data(Struct, rename="camel"):
    event_id: str = field(name="eventID")
    event_time: datetime
    read_point: _Place
    observation: _Observation = field(name="readpoint:observation")
    error_declaration: msgspec.Raw | UnsetType = UNSET
    quantity_list: msgspec.Raw | UnsetType = UNSET


class _Told(Struct):
    subject: str
    stream: str
    epoch: int
    sequence: str
    data: _Data


class Event(NamedTuple):
    """A location event as it is stored, as much of it as matters here. Read points are URIs; `time` is eventTime."""

    id: str
    stream: str
    epoch: int
    sequence: int
    time: float
    transition: str
    read_point: str
    origin: str | None
    object: Identity
    sources: frozenset[tuple[str, str | None]]
    """(device, antenna)."""
    declares: bool

    @property
    def of_zone(self) -> bool:
        """Whether it says where its object is."""
        return not self.declares and self.transition in ("arrived", "moved", "departed")


_decoder = msgspec.json.Decoder(_Told)


def read(payload: bytes) -> Event | None:
    """The event of a stored payload; None for what is damaged."""
    try:
        told = _decoder.decode(payload)
        number, time = int(told.sequence), told.data.event_time.timestamp()
        uuid.UUID(told.data.event_id.removeprefix("urn:uuid:"))
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None
    data, seen = told.data, told.data.observation
    kind: Literal["class", "instance"] = "instance" if data.quantity_list is UNSET else "class"
    return Event(
        id=data.event_id,
        stream=told.stream,
        epoch=told.epoch,
        sequence=number,
        time=time,
        transition=seen.transition,
        read_point=data.read_point.id,
        origin=seen.origin,
        object=Identity(told.subject, _scheme(told.subject), kind, seen.digital_link, seen.filter),
        sources=frozenset((one.device, None if one.antenna is None else str(one.antenna)) for one in seen.sources),
        declares=data.error_declaration is not UNSET,
    )


_subject = re.compile(rb'"subject":("(?:[^"\\]|\\.)*")')


def subject(payload: bytes) -> str | None:
    """The object of a stored payload, found without reading all of it."""
    found = _subject.search(payload)
    try:
        return None if found is None else msgspec.json.decode(found[1], type=str)
    except msgspec.MsgspecError:
        return None


def _scheme(uri: str) -> str:
    """The GS1 scheme that a URI is of, or the word of ours."""
    try:
        return named(uri).scheme
    except ValueError:
        return uri.split(":")[2] if uri.startswith(("urn:epc:", "urn:readpoint:")) else "code"


class _Whole(Struct):
    source: msgspec.Raw
    type: msgspec.Raw
    subject: msgspec.Raw
    data: msgspec.Raw


_whole = msgspec.json.Decoder(_Whole)


def declaration(
    payload: bytes,
    name: str | None,
    id: bytes,  # noqa: A002 - CloudEvents' word
    reason: Reason,
    time: float,
) -> Draft:
    """The correction of a stored event, declared at `time`: all else in its data is as it was."""
    said = _whole.decode(payload)
    at = rfc3339(time)
    body = (
        b'"id":"urn:uuid:%b","source":%b,"type":%b,"subject":%b,"time":"%b","datacontenttype":"application/json",'
        b'"data":%b,"errorDeclaration":{"declarationTime":"%b","reason":"%b"}}'
    ) % (
        text(id).encode(),
        bytes(said.source),
        bytes(said.type),
        bytes(said.subject),
        at.encode(),
        bytes(said.data)[:-1],
        at.encode(),
        reason.encode(),
    )
    return Draft("epcis", name, id, body)


class Placement(NamedTuple):
    """That an object is at a read point. Of two the greater counts."""

    time: float
    epoch: int
    sequence: int
    stream: str
    read_point: str


class Story:
    """Where an object is by what is told of it, in any order: the contract's rule of placement."""

    __slots__ = ("_ended", "newest")

    def __init__(self, newest: Placement | None = None) -> None:
        self.newest = newest
        self._ended: dict[tuple[str, str], _Time] = {}

    def tell(self, event: Event) -> None:
        """One event of a zone."""
        if event.transition == "departed":
            ended, when = (event.stream, event.read_point), (event.time, event.epoch, event.sequence)
            self._ended[ended] = max(when, self._ended.get(ended, when))
        else:
            told = Placement(event.time, event.epoch, event.sequence, event.stream, event.read_point)
            self.newest = told if self.newest is None else max(told, self.newest)

    @property
    def where(self) -> Placement | None:
        """The newest placement, unless its own stream has ended it."""
        last = self.newest
        if last is None:
            return None
        ended = self._ended.get((last.stream, last.read_point))
        return last if ended is None or ended <= last[:3] else None


Spot = tuple[str, float]
"""The zone (URI) that the gateway has an object in, since when."""


class Affected:
    """An object of which something is taken back: what all events of it say, with those and without.

    What was said before the oldest event that is kept is known from that event: where the object was until then.
    """

    def __init__(self, first: Event) -> None:
        self.object = first.object
        self.last = first.time
        """The newest time that anything was said of."""
        before = {"moved": first.origin, "departed": first.read_point}.get(first.transition)
        base = None if before is None else Placement(float("-inf"), 0, 0, first.stream, before)
        self._said, self._left = Story(base), Story(base)

    def tell(self, event: Event, *, taken_back: bool) -> None:
        """One event of a zone that counted so far."""
        self.last = max(self.last, event.time)
        self._said.tell(event)
        if not taken_back:
            self._left.tell(event)

    def stands(self, then: Spot | None, now: Spot | None) -> tuple[bool, Placement | None]:
        """(whether the gateway's own presence changes, where the object is then).

        `then` is where the gateway had it when the last event was told, `now` where it has it: what was told between,
        and what is no longer kept, is not taken back.
        """
        said, left = self._said.where, self._left.where
        if now == then and (now[0] if now else None) == (said.read_point if said else None):
            return _differs(now, left), left
        if now is not None or self._said.newest == self._left.newest:
            return False, None
        return left is not None, left


def _differs(now: Spot | None, left: Placement | None) -> bool:
    return (now[0] if now else None) != (left.read_point if left else None)
