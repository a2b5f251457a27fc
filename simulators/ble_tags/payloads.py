"""What tags advertise, as BlueZ hands it on: manufacturer data by company, service data by 16-bit service. Pure."""

from __future__ import annotations

import struct
import uuid

import msgspec


class Payload(msgspec.Struct, frozen=True):
    """One advertisement without its address; `name` is the local name."""

    manufacturer: dict[int, bytes] = msgspec.field(default_factory=dict)
    service: dict[int, bytes] = msgspec.field(default_factory=dict)
    name: str | None = None


def ibeacon(proximity: uuid.UUID, major: int, minor: int, power: int = -59) -> Payload:
    """Apple's Proximity Beacon Specification."""
    return Payload({0x004C: b"\x02\x15" + proximity.bytes + struct.pack(">HHb", major, minor, power)})


def eddystone_uid(namespace: bytes, instance: bytes) -> Payload:
    """Eddystone-UID: 10 and 6 bytes."""
    return Payload(service={0xFEAA: b"\x00\xee" + namespace + instance + b"\0\0"})


def eddystone_tlm(millivolts: int, celsius: float) -> Payload:
    """Plain Eddystone-TLM."""
    return Payload(service={0xFEAA: struct.pack(">BBHhII", 0x20, 0, millivolts, round(celsius * 256), 1, 1)})


def ruuvi(address: str, celsius: float, humidity: float) -> Payload:
    """RuuviTag data format 5; acceleration and pressure unknown."""
    head = struct.pack(
        ">BhHHhhhHBH", 5, round(celsius * 200), round(humidity * 400), 0xFFFF, *(-32768,) * 3, 0xAC36, 1, 1
    )
    return Payload({0x0499: head + bytes.fromhex(address.replace(":", ""))})


def phone() -> Payload:
    """What a phone sends all the time: no tag of anyone's."""
    return Payload({0x004C: bytes.fromhex("10050b1c2d3e4f")})
