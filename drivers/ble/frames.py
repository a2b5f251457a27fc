"""What an advertisement's payload says, whatever its format: the tag's name, if any, and its measurements. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, get_args
from urllib.parse import quote

import msgspec

Format = Literal[
    "ibeacon", "eddystone", "altbeacon", "ruuvi", "bthome", "minew", "ela", "kontakt", "mikrotik", "estimote"
]

FORMATS: Final[tuple[Format, ...]] = get_args(Format)

Value = float | bool | str

UNNAMED: Final = 9
"""The rank of what gives no name."""

LONGEST_NAME: Final = 60
"""Bytes of a local name by which a tag may go."""


class Malformed(ValueError):
    """The payload claims to be of a format and breaks its rules. The message says which rule."""


class Point(msgspec.Struct, frozen=True, gc=False):
    """One measured value; `uom` is a UN/ECE Rec 20 code."""

    name: str
    value: Value
    uom: str | None = None


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One payload, understood.

    `uri` is the name that the payload itself gives, None if it gives none; of several names of one sender the lowest
    `rank` counts. `by_address`: a sender without another name goes by its address. `unresolved`: there is a name in it
    that only its owner can read.
    """

    uri: str | None = None
    points: tuple[Point, ...] = ()
    rank: int = UNNAMED
    by_address: bool = True
    unresolved: bool = False


Decoder = Callable[[bytes], Frame | None]
"""Payload behind the company's or service's number → its frame; None: it is another format's. Raises `Malformed`."""

Keys = Mapping[str, bytes]
"""Address (12 hex digits) → 16-byte key."""

GRAVITY: Final = 9.80665
"""m/s² (ISO 80000-3)."""

SENDER: Final = Frame()
"""Understood, and neither a name nor a value in it: the sender goes by its address."""


def by_address(address: str) -> str:
    """The URI of a tag that goes by a Bluetooth address, however that is written."""
    return f"urn:readpoint:ble:{address.replace(':', '').lower()}"


def percent_encoded(text: str) -> str:
    """Fit for a part of our URIs: of what RFC 3986 leaves as it is, all but the tilde."""
    return quote(text, safe="", errors="replace").replace("~", "%7E")


def need(data: bytes, *lengths: int) -> bytes:
    """The payload, if it has one of these lengths."""
    if len(data) not in lengths:
        raise Malformed(f"{len(data)} bytes instead of {' or '.join(map(str, lengths))}")
    return data


def fixed(data: bytes, at: int) -> float:
    """Signed 8.8 fixed point, big endian."""
    return int.from_bytes(data[at : at + 2], "big", signed=True) / 256


def signed(data: bytes, at: int) -> int:
    """Signed 16 bits, little endian."""
    return int.from_bytes(data[at : at + 2], "little", signed=True)


def axes(*values: float) -> tuple[Point, ...]:
    """Acceleration along x, y, z in m/s²."""
    return tuple(
        Point(f"acceleration_{axis}", round(value, 4), "MSK") for axis, value in zip("xyz", values, strict=True)
    )


def temperature(value: float) -> Point:
    """In °C."""
    return Point("temperature", round(value, 3), "CEL")


def humidity(value: float) -> Point:
    """Relative, in percent."""
    return Point("humidity", round(value, 3), "P1")


def battery(percent: float) -> Point:
    """What is left, in percent."""
    return Point("battery", float(percent), "P1")


def voltage(volts: float) -> Point:
    """Of the battery."""
    return Point("voltage", round(volts, 3), "VLT")
