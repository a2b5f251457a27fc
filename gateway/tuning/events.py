"""Location events as tuning and comparing see them: what happened to whom, where and when. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import msgspec

from gateway.model import Direction, Transition, TransitionKind


class Event(NamedTuple):
    """A decision. `read_point` is a name, or a URI where it has none; times are Unix seconds."""

    object: str
    kind: TransitionKind
    read_point: str
    time: float
    decided: float
    direction: Direction | None = None

    @classmethod
    def of(cls, transition: Transition) -> Event:
        """What the engine decided."""
        return cls(
            transition.object.uri,
            transition.kind,
            transition.read_point,
            transition.time,
            transition.decided,
            transition.direction,
        )


class _Place(msgspec.Struct):
    id: str


class _Observation(msgspec.Struct):
    transition: TransitionKind
    direction: Direction | None = None


class _Data(msgspec.Struct, rename="camel"):
    event_time: datetime
    record_time: datetime
    read_point: _Place
    observation: _Observation = msgspec.field(name="readpoint:observation")


class _Message(msgspec.Struct):
    subject: str
    data: _Data


_decode = msgspec.json.Decoder(_Message).decode


def parse_event(message: bytes, names: dict[str, str]) -> Event:
    """One `epcis` message as `replay` says it; `names` gives the name of a read point's URI."""
    found = _decode(message)
    data, place = found.data, found.data.read_point.id
    return Event(
        found.subject,
        data.observation.transition,
        names.get(place, place),
        data.event_time.timestamp(),
        data.record_time.timestamp(),
        data.observation.direction,
    )
