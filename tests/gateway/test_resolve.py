"""The resolver's memory and names, and what accept and ignore patterns fit."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.contract import Read
from gateway.identity.accept import matches
from gateway.identity.epc import decode
from gateway.identity.resolve import Resolver
from gateway.model import Identity

SGTIN = bytes.fromhex("3074257BF7194E4000001A85")
SSCC = Identity("urn:epc:id:sscc:952012.03456789123", "sscc", "instance", "https://id.gs1.org/00/095201234567891235")
RAW = Identity("urn:epc:raw:96.xE2806894000050061C5A1234", "raw", "instance")


def read(value: bytes, **fields: Any) -> Read:
    return Read(**{"scheme": "epc", "value": value, "time": 0.0, **fields})


def test_a_tag_is_decoded_once_while_it_is_remembered() -> None:
    resolver = Resolver(capacity=4)
    first = resolver.resolve(read(SGTIN, pc=0x3000))
    assert first == decode(SGTIN, 0x3000)
    for number in range(50):
        resolver.resolve(read(bytes([0xE2, number] + [0] * 10), pc=0x3000))
        assert resolver.resolve(read(SGTIN, pc=0x3000)) is first
        assert len(resolver) <= 4


def test_memory_is_bounded_and_what_is_forgotten_is_decoded_again() -> None:
    resolver = Resolver(capacity=8)
    first = resolver.resolve(read(SGTIN))
    for number in range(1000):
        resolver.resolve(read(number.to_bytes(12, "big")))
        assert len(resolver) <= 8
    again = resolver.resolve(read(SGTIN))
    assert again == first
    assert again is not first


def test_the_pc_word_counts_where_the_identity_depends_on_it() -> None:
    resolver = Resolver()
    epc = resolver.resolve(read(SGTIN, pc=0x3000))
    # User memory and extended PC indicators say nothing of the object.
    assert resolver.resolve(read(SGTIN, pc=0x3600)) is epc
    assert resolver.resolve(read(SGTIN, pc=0x30A2)).scheme == "sgtin"
    assert resolver.resolve(read(SGTIN, pc=0x31A2)).scheme == "afi"
    assert resolver.resolve(read(SGTIN, pc=0x2800)).scheme == "raw"
    assert resolver.resolve(read(SGTIN)) == epc


def test_a_beacon_that_is_named_already_keeps_its_name() -> None:
    uri = "urn:readpoint:ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2"
    assert Resolver().resolve(read(uri.encode(), scheme="beacon")) == Identity(uri, "ibeacon", "instance")
    odd = Resolver().resolve(read(b"urn:readpoint:ibeacon:a b", scheme="beacon"))
    assert odd.uri == "urn:readpoint:ble:urn%3Areadpoint%3Aibeacon%3Aa%20b"


def test_codes_and_beacons_have_names_of_their_own() -> None:
    resolver = Resolver()
    code = resolver.resolve(read(b"]A0 A/1\x1d", scheme="code"))
    assert (code.uri, code.scheme, code.kind) == ("urn:readpoint:code:%20A%2F1%1D", "code", "code")
    assert resolver.resolve(read(b"\xc0\xff", scheme="beacon")).uri == "urn:readpoint:ble:%C0%FF"
    assert resolver.resolve(read(SGTIN, scheme="code")).scheme == "code"


@pytest.mark.parametrize(
    ("identity", "patterns", "fits"),
    [
        (SSCC, ("sscc",), True),
        (SSCC, ("SSCC",), True),
        (SSCC, ("sgtin", "grai"), False),
        (SSCC, ("urn:epc:id:sscc:952012.*",), True),
        (SSCC, ("https://id.gs1.org/00/0952012*",), True),
        (SSCC, ("urn:epc:id:sscc:952013.*",), False),
        (SSCC, ("*",), True),
        (SSCC, (), False),
        (RAW, ("urn:epc:raw:96.xE280*",), True),
        (RAW, ("raw",), True),
        (RAW, ("https://*",), False),
    ],
)
def test_patterns(identity: Identity, patterns: tuple[str, ...], fits: bool) -> None:  # noqa: FBT001 - a table's column
    assert matches(identity, patterns) is fits
