"""`signals:` of a device with outputs: what they show, on a stack light or a horn."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from drivers.contract import Positive, Settings
from gateway.config.models import DeviceKeys
from gateway.signals import EVENTS, Rule

SHORTEST = 0.1
"""Seconds that an output is on at least: relays and eyes are slow."""


def _long_enough(value: float) -> float:
    if value < SHORTEST:
        raise ValueError(f"is too short to be seen: write {SHORTEST * 1000:g}ms or more")
    return value


class Output(Settings):
    """An output of the device, and how long it is on."""

    gpo: Annotated[int, Field(ge=1, le=65535)]
    """Number of the output, from 1."""
    hold: Annotated[Positive, AfterValidator(_long_enough)] | None = Field(None, alias="for")
    """How long it is on; default 3 s for an event, for `offline` as long as that lasts."""
    read_points: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | None = None
    """Whose events these are; default those of the read points that this device feeds."""
    invert: bool = False
    """Off where it would be on, and the other way round: for lights that are to shine when nothing works any more."""


Outputs = Output | Annotated[tuple[Output, ...], Field(strict=False)]


class Signals(Settings):
    """What the device's outputs show: an event, once it is stored, or that something is offline."""

    arrived: Outputs | None = None
    """An object has come into a zone."""
    moved: Outputs | None = None
    """An object has come into a zone from another one."""
    departed: Outputs | None = None
    """An object has left a zone."""
    passed: Outputs | None = None
    """An object has passed a portal, in or out."""
    unknown: Outputs | None = None
    """An object has passed a portal, nobody knows in which direction."""
    observed: Outputs | None = None
    """An object was seen at a checkpoint."""
    offline: Outputs | None = None
    """The segment's uplink is not connected, or one of its devices is offline."""


class SwitchedKeys(DeviceKeys):
    """What a device with outputs has beside its driver's own settings."""

    signals: Signals | None = None
    """What its outputs show: a stack light, a horn."""


def rules(signals: Signals, fed: frozenset[str]) -> tuple[Rule, ...]:
    """The rules of a device that feeds these read points."""
    made = []
    for event in EVENTS:
        given: Output | tuple[Output, ...] = getattr(signals, event) or ()
        for one in (given,) if isinstance(given, Output) else given:
            points = fed if one.read_points is None else frozenset(one.read_points)
            made.append(Rule(event, one.gpo, frozenset() if event == "offline" else points, one.hold, one.invert))
    return tuple(made)
