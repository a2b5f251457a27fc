"""Every message against the AsyncAPI document: the topic is one of its channels, the payload what travels there."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jsonschema_rs

from gateway.asyncapi import document


def violations(topic: str, payload: bytes) -> list[str]:
    """What the document does not allow, one sentence each."""
    found = next((rest for address, *rest in _channels() if address.fullmatch(topic)), None)
    if found is None:
        return [f"{topic} is no channel of the document"]
    single, batch = found
    read = json.loads(payload)
    validator = batch if isinstance(read, list) else single
    if validator is None:
        return [f"{topic}: no batch travels here"]
    return [f"{topic}: {error.instance_path}: {error.message}" for error in validator.iter_errors(read)]


def validator_of(message: str, components: dict[str, Any]) -> jsonschema_rs.Draft7Validator:
    """The validator of a message's payload; `components` are the document's."""
    reference = components["messages"][message]["payload"]
    return jsonschema_rs.Draft7Validator({"allOf": [reference], "components": components}, validate_formats=True)


@cache
def _channels() -> list[tuple[re.Pattern[str], jsonschema_rs.Draft7Validator, jsonschema_rs.Draft7Validator | None]]:
    made = document("0")
    found = []
    for channel in made["channels"].values():
        single, *batch = (validator_of(message, made["components"]) for message in channel["messages"])
        address = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(channel["address"]))
        found.append((re.compile(address), single, batch[0] if batch else None))
    return found
