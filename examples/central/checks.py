"""What comes in against the contract: valid, from who it says, and fit for a database. No I/O but the schema's file.

`readpoint.asyncapi.json` is what `readpoint asyncapi --json` prints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs

COMPONENTS = json.loads(Path(__file__).with_name("readpoint.asyncapi.json").read_text())["components"]
VALIDATORS = {
    schema["properties"]["type"]["enum"][0]: jsonschema_rs.Draft7Validator(
        {"allOf": [{"$ref": f"#/components/schemas/{name}"}], "components": COMPONENTS}, validate_formats=True
    )
    for name, schema in COMPONENTS["schemas"].items()
    if "specversion" in schema.get("properties", {})
}


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


def topic_of(heard: str) -> str:
    """The contract's topic: RabbitMQ makes two levels of the identity, whose second is the segment again."""
    levels = heard.split("/")
    if len(levels) > 6 and levels[5] == levels[3] and "." not in levels[4]:
        levels[4:6] = [f"{levels[4]}.{levels[5]}"]
    return "/".join(levels)


def home_of(topic: str) -> str:
    """What the topics of a segment begin with, up to its identity."""
    return "/".join(topic.split("/")[:5])


def events(payload: bytes) -> list[Any]:
    """The events of one MQTT payload; what is no JSON is one text, which is no event."""
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError):
        read = payload.decode("utf-8", "replace")
    return read if isinstance(read, list) else [read]


def check(topic: str, event: Any) -> dict[str, Any]:
    """The event, which its type's schema and its topic allow. ValueError says what is wrong."""
    kind = event.get("type") if isinstance(event, dict) else None
    if not isinstance(kind, str) or kind not in VALIDATORS:
        raise ValueError(f"no type of message of ours: {kind!r}")
    for error in VALIDATORS[kind].iter_errors(event):
        raise ValueError(f"{error.instance_path}: {error.message}"[:500])
    _, _, site, _, identity, channel, *_ = topic.split("/")
    if event["source"] != f"urn:readpoint:{site}:{identity}" or kind.split(".")[1] != channel:
        raise ValueError(f"{kind} of {event['source']} came on {topic}")
    return dict(event)


def row(topic: str, event: dict[str, Any]) -> Row:
    """A checked, numbered event as the table takes it. ValueError for what no table takes: NUL, half characters."""
    data, text = event["data"], json.dumps(event, separators=(",", ":"))
    numbers = event["stream"], event["epoch"], int(event["sequence"])
    made = Row(event["id"], event["source"], *numbers, topic, event["type"], text)
    if event["type"] == "readpoint.epcis.v1":
        transition = "corrected" if "errorDeclaration" in data else data["readpoint:observation"]["transition"]
        place = data["eventID"], event["subject"], transition, data["readPoint"]["id"], micros(data["eventTime"])
        made = Row(*made[:8], *place)
    whole = "".join(value for value in made if isinstance(value, str))
    whole.encode()  # a half of a surrogate pair is a UnicodeEncodeError, which is a ValueError
    if "\0" in whole or not 0 < made.sequence < 2**63:
        raise ValueError("a NUL character, or a number that is none")
    return made


def micros(time: str) -> int:
    """RFC 3339 → microseconds since 1970."""
    return round(datetime.fromisoformat(time).timestamp() * 1e6)


def digest(ids: Iterable[str]) -> str:
    """That of a snapshot: SHA-256 over all ids sorted bytewise, each followed by LF."""
    return hashlib.sha256(b"".join(one + b"\n" for one in sorted(thing.encode() for thing in ids))).hexdigest()
