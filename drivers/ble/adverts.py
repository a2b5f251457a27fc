"""Advertisements → what they say: the tag's identity URI and what it measured. Pure, and never surprised.

Core Specification Supplement part A names the structures of an advertisement; each format says where it comes from.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import Final

import msgspec

from drivers.ble import beacons, vendors
from drivers.ble.bthome import bthome
from drivers.ble.frames import Decoder, Format, Frame, Keys
from drivers.ble.ruuvi import ruuvi

_BASE: Final = "-0000-1000-8000-00805f9b34fb"
"""Bluetooth's base UUID, of which 16-bit numbers are short for (Core, volume 3 part B 2.5.1)."""


class Advert(msgspec.Struct, frozen=True, gc=False):
    """One advertisement as it was heard: payloads by company number and by service UUID (128 bits, lower case).

    `random`: the address is a random one; `rssi` in dBm, None where the receiver gives none.
    """

    address: str
    manufacturer: Mapping[int, bytes]
    service: Mapping[str, bytes]
    name: str | None = None
    rssi: float | None = None
    random: bool = False

    @property
    def stable(self) -> bool:
        """Whether the address names the sender: public, or random and static (Core, volume 6 part B 1.3)."""
        return not self.random or self.address[:1] in "CDEFcdef"


class Heard(msgspec.Struct, frozen=True, gc=False):
    """What an advertisement says in formats that are asked for; `broken`: which, why, its bytes."""

    frames: tuple[Frame, ...] = ()
    broken: tuple[tuple[Format, str, bytes], ...] = ()


_COMPANIES: Final[dict[int, tuple[tuple[Format, Decoder], ...]]] = {
    0x004C: (("ibeacon", beacons.ibeacon),),
    0x015D: (("estimote", vendors.nearable),),
    0x0499: (("ruuvi", ruuvi),),
    0x0757: (("ela", vendors.ela),),
    0x094F: (("mikrotik", vendors.mikrotik),),
}
_SERVICES: Final[dict[str, tuple[Format, Decoder]]] = {
    f"0000feaa{_BASE}": ("eddystone", beacons.eddystone),
    f"0000ffe1{_BASE}": ("minew", vendors.minew),
    f"0000fe6a{_BASE}": ("kontakt", vendors.kontakt),
    f"0000fe9a{_BASE}": ("estimote", vendors.estimote),
}
_BTHOME: Final = f"0000fcd2{_BASE}"
_ALTBEACON: Final[tuple[tuple[Format, Decoder], ...]] = (("altbeacon", beacons.altbeacon),)


def understand(advert: Advert, formats: Collection[Format], keys: Keys) -> Heard:
    """All frames of these formats in an advertisement. Never raises: what breaks its format's rules is `broken`."""
    frames: list[Frame] = []
    broken: list[tuple[Format, str, bytes]] = []
    for name, decode, data in _candidates(advert, keys):
        if name not in formats:
            continue
        try:
            frame = decode(data)
        except (ValueError, struct.error, IndexError) as error:
            broken.append((name, str(error), data))
        else:
            if frame is not None:
                frames.append(frame)
    return Heard(tuple(frames), tuple(broken))


def _candidates(advert: Advert, keys: Keys) -> Iterator[tuple[Format, Decoder, bytes]]:
    for company, data in advert.manufacturer.items():
        for name, decode in _COMPANIES.get(company, ()) + _ALTBEACON:
            yield name, decode, data
    for service, data in advert.service.items():
        if service in _SERVICES:
            yield *_SERVICES[service], data
        elif service == _BTHOME:
            yield "bthome", partial(bthome, address=advert.address, keys=keys), data


SHORT_NAME, NAME, SERVICE_DATA, MANUFACTURER_DATA = 0x08, 0x09, 0x16, 0xFF
"""Types of AD structures (Bluetooth Assigned Numbers 2.3)."""

Pattern = tuple[int, int, bytes]
"""Where it starts in an AD structure's data, the structure's type, and what stands there."""

_PATTERNS: Final[dict[Format, tuple[Pattern, ...]]] = {
    "ibeacon": ((0, MANUFACTURER_DATA, b"\x4c\x00\x02\x15"),),
    "eddystone": ((0, SERVICE_DATA, b"\xaa\xfe"),),
    "altbeacon": ((2, MANUFACTURER_DATA, b"\xbe\xac"),),  # behind any company's number
    "ruuvi": ((0, MANUFACTURER_DATA, b"\x99\x04"),),
    "bthome": ((0, SERVICE_DATA, b"\xd2\xfc"),),
    "minew": ((0, SERVICE_DATA, b"\xe1\xff\xa1"),),
    "ela": ((0, MANUFACTURER_DATA, b"\x57\x07"),),
    "kontakt": ((0, SERVICE_DATA, b"\x6a\xfe"),),
    "mikrotik": ((0, MANUFACTURER_DATA, b"\x4f\x09"),),
    "estimote": ((0, SERVICE_DATA, b"\x9a\xfe"), (0, MANUFACTURER_DATA, b"\x5d\x01")),
}


def patterns(formats: Collection[Format], names: Collection[str]) -> list[Pattern]:
    """What a passive scan listens for: any of them suffices. A name's pattern ends at its first wildcard."""
    found = [pattern for name in formats for pattern in _PATTERNS[name]]
    for name in names:
        start = name[: min((name.find(sign) for sign in "*?[" if sign in name), default=len(name))].encode()
        found += [(0, NAME, start), (0, SHORT_NAME, start)] if start else []
    return found


def parse(data: bytes, address: str = "00:00:00:00:00:00", rssi: float | None = None) -> Advert:
    """An advertisement's own bytes (AD structures) → its parts; what is cut short ends it."""
    manufacturer: dict[int, bytes] = {}
    service: dict[str, bytes] = {}
    name: str | None = None
    at = 0
    while at + 1 < len(data) and data[at]:
        kind, content = data[at + 1], data[at + 2 : at + 1 + data[at]]
        if len(content) < data[at] - 1:
            break
        if kind == MANUFACTURER_DATA and len(content) >= 2:
            manufacturer[int.from_bytes(content[:2], "little")] = content[2:]
        elif kind == SERVICE_DATA and len(content) >= 2:
            service[f"{int.from_bytes(content[:2], 'little'):08x}{_BASE}"] = content[2:]
        elif kind in (NAME, SHORT_NAME):
            name = content.decode("utf-8", "replace")
        at += 1 + data[at]
    return Advert(address, manufacturer, service, name, rssi)
