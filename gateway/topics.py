"""MQTT topics of a segment: `readpoint/v1/{site}/{segment}/{gateway}.{segment}/{channel}[/{name}]`. Pure."""

from __future__ import annotations

from gateway.model import Channel

ROOT = "readpoint/v1"
_RESERVED = frozenset("/+#\0")


def topic(site: str, segment: str, gateway: str, channel: Channel, name: str | None = None) -> str:
    """Where messages of `channel` go; `name` is a read point or a device, None where the channel has no name.

    ValueError if a part holds a character that MQTT gives a meaning (MQTT 5.0 section 4.7): it would leave its level.
    """
    parts = (site, segment, f"{gateway}.{segment}", channel)
    return _join(parts if name is None else (*parts, name))


def ack_topic(site: str, segment: str, gateway: str) -> str:
    """Where the centre says what it has stored."""
    return _join((site, segment, f"{gateway}.{segment}", "ack"))


def request_topic(site: str, segment: str, gateway: str) -> str:
    """Where the centre asks for a snapshot or the state."""
    return _join((site, segment, f"{gateway}.{segment}", "request"))


def deliveries(topic: str) -> frozenset[str]:
    """What a broker may name it in a delivery: RabbitMQ, for whom a dot ends a level, makes two of the identity's.

    No other part of a topic holds a dot, so neither is another topic of the contract.
    """
    return frozenset({topic, topic.replace(".", "/")})


def _join(parts: tuple[str, ...]) -> str:
    for part in parts:
        if not part or not _RESERVED.isdisjoint(part):
            raise ValueError(f"{part!r} cannot be a level of an MQTT topic: it is empty or holds one of / + # NUL")
    return "/".join((ROOT, *parts))
