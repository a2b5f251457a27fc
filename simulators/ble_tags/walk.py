"""Tags that advertise at their own intervals while they wander under adapters. Pure: time and chance are given."""

from __future__ import annotations

import math
import random
import uuid
from collections.abc import Iterator, Sequence

import msgspec

from simulators.ble_tags.payloads import Payload, ibeacon, phone, ruuvi

PROXIMITY = uuid.UUID("e2c56db5-dffb-48d2-b060-d0f5a71096e0")
SPACING = 12.0
"""Metres between adapters."""

_AT_ONE_METRE, _EXPONENT, _SHADOW = -59.0, 2.1, 3.0
"""dBm, path-loss exponent, and dB of spread of one advertisement's level."""

_WEAKEST = -95.0


class Heard(msgspec.Struct, frozen=True):
    """One advertisement as one adapter hears it."""

    adapter: str
    address: str
    payload: Payload
    rssi: int
    random: bool = False


class _Tag(msgspec.Struct):
    address: str
    random: bool
    interval: float
    next: float
    place: float
    leaves: float
    serial: int
    """0: a phone; every fourth a sensor; else a beacon."""


class Floor:
    """So many tags, and one stranger's phone, under adapters in a row."""

    def __init__(self, adapters: Sequence[str], tags: int, interval: float, stay: float, seed: int, now: float) -> None:
        self._adapters = adapters
        self._stay = stay
        self._chance = random.Random(seed)  # noqa: S311 - a repeatable floor, no secret
        self._tags = [self._tag(serial, interval, now) for serial in range(tags + 1)]

    def _tag(self, serial: int, interval: float, now: float) -> _Tag:
        phone_like = serial == 0
        kind = 0x5F if phone_like else 0xC3
        address = f"{kind:02X}:23:3F:{serial >> 16 & 255:02X}:{serial >> 8 & 255:02X}:{serial & 255:02X}"
        chance = self._chance
        return _Tag(
            address, True, interval, now + chance.random() * interval, self._somewhere(), now + self._spell(), serial
        )

    def _somewhere(self) -> float:
        return self._chance.randrange(len(self._adapters)) * SPACING + self._chance.uniform(-3.0, 3.0)

    def _spell(self) -> float:
        return self._chance.expovariate(1 / self._stay)

    def advance(self, now: float) -> Iterator[Heard]:
        """What the adapters have heard until now."""
        for tag in self._tags:
            while tag.next <= now:
                if tag.next >= tag.leaves and len(self._adapters) > 1:
                    tag.place, tag.leaves = self._somewhere(), tag.next + self._spell()
                tag.next += tag.interval * self._chance.uniform(0.95, 1.05)
                yield from self._heard(tag, now)

    def _heard(self, tag: _Tag, now: float) -> Iterator[Heard]:
        payload = self._payload(tag, now)
        for number, adapter in enumerate(self._adapters):
            distance = max(1.0, math.hypot(tag.place - number * SPACING, 2.5))
            level = _AT_ONE_METRE - 10 * _EXPONENT * math.log10(distance) + self._chance.gauss(0.0, _SHADOW)
            if level > _WEAKEST:
                yield Heard(adapter, tag.address, payload, round(level), tag.random)

    def _payload(self, tag: _Tag, now: float) -> Payload:
        if tag.serial == 0:
            return phone()
        if tag.serial % 4 == 0:
            return ruuvi(tag.address, 20.0 + 3.0 * math.sin(now / 300 + tag.serial), 40.0)
        return ibeacon(PROXIMITY, 1, tag.serial % 65_536)
