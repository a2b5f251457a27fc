"""BTHome v2 (bthome.io/format), plain and encrypted, in service data 0xFCD2. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from drivers.ble.frames import Frame, Keys, Malformed, Point

_UUID: Final = b"\xd2\xfc"
_ENCRYPTED, _VERSION = 0x01, 0b111_00000
_COUNTER, _MIC = 4, 4
_TEXTS: Final = {0x53, 0x54}
_MOST: Final = 32
"""Values of one advertisement; an extended one could hold a hundred."""


class _Kind(NamedTuple):
    name: str | None
    size: int
    signed: bool = False
    factor: float = 1.0
    uom: str | None = None


_KINDS: Final = {
    0x00: _Kind(None, 1),
    0x01: _Kind("battery", 1, uom="P1"),
    0x02: _Kind("temperature", 2, True, 0.01, "CEL"),
    0x03: _Kind("humidity", 2, False, 0.01, "P1"),
    0x04: _Kind("pressure", 3, False, 0.01, "A97"),
    0x05: _Kind("illuminance", 3, False, 0.01, "LUX"),
    0x06: _Kind("mass", 2, False, 0.01, "KGM"),
    0x07: _Kind("mass_lb", 2, False, 0.01, "LBR"),
    0x08: _Kind("dewpoint", 2, True, 0.01, "CEL"),
    0x09: _Kind("count", 1, uom="C62"),
    0x0A: _Kind("energy", 3, False, 0.001, "KWH"),
    0x0B: _Kind("power", 3, False, 0.01, "WTT"),
    0x0C: _Kind("voltage", 2, False, 0.001, "VLT"),
    0x0D: _Kind("pm2_5", 2, uom="GQ"),
    0x0E: _Kind("pm10", 2, uom="GQ"),
    0x12: _Kind("co2", 2, uom="59"),
    0x13: _Kind("tvoc", 2, uom="GQ"),
    0x14: _Kind("moisture", 2, False, 0.01, "P1"),
    0x2E: _Kind("humidity", 1, uom="P1"),
    0x2F: _Kind("moisture", 1, uom="P1"),
    0x3A: _Kind("button", 1),
    0x3C: _Kind("dimmer", 2),
    0x3D: _Kind("count", 2, uom="C62"),
    0x3E: _Kind("count", 4, uom="C62"),
    0x3F: _Kind("rotation", 2, True, 0.1, "DD"),
    0x40: _Kind("distance", 2, False, 0.001, "MTR"),
    0x41: _Kind("distance", 2, False, 0.1, "MTR"),
    0x42: _Kind("duration", 3, False, 0.001, "SEC"),
    0x43: _Kind("current", 2, False, 0.001, "AMP"),
    0x44: _Kind("speed", 2, False, 0.01, "MTS"),
    0x45: _Kind("temperature", 2, True, 0.1, "CEL"),
    0x46: _Kind("uv_index", 1, False, 0.1),
    0x47: _Kind("volume", 2, False, 0.1, "LTR"),
    0x48: _Kind("volume", 2, False, 0.001, "LTR"),
    0x49: _Kind("volume_flow", 2, False, 0.001, "MQH"),
    0x4A: _Kind("voltage", 2, False, 0.1, "VLT"),
    0x4B: _Kind("gas", 3, False, 0.001, "MTQ"),
    0x4C: _Kind("gas", 4, False, 0.001, "MTQ"),
    0x4D: _Kind("energy", 4, False, 0.001, "KWH"),
    0x4E: _Kind("volume", 4, False, 0.001, "LTR"),
    0x4F: _Kind("water", 4, False, 0.001, "LTR"),
    0x50: _Kind(None, 4),
    0x51: _Kind("acceleration", 2, False, 0.001, "MSK"),
    0x52: _Kind("gyroscope", 2, False, 0.001, "E96"),
    0x55: _Kind("volume_storage", 4, False, 0.001, "LTR"),
    0x56: _Kind("conductivity", 2, uom="G42"),
    0x57: _Kind("temperature", 1, True, 1.0, "CEL"),
    0x58: _Kind("temperature", 1, True, 0.35, "CEL"),
    0x59: _Kind("count", 1, True, uom="C62"),
    0x5A: _Kind("count", 2, True, uom="C62"),
    0x5B: _Kind("count", 4, True, uom="C62"),
    0x5C: _Kind("power", 4, True, 0.01, "WTT"),
    0x5D: _Kind("current", 2, True, 0.001, "AMP"),
    0x5E: _Kind("direction", 2, False, 0.01, "DD"),
    0x5F: _Kind("precipitation", 2, False, 0.1, "MMT"),
    0x60: _Kind("channel", 1),
    0x61: _Kind("rotational_speed", 2, uom="RPM"),
    0xF0: _Kind(None, 2),
    0xF1: _Kind(None, 4),
    0xF2: _Kind(None, 3),
}
_BINARY: Final = dict(
    enumerate(
        [
            *("battery_low", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door", "garage_door"),
            *("gas", "heat", "light", "lock", "moisture_detected", "motion", "moving", "occupancy", "plug"),
            *("presence", "problem", "running", "safety", "smoke", "sound", "tamper", "vibration", "window"),
        ],
        start=0x15,
    )
) | {0x0F: "state", 0x10: "power_on", 0x11: "opening"}


def bthome(data: bytes, address: str, keys: Keys) -> Frame:
    """The frame of a sender; an encrypted one whose key is not known gives nothing but that it was heard.

    Objects behind one of an unknown kind are left: their number rises, so that old receivers read what they know.
    """
    if not data or data[0] & _VERSION != 0b010_00000:
        raise Malformed("not BTHome version 2")
    if not data[0] & _ENCRYPTED:
        return Frame(points=_points(data[1:]))
    key = keys.get(address.replace(":", "").lower())
    if key is None:
        return Frame(unresolved=True)
    return Frame(points=_points(_decrypted(data, bytes.fromhex(address.replace(":", "")), key)))


@lru_cache(maxsize=1024)
def _cipher(key: bytes) -> AESCCM:
    return AESCCM(key, tag_length=_MIC)


def _decrypted(data: bytes, address: bytes, key: bytes) -> bytes:
    if len(data) < 1 + _COUNTER + _MIC:
        raise Malformed("too short to be encrypted")
    counter = data[-_COUNTER - _MIC : -_MIC]
    cipher = data[1 : -_COUNTER - _MIC] + data[-_MIC:]
    try:
        return _cipher(key).decrypt(address + _UUID + data[:1] + counter, cipher, None)
    except InvalidTag:
        raise Malformed("its key does not fit: wrong key, or somebody else speaks in its name") from None


def _points(data: bytes) -> tuple[Point, ...]:
    points: list[Point] = []
    for name, value, uom in _objects(data):
        again = sum(point.name == name or point.name.startswith(f"{name}_") for point in points)
        points.append(Point(f"{name}_{again + 1}" if again else name, value, uom))
        if len(points) == _MOST:
            break
    return tuple(points)


def _objects(data: bytes) -> Iterator[tuple[str, float | bool, str | None]]:
    at = 0
    while at < len(data):
        number = data[at]
        if number in _TEXTS:
            at += 2 + (data[at + 1] if at + 1 < len(data) else 0)
            continue
        kind = _Kind(_BINARY[number], 1) if number in _BINARY else _KINDS.get(number)
        if kind is None:
            return
        raw = data[at + 1 : at + 1 + kind.size]
        if len(raw) < kind.size:
            raise Malformed(f"object 0x{number:02x} is cut short")
        at += 1 + kind.size
        value = int.from_bytes(raw, "little", signed=kind.signed)
        if number in _BINARY:
            yield _BINARY[number], bool(value), None
        elif kind.name is not None:
            yield kind.name, round(value * kind.factor, 4), kind.uom
