"""What of a checked message is stored, and how the table takes it. No I/O."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

NUMBERED = {"readpoint.epcis.v1", "readpoint.telemetry.v1", "readpoint.loss.v1"}
"""Types whose every message has a place in its stream; of health only the changes have."""

LONGEST = 64
"""Characters of a stream's name, which the `ack` has to repeat."""

INDEXED = 1000
"""Bytes of a name that PostgreSQL's indexes take, with room for another beside it."""


class Row(NamedTuple):
    """A stored event, as the table has it; `at` is its eventTime in microseconds since 1970."""

    id: str
    source: str
    stream: str
    epoch: int
    sequence: int
    topic: str
    type: str
    payload: str
    event: str | None = None
    object: str | None = None
    transition: str | None = None
    read_point: str | None = None
    at: int | None = None


def numbered(event: dict[str, Any]) -> bool:
    """Whether a checked event is stored; a `sequence` in any other is a member that nobody knows."""
    change = event["type"] == "readpoint.health.v1" and {"stream", "epoch", "sequence"} <= event.keys()
    return change or event["type"] in NUMBERED


def streams(event: dict[str, Any]) -> set[str]:
    """Those that a checked event says are its segment's. ValueError for a name that is none."""
    found = {event["stream"]} if numbered(event) else set()
    if event["type"] in ("readpoint.loss.v1", "readpoint.state.v1"):
        found.add(event["data"]["stream"])
    if event["type"] == "readpoint.snapshot.v1":
        found.add(event["data"]["asOf"]["stream"])
    for stream in found:
        fit(stream)
        if len(stream) > LONGEST:
            raise ValueError(f"the name of a stream has more than {LONGEST} characters")
    return found


def place_of(event: Any) -> tuple[str, int, int] | None:
    """(stream, epoch, sequence) of what is not valid, where it says so: it may be of a type that is new."""
    found = [event.get(name) for name in ("type", "stream", "epoch", "sequence")] if isinstance(event, dict) else [None]
    match found:
        case ["readpoint.state.v1" | "readpoint.snapshot.v1", *_]:
            return None
        case [_, str(stream), int(epoch), str(text)] if text.isascii() and text.isdecimal() and len(text) < 20:
            place = stream, int(epoch), int(text)
            return place if 0 <= place[1] < 2**63 and 0 < place[2] < 2**63 else None
    return None


def fit(text: str) -> None:
    """ValueError for what no table takes: NUL, half characters."""
    text.encode()  # a half of a surrogate pair is a UnicodeEncodeError, which is a ValueError
    if "\0" in text:
        raise ValueError("a NUL character")


def row(topic: str, event: dict[str, Any]) -> Row:
    """A checked, numbered event as the table takes it. ValueError for what no table or clock takes."""
    data, text = event["data"], json.dumps(event, separators=(",", ":"))
    numbers = event["stream"], int(event["epoch"]), int(event["sequence"])
    micros(event["time"])
    made = Row(event["id"], event["source"], *numbers, topic, event["type"], text)
    if event["type"] == "readpoint.epcis.v1":
        transition = "corrected" if "errorDeclaration" in data else data["readpoint:observation"]["transition"]
        thing, point = event["subject"], data["readPoint"]["id"]
        if max(len(thing.encode()), len(point.encode())) > INDEXED:
            thing = None  # a long code: the event is stored, its object is not placed
        made = Row(*made[:8], data["eventID"], thing, transition, point, micros(data["eventTime"]))
    fit("".join(value for value in made if isinstance(value, str)))
    if not 0 < made.sequence < 2**63 or len(made.source) > INDEXED // 4:
        raise ValueError("a number that is none, or a source with a name that is too long")
    if event["type"] == "readpoint.loss.v1" and data["from"] > data["to"]:
        raise ValueError("a range that ends before it begins")
    return made


def micros(time: str) -> int:
    """RFC 3339 → microseconds since 1970. ValueError for what no clock here shows: a leap second, the year 0."""
    return round(datetime.fromisoformat(time).timestamp() * 1e6)
