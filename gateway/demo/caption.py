"""One event as the demo shows it: when it happened, what, where and to which object, in less than 76 columns."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import msgspec


class _Observation(msgspec.Struct):
    transition: str = ""
    direction: str = ""
    reason: str = ""


class _Data(msgspec.Struct, rename="camel"):
    event_time: str = ""
    observation: _Observation = msgspec.field(default_factory=_Observation, name="readpoint:observation")
    state: str = ""
    cause: str | None = None


class _Event(msgspec.Struct):
    type: str
    time: str
    subject: str = ""
    historical: bool = False
    data: _Data = msgspec.field(default_factory=_Data)


_decoder = msgspec.json.Decoder(_Event)


class Caption(NamedTuple):
    """`kind` is the transition, or `health` or `loss`; `late`: it waited for the uplink."""

    kind: str
    clock: str
    what: str
    where: str
    of: str
    late: bool

    def __str__(self) -> str:
        line = f"{self.clock}  {self.what:<16}  {self.where:<12}  {self.of}"
        return f"{line}  (backlog)" if self.late else line.rstrip()


def caption(name: str, payload: bytes) -> Caption:
    """The event in `payload`, which came on a topic that ends in `name`."""
    event = _decoder.decode(payload)
    data, seen = event.data, event.data.observation
    if not seen.transition:
        kind = event.type.split(".")[1]
        return Caption(kind, _clock(event.time), f"{kind} {data.state}", name, data.cause or "", event.historical)
    words = (seen.transition, seen.direction, seen.reason)
    what = " ".join(word for word in words if word)
    subject = event.subject.removeprefix("urn:epc:id:")
    return Caption(seen.transition, _clock(data.event_time), what, name, subject, event.historical)


def _clock(stamp: str) -> str:
    """RFC 3339 as this machine's time of day."""
    return dt.datetime.fromisoformat(stamp).astimezone().strftime("%H:%M:%S")
