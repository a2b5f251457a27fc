"""One event as the demo shows it: when it happened, what, where and to which object, in less than 76 columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

TELEMETRY = "telemetry"

_UNITS = {"WTT": " W", "VLT": " V", "CEL": " °C", "KMH": " km/h", "DD": "", "MTR": " m", "C62": ""}
"""UN/ECE Rec 20, as people write them."""

_DECIMALS = {"latitude": 4, "longitude": 4, "speed": 0}
"""Of what is known more exactly than anybody reads it."""


class _Observation(msgspec.Struct):
    transition: str = ""
    direction: str = ""
    reason: str = ""


class _Point(msgspec.Struct):
    name: str
    value: float | bool | str | None = None
    uom: str | None = None


class _Data(msgspec.Struct, rename="camel"):
    event_time: str = ""
    observation: _Observation = msgspec.field(default_factory=_Observation, name="readpoint:observation")
    state: str = ""
    cause: str | None = None
    points: list[_Point] = []


class _Event(msgspec.Struct):
    type: str
    time: str
    subject: str = ""
    historical: bool = False
    data: _Data = msgspec.field(default_factory=_Data)


_decoder = msgspec.json.Decoder(_Event)


class Caption(NamedTuple):
    """`kind` is the transition, or `health`, `telemetry` or `loss`; `late`: it waited for the uplink.

    `values`: of telemetry, each measured value as people write it.
    """

    kind: str
    clock: str
    what: str
    where: str
    of: str
    late: bool
    values: Mapping[str, str] = {}

    def __str__(self) -> str:
        line = f"{self.clock}  {self.what:<16}  {self.where:<12}  {self.of}"
        return f"{line}  (backlog)" if self.late else line.rstrip()


def caption(name: str, payload: bytes) -> Caption:
    """The event in `payload`, which came on a topic that ends in `name`."""
    event = _decoder.decode(payload)
    data, seen = event.data, event.data.observation
    if not seen.transition:
        kind = event.type.split(".")[1]
        values = {point.name: _written(point) for point in data.points}
        of = data.cause or _told(values)
        what = f"{kind} {data.state}".rstrip()
        return Caption(kind, _clock(event.time), what, name, of, event.historical, values)
    words = (seen.transition, seen.direction, seen.reason)
    what = " ".join(word for word in words if word)
    subject = event.subject.removeprefix("urn:epc:id:").removeprefix("https://id.gs1.org/")
    return Caption(seen.transition, _clock(data.event_time), what, name, subject, event.historical)


def _told(values: Mapping[str, str]) -> str:
    return ", ".join(value if value.startswith(f"{point} ") else f"{point} {value}" for point, value in values.items())


def _written(point: _Point) -> str:
    match point.value:
        case bool():
            return f"{point.name} {'on' if point.value else 'off'}"
        case int() | float():
            decimals = _DECIMALS.get(point.name)
            number = f"{point.value:.5g}" if decimals is None else f"{point.value:.{decimals}f}"
            return number + _UNITS.get(point.uom or "C62", f" {point.uom}")
        case None:
            return "?"
    return str(point.value)


def _clock(stamp: str) -> str:
    """RFC 3339 as this machine's time of day."""
    return dt.datetime.fromisoformat(stamp).astimezone().strftime("%H:%M:%S")
