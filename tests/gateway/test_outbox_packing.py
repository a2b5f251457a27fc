"""Payloads are read back as they were, packed or not, and a damaged one never does harm."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outbox import packing


@given(st.binary(max_size=5000).map(lambda rest: b"{" + rest))
def test_what_is_packed_is_unpacked(payload):
    assert packing.unpack(packing.pack(payload)) == payload
    assert packing.unpack(payload) == payload
    assert len(packing.pack(payload)) <= len(payload)


@given(st.binary(max_size=500))
def test_damage_is_a_value_error_or_some_bytes(stored):
    packing.readable(stored)
    packing.readable(b"\x01" + stored)


def test_a_damaged_one_says_so():
    with pytest.raises(ValueError, match="cannot be inflated"):
        packing.unpack(b"\x01\xff")


def test_the_dictionary_never_changes():
    """Files in the field were written with this very text."""
    digest = hashlib.sha256(packing._DICTIONARY).hexdigest()
    assert digest == "10da27f7e6c60321b52c0a1e644338ebbac36c3463ac8842f840db69202bfe37"
