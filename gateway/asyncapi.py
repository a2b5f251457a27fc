"""What the gateway says and hears over MQTT, as an AsyncAPI 3.0 document, from the types of the messages. Pure.

Without a site its topics have parameters; of a site, each segment has its own broker, topics and names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateway import payloads, topics
from gateway.config.site import Segment, Site
from gateway.messages import MAX_PAYLOAD
from gateway.uplink.batches import BATCH_TYPE, EVENT_TYPE
from gateway.uplink.requests import Ack, Request

Json = dict[str, Any]

_BINDING = "0.2.0"
"""Version of AsyncAPI's MQTT binding."""

_SCHEMAS = "#/components/schemas/{name}"


class _Way(msgspec.Struct, frozen=True):
    """A channel of the contract: what its last level names, which message, and how it travels."""

    message: str
    summary: str
    name: str | None = None
    send: bool = True
    batch: bool = False
    retain: bool = False


_WAYS: dict[str, _Way] = {
    "epcis": _Way("LocationEvent", "Location events: GS1 EPCIS 2.0 ObjectEvents.", "readPoint", batch=True),
    "telemetry": _Way("TelemetryEvent", "What devices measure.", "device", batch=True),
    "health": _Way(
        "HealthEvent", "Changes of state of a device; the present one again every 60 s.", "device", batch=True
    ),
    "loss": _Way("LossEvent", "Sequence numbers that are gone, and why.", batch=True),
    "snapshot": _Way("SnapshotEvent", "What is present in a zone, to compare with.", "readPoint"),
    "state": _Way("StateEvent", "`online` at connect and every 30 s; `offline` as Last Will.", retain=True),
    "ack": _Way("Ack", "The centre says what it has stored, and what it misses.", send=False),
    "request": _Way("Request", "The centre asks for a snapshot or for the state.", send=False),
}

_MEANINGS = {
    "site": "`gateway.site` of the site file.",
    "segment": "A segment of the site file.",
    "identity": "`{gateway}.{segment}`: certificate CN, MQTT Client ID and user.",
    "readPoint": "Name of a read point in the site file.",
    "device": "Name of a device in the site file.",
}


def document(version: str, site: Site | None = None) -> Json:
    """The AsyncAPI 3.0 document of gateways of this version, or of one site."""
    events = list(payloads.EVENTS.values())
    _, schemas = payloads.components([*events, Ack, Request], _SCHEMAS)
    parts = _general() if site is None else _of_site(site)
    return {
        "asyncapi": "3.0.0",
        "id": "urn:readpoint:v1",
        "info": {
            "title": "readpoint" if site is None else f"readpoint: {site.gateway.id} at {site.gateway.site}",
            "version": version,
            "description": (
                "Location events of a warehouse. Delivery is at least once: an event has the same `id` each time."
                " Order of delivery is not promised; `sequence` has no holes inside (`stream`, `epoch`)."
                " Accept members that are not described here: v1 only ever gains some."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": EVENT_TYPE,
        **parts,
        "components": {
            "schemas": schemas | _batches(),
            "messages": _messages(),
            "securitySchemes": {
                "certificate": {
                    "type": "X509",
                    "description": "A client certificate whose CN is the identity; the broker takes it as the user.",
                }
            },
        },
    }


def _general() -> Json:
    server = {
        "host": "{host}:{port}",
        "protocol": "secure-mqtt",
        "protocolVersion": "5",
        "description": "The broker of a segment.",
        "variables": {"host": {"description": "As in `uplink.url`."}, "port": {"default": "8883"}},
        "security": [{"$ref": "#/components/securitySchemes/certificate"}],
        "bindings": {"mqtt": _session("{identity}", "readpoint/v1/{site}/{segment}/{identity}/state", 20.0)},
    }
    prefix = "readpoint/v1/{site}/{segment}/{identity}"
    channels = {
        channel: _channel(channel, prefix, ["broker"], dict.fromkeys(("site", "segment", "identity"), ()))
        for channel in _WAYS
    }
    return {"servers": {"broker": server}, "channels": channels, "operations": _operations(channels)}


def _of_site(site: Site) -> Json:
    servers, channels = {}, {}
    for segment in site.segments.values():
        identity = site.identity(segment.name)
        prefix = topics.topic(site.gateway.site, segment.name, site.gateway.id, "state").removesuffix("/state")
        servers[segment.name] = _server(segment, identity, prefix)
        names = _names(site, segment)
        for channel, way in _WAYS.items():
            if way.name is None or names[channel]:
                channels[f"{segment.name}-{channel}"] = _channel(
                    channel, prefix, [segment.name], {}, names.get(channel, ()), batch=segment.uplink.batch
                )
    return {"servers": servers, "channels": channels, "operations": _operations(channels)}


def _names(site: Site, segment: Segment) -> Mapping[str, list[str]]:
    """What may stand at the end of the topics of a channel."""
    devices = sorted(device.name for device in site.devices.values() if device.segment == segment.name)
    points = segment.rules.read_points
    zones = sorted(name for name, point in points.items() if point.kind == "zone")
    return {"epcis": sorted(points), "snapshot": zones, "telemetry": devices, "health": devices}


def _server(segment: Segment, identity: str, prefix: str) -> Json:
    uplink = segment.uplink
    server: Json = {
        "host": f"{uplink.host}:{uplink.port}",
        "protocol": "secure-mqtt" if uplink.secure else "mqtt",
        "protocolVersion": uplink.protocol,
        "description": f"The broker of segment {segment.name}.",
        "bindings": {"mqtt": _session(identity, f"{prefix}/state", uplink.keepalive)},
    }
    if uplink.secure:
        server["security"] = [{"$ref": "#/components/securitySchemes/certificate"}]
    return server


def _session(identity: str, will: str, keepalive: float) -> Json:
    return {
        "clientId": identity,
        "cleanSession": True,
        "keepAlive": round(keepalive),
        "sessionExpiryInterval": 0,
        "lastWill": {"topic": will, "qos": 1, "message": "A StateEvent whose state is offline.", "retain": True},
        "bindingVersion": _BINDING,
    }


def _channel(
    channel: str,
    prefix: str,
    servers: list[str],
    parameters: Mapping[str, Sequence[str]],
    names: Sequence[str] = (),
    *,
    batch: bool = True,
) -> Json:
    way = _WAYS[channel]
    address, known = f"{prefix}/{channel}", dict(parameters)
    if way.name is not None:
        address, known = f"{address}/{{{way.name}}}", known | {way.name: names}
    messages = {way.message: {"$ref": f"#/components/messages/{way.message}"}}
    if way.batch and batch:
        messages[f"{way.message}Batch"] = {"$ref": f"#/components/messages/{way.message}Batch"}
    made: Json = {
        "address": address,
        "summary": way.summary,
        "servers": [{"$ref": f"#/servers/{server}"} for server in servers],
        "messages": messages,
    }
    if known:
        made["parameters"] = {
            name: {"description": _MEANINGS[name], **({"enum": list(values)} if values else {})}
            for name, values in known.items()
        }
    return made


def _operations(channels: Mapping[str, Json]) -> Json:
    """From the gateway's point of view: what it sends, what it receives."""
    operations = {}
    for key, channel in channels.items():
        way = _WAYS[key.rpartition("-")[2]]
        operations[f"{'send' if way.send else 'receive'}-{key}"] = {
            "action": "send" if way.send else "receive",
            "channel": {"$ref": f"#/channels/{key}"},
            "summary": way.summary,
            "messages": [{"$ref": f"#/channels/{key}/messages/{message}"} for message in channel["messages"]],
            "bindings": {"mqtt": {"qos": 1, "retain": way.retain, "bindingVersion": _BINDING}},
        }
    return operations


def _messages() -> Json:
    found = {}
    for way in _WAYS.values():
        kind = EVENT_TYPE if way.send else "application/json"
        found[way.message] = _message(way.message, kind, way.summary)
        if way.batch:
            found[f"{way.message}Batch"] = _message(
                f"{way.message}Batch", BATCH_TYPE, f"Several at once, at most {MAX_PAYLOAD // 1000} kB. {way.summary}"
            )
    return found


def _message(name: str, content_type: str, summary: str) -> Json:
    return {
        "name": name,
        "summary": summary,
        "contentType": content_type,
        "payload": {"$ref": f"#/components/schemas/{name}"},
        "bindings": {"mqtt": {"payloadFormatIndicator": 1, "contentType": content_type, "bindingVersion": _BINDING}},
    }


def _batches() -> Json:
    """CloudEvents' JSON batch format."""
    return {
        f"{way.message}Batch": {
            "title": f"{way.message}Batch",
            "type": "array",
            "minItems": 1,
            "items": {"$ref": f"#/components/schemas/{way.message}"},
        }
        for way in _WAYS.values()
        if way.batch
    }
