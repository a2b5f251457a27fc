"""What of a checked message is stored, and how the table takes it. No I/O."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

NUMBERED = {"readpoint.epcis.v1", "readpoint.telemetry.v1", "readpoint.loss.v1"}
"""Types whose every message has a place in its stream; of health only the changes have."""

LONGEST = 64
"""Characters of a stream's name, which the `ack` has to repeat."""


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
    of_data = event["type"] in ("readpoint.loss.v1", "readpoint.state.v1")
    found = ({event["stream"]} if numbered(event) else set()) | ({event["data"]["stream"]} if of_data else set())
    for stream in found:
        fit(stream)
        if len(stream) > LONGEST:
            raise ValueError(f"the name of a stream has more than {LONGEST} characters")
    return found


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
        place = data["eventID"], event["subject"], transition, data["readPoint"]["id"], micros(data["eventTime"])
        made = Row(*made[:8], *place)
    fit("".join(value for value in made if isinstance(value, str)))
    if not 0 < made.sequence < 2**63:
        raise ValueError("a number that is none")
    if event["type"] == "readpoint.loss.v1" and data["from"] > data["to"]:
        raise ValueError("a range that ends before it begins")
    return made


def micros(time: str) -> int:
    """RFC 3339 → microseconds since 1970. ValueError for what no clock here shows: a leap second, the year 0."""
    return round(datetime.fromisoformat(time).timestamp() * 1e6)
