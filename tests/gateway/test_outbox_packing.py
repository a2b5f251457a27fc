"""Payloads are read back as they were, packed or not, and a damaged one never does harm."""

from __future__ import annotations

import hashlib
import zlib
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbox import packing

EVENT = (
    b'{"specversion":"1.0","stream":"rfid-3f2a5b6c","epoch":17,"sequence":"10232","clock":"synchronized",'
    b'"id":"urn:uuid:0192f7c1-6b2e-7c3a-9d11-3f2a5b6c7d8e","source":"urn:readpoint:dc1:gw-07.rfid",'
    b'"type":"readpoint.epcis.v1","subject":"urn:epc:id:sgtin:9521141.012345.4711","time":"2026-11-21T17:42:03.950Z",'
    b'"datacontenttype":"application/json","data":{"@context":['
    b'"https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",{"readpoint":"urn:readpoint:v1:",'
    b'"readpoint:observation":{"@id":"urn:readpoint:v1:observation","@type":"@json"}}],"type":"ObjectEvent",'
    b'"eventID":"urn:uuid:0192f7c1-6b2e-7c3a-9d11-3f2a5b6c7d8e","action":"OBSERVE",'
    b'"eventTime":"2026-11-21T17:42:02.950Z","recordTime":"2026-11-21T17:42:03.950Z","eventTimeZoneOffset":"+01:00",'
    b'"epcList":["urn:epc:id:sgtin:9521141.012345.4711"],"readPoint":{"id":"urn:epc:id:sgln:9521141.12345.aislea"},'
    b'"bizLocation":{"id":"urn:epc:id:sgln:9521141.12345.aislea"},"readpoint:observation":{"transition":"arrived",'
    b'"decidedAt":"2026-11-21T17:42:03.950Z","digitalLink":"https://id.gs1.org/01/09521141123454/21/4711","filter":1,'
    b'"firstSeen":"2026-11-21T17:42:01.950Z","lastSeen":"2026-11-21T17:42:02.950Z","reads":12,'
    b'"sources":[{"device":"dock-reader","antenna":3,"reads":12,"peakRssi":-55.50}]}}}'
)


@given(st.binary(max_size=5000).map(lambda rest: b"{" + rest))
def test_what_is_packed_is_unpacked(payload):
    assert packing.unpack(packing.pack(payload)) == payload
    assert packing.unpack(payload) == payload
    assert len(packing.pack(payload)) <= len(payload)


@given(st.binary(max_size=500))
def test_damage_is_a_value_error_or_some_bytes(stored):
    packing.readable(stored)
    for mark in (b"\x01", b"\x02"):
        packing.readable(mark + stored)


@given(st.integers(1, 150), st.integers(0, 7))
def test_a_flipped_bit_is_a_value_error_or_some_bytes(at, bit):
    stored = bytearray(packing.pack(EVENT))
    stored[at % len(stored)] ^= 1 << bit
    assert len(packing.readable(bytes(stored))) < 1 << 24


def test_a_usual_event_is_small():
    """That is what the dictionary is for, and rows on few pages are what makes commits cheap."""
    assert len(packing.pack(EVENT)) < len(EVENT) / 5


def test_what_earlier_versions_stored_is_read():
    deflate = zlib.compressobj(3, wbits=-12, zdict=packing._FRAGMENTS)
    assert packing.unpack(b"\x01" + deflate.compress(EVENT) + deflate.flush()) == EVENT


@pytest.mark.parametrize("mark", [b"\x01", b"\x02"])
def test_a_damaged_one_says_so(mark):
    with pytest.raises(ValueError, match=r"cannot be (inflated|decompressed)"):
        packing.unpack(mark + b"\xff")


def test_what_claims_to_be_huge_is_not_tried():
    """RFC 8878 section 3.1.1: a single segment of 2**40 bytes."""
    frame = b"\x28\xb5\x2f\xfd" + b"\xe0" + (1 << 40).to_bytes(8, "little") + b"\x01\x00\x00"
    with pytest.raises(ValueError, match="its size is none"):
        packing.unpack(b"\x02" + frame)


def test_threads_do_not_share_what_holds_state():
    """Each segment has a writer's thread."""
    with ThreadPoolExecutor(4) as pool:
        rounds = [EVENT.replace(b"4711", b"%d" % number) for number in range(2000)]
        assert list(pool.map(lambda payload: packing.unpack(packing.pack(payload)), rounds)) == rounds


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("dictionary-1.txt", "10da27f7e6c60321b52c0a1e644338ebbac36c3463ac8842f840db69202bfe37"),
        ("dictionary-2.zdict", "70a93ab63664722645d8d39f3a06fe640dd2995a6be3a7b7cc4380c1ef281cf5"),
    ],
)
def test_a_dictionary_never_changes(name, digest):
    """Files in the field were written with these very bytes."""
    dictionary = files("gateway.outbox").joinpath("schema", name).read_bytes()
    assert hashlib.sha256(dictionary).hexdigest() == digest
