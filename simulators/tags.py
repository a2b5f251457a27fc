"""EPCs to put on simulated goods (GS1 TDS 2.3, sections 14.6.1 and 14.6.2; company prefix of 7 digits)."""

from __future__ import annotations

COMPANY = 9521141
"""The company prefix on simulated goods: 952 is GS1's range for demonstrations."""

_PARTITION = 5  # 24 bits of company prefix


def sscc_96(serial: int, company: int = COMPANY) -> bytes:
    """A logistic unit (SSCC-96): `serial` is extension digit and serial reference, 10 digits."""
    return _pack((0x31, 8), (2, 3), (_PARTITION, 3), (company, 24), (serial, 34), (0, 24))


def sgtin_96(item: int, serial: int, company: int = COMPANY) -> bytes:
    """A trade item (SGTIN-96): `item` is indicator digit and item reference, 6 digits; `serial` below 2**38."""
    return _pack((0x30, 8), (2, 3), (_PARTITION, 3), (company, 24), (item, 20), (serial, 38))


def tid(number: int) -> bytes:
    """A serialised 96-bit TID of an Impinj Monza R6 (class E2, mask designer 001, model 160)."""
    return bytes.fromhex("e2801160") + (0x20007000_00000000 + number).to_bytes(8, "big")


def _pack(*fields: tuple[int, int]) -> bytes:
    value = width = 0
    for number, bits in fields:
        if number >> bits:
            raise ValueError(f"{number} does not fit in {bits} bits")
        value, width = value << bits | number, width + bits
    return value.to_bytes(width // 8, "big")
