"""What comes in against the contract: valid, from who it says, and fit for a database. No I/O but the schema's file.

`readpoint.asyncapi.json` is what `readpoint asyncapi --json` prints.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jsonschema_rs

COMPONENTS = json.loads(Path(__file__).with_name("readpoint.asyncapi.json").read_text())["components"]
VALIDATORS = {
    schema["properties"]["type"]["enum"][0]: jsonschema_rs.Draft7Validator(
        {"allOf": [{"$ref": f"#/components/schemas/{name}"}], "components": COMPONENTS}, validate_formats=True
    )
    for name, schema in COMPONENTS["schemas"].items()
    if "specversion" in schema.get("properties", {})
}

WRONG = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What a message that means harm can make Python raise: that message is refused, and nothing else."""

PAGES = 1000
"""Of a snapshot: 200,000 objects need a tenth."""


def topic_of(heard: str) -> str:
    """The contract's topic: RabbitMQ makes two levels of the identity, whose second is the segment again."""
    levels = heard.split("/")
    if len(levels) > 6 and levels[5] == levels[3] and "." not in levels[4]:
        levels[4:6] = [f"{levels[4]}.{levels[5]}"]
    return "/".join(levels)


def home_of(topic: str) -> str:
    """What the topics of a segment begin with, up to its identity."""
    return "/".join(topic.split("/")[:5])


def source_of(home: str) -> str:
    """Of the segment whose topics begin so."""
    levels = home.split("/")
    return f"urn:readpoint:{levels[2]}:{levels[4]}"


def events(payload: bytes) -> list[Any]:
    """The events of one MQTT payload: none where one that was retained is cleared; what is no JSON is one text."""
    if not payload:
        return []
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError):  # and bytes that are no UTF-8 are a ValueError too
        read = payload.decode("utf-8", "replace")
    return read if isinstance(read, list) else [read]


def check(topic: str, event: Any) -> dict[str, Any]:
    """The event, which its type's schema and its topic allow. ValueError says what is wrong."""
    kind = event.get("type") if isinstance(event, dict) else None
    if not isinstance(kind, str) or kind not in VALIDATORS:
        raise ValueError(f"no type of message of ours: {kind!r}")
    for error in VALIDATORS[kind].iter_errors(event):
        raise ValueError(f"{error.instance_path}: {error.message}"[:500])
    _, _, _, segment, identity, channel, *_ = topic.split("/")
    ours = event["source"] == source_of(topic) and identity.endswith(f".{segment}")
    if not ours or kind.split(".")[1] != channel:
        raise ValueError(f"{kind} of {event['source']} came on {topic}")
    if kind == "readpoint.snapshot.v1":
        data = event["data"]
        if not data["page"] <= data["pages"] <= PAGES or int(data["asOf"]["sequence"]) >= 2**63:
            raise ValueError(f"more than {PAGES} pages, or a number that is none")
    return dict(event)


def digest(ids: Iterable[str]) -> str:
    """That of a snapshot: SHA-256 over all ids sorted bytewise, each followed by LF."""
    return hashlib.sha256(b"".join(one + b"\n" for one in sorted(thing.encode() for thing in ids))).hexdigest()
