"""Beacons that say who they are: iBeacon, AltBeacon, Eddystone. Pure.

Sources: Apple's Proximity Beacon Specification, AltBeacon 1.0, github.com/google/eddystone protocol specification.
"""

from __future__ import annotations

import struct
import uuid
from typing import Final

from drivers.ble.frames import Frame, Malformed, Point, fixed, need, percent_encoded, temperature, voltage
from drivers.ble.ruuvi import formats_2_and_4

_ALTBEACON: Final = b"\xbe\xac"
_PROXIMITY: Final = b"\x02\x15"


def ibeacon(data: bytes) -> Frame | None:
    """Apple's manufacturer data (0x004C): type 0x02, length 0x15, UUID, major, minor, power at 1 m."""
    if not data.startswith(_PROXIMITY):
        return None
    need(data, 23)
    proximity = uuid.UUID(bytes=data[2:18])
    major, minor = struct.unpack_from(">HH", data, 18)
    return Frame(f"urn:readpoint:ibeacon:{proximity}:{major}:{minor}", rank=0)


def altbeacon(data: bytes) -> Frame | None:
    """Any company's manufacturer data: 0xBEAC, a beacon id of 20 bytes, power at 1 m, one reserved byte."""
    if not data.startswith(_ALTBEACON):
        return None
    need(data, 24)
    return Frame(f"urn:readpoint:ble:altbeacon:{data[2:22].hex()}", rank=3)


def eddystone(data: bytes) -> Frame | None:
    """Service data 0xFEAA: UID, URL, TLM; EID and encrypted TLM only their owner can resolve."""
    kind = data[0] if data else -1
    if kind == 0x00:
        need(data, 18, 20)
        return Frame(f"urn:readpoint:eddystone:{data[2:12].hex()}:{data[12:18].hex()}", rank=1)
    if kind == 0x10:
        return _url(data)
    if kind == 0x20:
        return _telemetry(data)
    if kind == 0x30:
        need(data, 10)
        return Frame(unresolved=True, by_address=False)
    raise Malformed("no Eddystone frame has this type")


def _telemetry(data: bytes) -> Frame:
    version = data[1] if len(data) > 1 else -1
    if version == 1:
        need(data, 14, 18)
        return Frame(unresolved=True, by_address=False)
    if version != 0:
        raise Malformed("no Eddystone-TLM has this version")
    need(data, 14)
    points: list[Point] = []
    millivolts = int.from_bytes(data[2:4], "big")
    if millivolts:
        points.append(voltage(millivolts / 1000))
    if data[4:6] != b"\x80\x00":
        points.append(temperature(fixed(data, 4)))
    # It says how a beacon is, not who: the name comes with the frame in turn with it.
    return Frame(points=tuple(points), by_address=False)


_SCHEMES: Final = ("http://www.", "https://www.", "http://", "https://")
_ENDINGS: Final = (".com", ".org", ".edu", ".net", ".info", ".biz", ".gov")
_RUUVI: Final = "ruu.vi/#"


def _url(data: bytes) -> Frame:
    if len(data) < 4 or data[2] >= len(_SCHEMES) or len(data) > 20:
        raise Malformed("no Eddystone-URL")
    url = _SCHEMES[data[2]] + "".join(map(_letter, data[3:]))
    where, found, reading = url.partition(_RUUVI)
    if found and where in _SCHEMES:
        # A RuuviTag with its first firmware: the rest is what it measured, and would be another name every minute.
        return formats_2_and_4(reading)
    return Frame(f"urn:readpoint:eddystone:url:{percent_encoded(url)}", rank=2)


def _letter(code: int) -> str:
    """Eddystone-URL's one-byte codes: endings with and without a slash, else ASCII."""
    if code < 14:
        return _ENDINGS[code % 7] + ("/" if code < 7 else "")
    if not 0x20 < code < 0x7F:
        raise Malformed("a character that no URL has")
    return chr(code)
