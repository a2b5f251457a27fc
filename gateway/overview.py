"""How a segment is, in one value: `status`, the page and the metrics only render it. Times are Unix seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.health import DeviceHealth
from gateway.model import TransitionKind


class UplinkView(msgspec.Struct, frozen=True, rename="camel"):
    """The way to the broker."""

    broker: str
    protocol: str
    state: str
    cause: str = ""
    since: float = 0.0
    in_flight: int = 0
    published: int = 0
    events: int = 0
    held: int = 0
    refused: dict[str, int] = {}
    acks: int = 0
    """Receipts of the centre that were taken."""
    ignored: int = 0
    """What the centre said that could not be true, or was too much."""
    repeated: int = 0
    """Events sent again because the centre asked for them."""
    unheard: int = 0
    """Publications that the broker took although nobody listens."""
    unanswered: int = 0
    """Publications that a connection took with it."""
    connects: int = 0
    """Connections that were made."""
    given_up: dict[str, int] = {}
    """Events that became dead letters since the start, by reason."""
    alarm: str | None = None
    promise: str = ""
    """What a PUBACK is worth, where it is less than a consumer's receipt at the broker (MQTT 3.1.1)."""


class OutboxView(msgspec.Struct, frozen=True, rename="camel"):
    """The durable queue."""

    stream: str
    epoch: int
    pending: int = 0
    sent: int = 0
    dead: int = 0
    confirmed: int = 0
    """The sequence of this epoch up to which the centre has everything."""
    stored: int = 0
    """Events stored since the start."""
    corrupt: int = 0
    """Rows that were found damaged since the start."""
    commits: int = 0
    oldest: float | None = None
    size: int = 0
    max_size: int = 0
    full: bool = False
    cause: str = ""
    hours: float | None = None
    """How long the room lasts at the present rate while nothing is sent; None while that is not known."""
    saved: str = ""
    """What became of a damaged file that was set aside at the start."""


class LocationView(msgspec.Struct, frozen=True, rename="camel"):
    """What came in and what was decided since the start."""

    reads: int = 0
    decided: int = 0
    events: dict[TransitionKind, int] = {}
    """What was decided, by transition."""
    present: int = 0
    late: int = 0
    unplaced: int = 0
    ignored: int = 0
    weak: int = 0
    gated: int = 0
    strays: int = 0
    future: int = 0
    refused: int = 0
    gates: dict[str, bool] = {}
    """Whether the signal of each gated read point is on."""
    waiting: int = 0
    dropped: int = 0
    shedding: bool = False
    """Some of them in the last quarter of an hour."""
    identities: int = 0
    """Rows of the identity map."""
    orphans: int = 0
    """Identifiers without a GS1 id that are listed."""


class ClockView(msgspec.Struct, frozen=True, rename="camel"):
    """This machine's clock."""

    state: Literal["synchronized", "holdover", "unset"] = "holdover"
    offset: float = 0.0
    """Seconds by which it is, or was until it was set within the last minute, believed to be off."""
    alone: float = 0.0
    """Seconds since a time service had it in hand."""
    alarm: str | None = None


class Overview(msgspec.Struct, frozen=True, rename="camel"):
    """One segment of the running gateway."""

    segment: str
    identity: str
    version: str
    pid: int
    since: float
    configuration: str
    uplink: UplinkView
    outbox: OutboxView
    location: LocationView
    devices: tuple[DeviceHealth, ...] = ()
    plain_devices: tuple[str, ...] = ()
    clock: ClockView = ClockView()
