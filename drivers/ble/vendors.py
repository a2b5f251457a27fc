"""Tags of single makers: Minew, ELA Innovation, Kontakt.io, MikroTik, Estimote. Pure.

Sources: Minew MiniBeaconPlus manual; docs.elainnovation.com frame specifications; developer.kontakt.io packets;
help.mikrotik.com tag advertisement formats; github.com/Estimote/estimote-specs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from drivers.ble.frames import (
    GRAVITY,
    SENDER,
    Frame,
    Malformed,
    Point,
    axes,
    battery,
    by_address,
    fixed,
    humidity,
    need,
    signed,
    temperature,
    voltage,
)

_MINEW_LENGTHS: Final = {0x01: 13, 0x02: 10, 0x03: 15}


def minew(data: bytes) -> Frame | None:
    """Service data 0xFFE1, which others use too: 0xA1, the frame's kind, battery, values, the tag's address."""
    if len(data) < 2 or data[0] != 0xA1:
        return None
    kind = data[1]
    if kind == 0x08:
        if len(data) < 9:
            raise Malformed("too short for an info frame")
        return _minew(data, 3, ())
    if kind not in _MINEW_LENGTHS:
        return SENDER
    need(data, _MINEW_LENGTHS[kind])
    if kind == 0x01:
        return _minew(data, 7, (temperature(fixed(data, 3)), humidity(fixed(data, 5))))
    if kind == 0x02:
        return _minew(data, 4, (Point("light", data[3] > 0),))
    return _minew(data, 9, axes(*(fixed(data, at) * GRAVITY for at in (3, 5, 7))))


def _minew(data: bytes, at: int, points: tuple[Point, ...]) -> Frame:
    return Frame(by_address(data[at : at + 6][::-1].hex()), (battery(min(data[2], 100)), *points), rank=4)


def _switch(name: str) -> Callable[[bytes], tuple[Point, ...]]:
    """ELA's states: bit 0 now, above it how often it has changed."""

    def points(data: bytes) -> tuple[Point, ...]:
        word = int.from_bytes(data[:2], "little")
        return Point(name, bool(word & 1)), Point(f"{name}_count", float(word >> 1), "C62")

    return points


_ELA: Final[dict[int, tuple[int, Callable[[bytes], tuple[Point, ...]]]]] = {
    0x12: (2, lambda data: (temperature(signed(data, 0) / 100),)),
    0x21: (1, lambda data: (humidity(data[0]),)),
    0x32: (2, _switch("magnet")),
    0x42: (2, _switch("motion")),
    0x56: (6, lambda data: axes(*(signed(data, at) * GRAVITY / 1000 for at in (0, 2, 4)))),
    0x62: (2, _switch("input")),
    0x92: (2, _switch("presence")),
    0xB2: (2, _switch("touch")),
    0xF1: (1, lambda data: (battery(data[0]),)),
    0xF2: (2, lambda data: (voltage(int.from_bytes(data[:2], "little") / 1000),)),
}


def ela(data: bytes) -> Frame | None:
    """Manufacturer data 0x0757 (firmware 2.0.0 and later): type, value, and so on; type 0x06 is the tag's number."""
    if not data:
        raise Malformed("empty")
    if data[0] == 0x06:
        need(data, 7)
        return Frame(by_address(data[1:7].hex()), rank=4)
    points: list[Point] = []
    at = 0
    while at < len(data) and data[at] in _ELA:
        size, read = _ELA[data[at]]
        if len(data) < at + 1 + size:
            raise Malformed(f"type 0x{data[at]:02x} is cut short")
        points += read(data[at + 1 : at + 1 + size])
        at += 1 + size
    return Frame(points=tuple(points))


def kontakt(data: bytes) -> Frame | None:
    """Service data 0xFE6A: profile (0x02), telemetry (0x03), location (0x05); the shuffled profile (0x01) hides."""
    kind = data[0] if data else -1
    if kind == 0x01:
        return Frame(unresolved=True, by_address=False)
    if kind == 0x02:
        return _unique(data, 6, (battery(min(data[4], 100)),) if len(data) > 4 and data[4] != 0xFF else ())
    if kind == 0x05:
        return _unique(data, 5, ())
    if kind == 0x03:
        return Frame(points=_telemetry(data[1:]))
    raise Malformed("no Kontakt.io packet has this identifier")


def _unique(data: bytes, at: int, points: tuple[Point, ...]) -> Frame:
    """Named by the unique ID that is printed on the beacon."""
    name = data[at:].decode("ascii", "replace")
    if not name.isalnum() or not 3 <= len(name) <= 16:
        raise Malformed("no unique ID")
    return Frame(f"urn:readpoint:ble:kontakt:{name}", points, rank=4)


def _telemetry(data: bytes) -> tuple[Point, ...]:
    points: list[Point] = []
    at = 0
    while at < len(data):
        size = data[at]
        field = data[at + 1 : at + 1 + size]
        if size == 0 or len(field) < size:
            raise Malformed("a telemetry field is cut short")
        points += _field(field[0], field[1:])
        at += 1 + size
    return tuple(points)


def _accelerometer(data: bytes) -> tuple[Point, ...]:
    """Sensitivity in mg a digit, then x, y, z."""
    return axes(*(_int8(data, at) * data[0] * GRAVITY / 1000 for at in (1, 2, 3)))


def _int8(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 1], "big", signed=True)


_KONTAKT: Final[dict[int, tuple[int, Callable[[bytes], tuple[Point, ...]]]]] = {
    0x01: (5, lambda data: (battery(data[4]),) if data[4] <= 100 else ()),
    0x02: (4, _accelerometer),
    0x05: (2, lambda data: (Point("light", float(data[0]), "P1"), temperature(_int8(data, 1)))),
    0x06: (4, _accelerometer),
    0x0A: (1, lambda data: (Point("light", float(data[0]), "P1"),)),
    0x0B: (1, lambda data: (temperature(_int8(data, 0)),)),
    0x0C: (1, lambda data: (battery(data[0]),) if data[0] <= 100 else ()),
    0x12: (1, lambda data: (humidity(data[0]),)),
    0x13: (2, lambda data: (temperature(signed(data, 0) / 256),)),
}


def _field(kind: int, data: bytes) -> tuple[Point, ...]:
    size, read = _KONTAKT.get(kind, (0, None))
    return read(data) if read is not None and len(data) >= size else ()


_MIKROTIK_FLAGS: Final = ("reed", "tilt", "free_fall", "impact_x", "impact_y", "impact_z")


def mikrotik(data: bytes) -> Frame | None:
    """Manufacturer data 0x094F, version 1: acceleration and temperature in 8.8 fixed point, flags, battery."""
    need(data, 18)
    if data[0] != 1:
        raise Malformed("a version other than 1")
    if data[1] & 1:
        return Frame(unresolved=True)
    points = [*axes(*(signed(data, at) / 256 for at in (4, 6, 8)))] if not data[16] & 0x40 else []
    if signed(data, 10) != -32768:
        points.append(temperature(signed(data, 10) / 256))
    points += [Point(name, bool(data[16] >> bit & 1)) for bit, name in enumerate(_MIKROTIK_FLAGS)]
    return Frame(points=(*points, battery(min(data[17], 100))))


def estimote(data: bytes) -> Frame | None:
    """Service data 0xFE9A: telemetry of versions 0 to 2, named by the first half of its identifier."""
    if len(data) != 20 or data[0] & 0x0F != 2:
        return None
    name = Frame(f"urn:readpoint:ble:estimote:{data[1:9].hex()}", rank=4)
    if data[0] >> 4 > 2:
        return name
    if data[9] & 0x03 == 0:
        acceleration = (_int8(data, at) * 2 / 127 * GRAVITY for at in (10, 11, 12))
        moving = Point("motion", data[15] & 0x03 == 1)
        return Frame(name.uri, (*axes(*acceleration), moving), name.rank)
    return Frame(name.uri, _estimote_b(data), name.rank)


def _estimote_b(data: bytes) -> tuple[Point, ...]:
    bits = int.from_bytes(data[15:19], "little")
    points: list[Point] = []
    celsius = bits >> 6 & 0xFFF
    millivolts = bits >> 18 & 0x3FFF
    if celsius != 0xFFF:
        points.append(_estimote_temperature(celsius))
    if millivolts != 0x3FFF:
        points.append(voltage(millivolts / 1000))
    if data[0] >> 4 and data[19] != 0xFF:
        points.append(battery(min(data[19], 100)))
    return tuple(points)


def _estimote_temperature(word: int) -> Point:
    """12 bits, signed, in 1/16 °C."""
    return temperature((word - 4096 if word > 2047 else word) / 16)


def nearable(data: bytes) -> Frame | None:
    """Estimote's stickers, manufacturer data 0x015D: identifier, temperature, whether it moves."""
    if len(data) < 15 or data[0] != 1:
        return None
    celsius = int.from_bytes(data[11:13], "little") & 0xFFF
    points = (
        _estimote_temperature(celsius),
        Point("motion", bool(data[13] & 0x40)),
    )
    return Frame(f"urn:readpoint:ble:estimote:{data[1:9].hex()}", points, rank=4)
