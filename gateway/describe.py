"""One event as one line for a person, as `tail` and the demo show it."""

from __future__ import annotations

import msgspec


class _Observation(msgspec.Struct, rename="camel"):
    transition: str = ""
    direction: str = ""
    reason: str = ""


class _Place(msgspec.Struct):
    id: str = ""


class _Point(msgspec.Struct):
    name: str = ""
    value: bool | float | str | None = None
    uom: str | None = None
    quality: str = ""
    reason: str | None = None
    exception: str | None = None


class _Data(msgspec.Struct, rename="camel"):
    read_point: _Place = msgspec.field(default_factory=_Place)
    observation: _Observation = msgspec.field(default_factory=_Observation, name="readpoint:observation")
    device: str = ""
    state: str = ""
    cause: str | None = None
    event_time: str = ""
    points: list[_Point] = []


class _Event(msgspec.Struct):
    type: str
    time: str = ""
    subject: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


MOST = 8
"""Measured points that one line shows."""

_decoder = msgspec.json.Decoder(_Event)


def printable(text: str) -> str:
    """Text from a device or a file, without what a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def describe(line: bytes) -> str:
    """One event as one line for a person; what is no event of ours comes back as it is."""
    return printable(_described(line))


def _described(line: bytes) -> str:
    try:
        event = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return line.decode(errors="replace")
    data, seen = event.data, event.data.observation
    if not seen.transition:
        words = [data.device or event.type, data.state, data.cause or "", _points(data.points)]
        return f"{event.time}  " + "  ".join(word for word in words if word)
    what = " ".join(word for word in (seen.transition, seen.direction, seen.reason) if word)
    place = data.read_point.id.rsplit(".", 1)[-1]
    return f"{data.event_time or event.time}  {what:<20} {place:<12} {event.subject}"


def _points(points: list[_Point]) -> str:
    """As many as fit on a line or two."""
    more = f", and {len(points) - MOST} more" if len(points) > MOST else ""
    return ", ".join(map(_point, points[:MOST])) + more


def _point(point: _Point) -> str:
    if point.quality == "bad":
        return f"{point.name} bad: {point.reason or 'no reason given'}"
    value = {True: "on", False: "off"}[point.value] if isinstance(point.value, bool) else point.value
    return " ".join(str(word) for word in (point.name, value, point.uom, point.exception) if word is not None)
