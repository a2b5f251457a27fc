"""RuuviTag (docs.ruuvi.com): data formats 3 and 5 in manufacturer data 0x0499, 2 and 4 in a URL. Pure."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import Final

from drivers.ble.frames import GRAVITY, Frame, Malformed, Point, axes, by_address, humidity, temperature, voltage

_THREE: Final = struct.Struct(">xBBBHhhhH")
_FIVE: Final = struct.Struct(">xhHHhhhHBH6s")
_NO_ACCELERATION: Final = -32768
_UNKNOWN: Final = b"\xff" * 6


def ruuvi(data: bytes) -> Frame | None:
    """By its data format; another one goes by the sender's address, without values."""
    kind = data[0] if data else -1
    if kind == 3:
        return format_3(data)
    if kind == 5:
        return format_5(data)
    raise Malformed("a RuuviTag data format other than 3 and 5")


def format_3(data: bytes) -> Frame:
    """RAWv1: humidity, temperature, pressure, acceleration, voltage; no name."""
    if len(data) < _THREE.size:
        raise Malformed(f"{len(data)} bytes are too few for RuuviTag data format 3")
    wet, whole, cents, pressure, x, y, z, millivolts = _THREE.unpack_from(data)
    celsius = (whole & 0x7F) + cents / 100
    return Frame(
        points=(
            humidity(wet / 2),
            temperature(-celsius if whole & 0x80 else celsius),
            Point("pressure", (pressure + 50_000) / 100, "A97"),
            *axes(*(milli * GRAVITY / 1000 for milli in (x, y, z))),
            voltage(millivolts / 1000),
        )
    )


def format_5(data: bytes) -> Frame:
    """RAWv2: as RAWv1, finer, with a movement counter and the tag's address; what is not known is left out."""
    if len(data) < _FIVE.size:
        raise Malformed(f"{len(data)} bytes are too few for RuuviTag data format 5")
    celsius, wet, pressure, x, y, z, power, movements, _, address = _FIVE.unpack_from(data)
    points: list[Point] = []
    if wet != 0xFFFF:
        points.append(humidity(wet / 400))
    if celsius != -32768:
        points.append(temperature(celsius / 200))
    if pressure != 0xFFFF:
        points.append(Point("pressure", (pressure + 50_000) / 100, "A97"))
    if _NO_ACCELERATION not in (x, y, z):
        points += axes(*(milli * GRAVITY / 1000 for milli in (x, y, z)))
    if power >> 5 != 2047:
        points.append(voltage(1.6 + (power >> 5) / 1000))
    if movements != 255:
        points.append(Point("movements", float(movements), "C62"))
    return Frame(None if address == _UNKNOWN else by_address(address.hex()), tuple(points), rank=4)


def formats_2_and_4(reading: str) -> Frame:
    """Of the first firmware, in an Eddystone-URL: base64 behind the sharp; in 4 an id follows, too short for a name."""
    try:
        data = base64.urlsafe_b64decode(reading[:8].ljust(8, "A"))
    except (binascii.Error, ValueError):
        raise Malformed("no base64 behind ruu.vi/#") from None
    if len(reading) not in (8, 9) or len(data) != 6 or data[0] not in (2, 4):
        raise Malformed("no RuuviTag data format 2 or 4")
    pressure = (int.from_bytes(data[4:6], "big") + 50_000) / 100
    celsius = (data[2] & 0x7F) + data[3] / 100
    return Frame(
        points=(
            humidity(data[1] / 2),
            temperature(-celsius if data[2] & 0x80 else celsius),
            Point("pressure", pressure, "A97"),
        )
    )
