"""One event as one line for a person, as `tail` and the demo show it."""

from __future__ import annotations

import msgspec


class _Observation(msgspec.Struct, rename="camel"):
    transition: str = ""
    direction: str = ""
    reason: str = ""


class _Place(msgspec.Struct):
    id: str = ""


class _Data(msgspec.Struct, rename="camel"):
    read_point: _Place = msgspec.field(default_factory=_Place)
    observation: _Observation = msgspec.field(default_factory=_Observation, name="readpoint:observation")
    device: str = ""
    state: str = ""
    cause: str | None = None
    event_time: str = ""


class _Event(msgspec.Struct):
    type: str
    time: str = ""
    subject: str = ""
    data: _Data = msgspec.field(default_factory=_Data)


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
    except msgspec.MsgspecError:
        return line.decode(errors="replace")
    data, seen = event.data, event.data.observation
    if not seen.transition:
        words = [data.device or event.type, data.state, data.cause or ""]
        return f"{event.time}  " + "  ".join(word for word in words if word)
    what = " ".join(word for word in (seen.transition, seen.direction, seen.reason) if word)
    place = data.read_point.id.rsplit(".", 1)[-1]
    return f"{data.event_time or event.time}  {what:<20} {place:<12} {event.subject}"
