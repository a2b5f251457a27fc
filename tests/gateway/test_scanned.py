"""However a person or a scanner writes an object's name, it is the same object."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.scanned import known, scanned

SGTIN = "https://id.gs1.org/01/80614141123458/21/6789"
"""GTIN 80614141123458, serial 6789: the SGTIN-96 example of TDS 1.x to 2.3."""

SSCC = "https://id.gs1.org/00/095201234567891235"


@pytest.mark.parametrize(
    "text",
    [
        "3074257bf7194e4000001a85",
        "3074257BF7194E4000001A85",
        "3074 257B F719 4E40 0000 1A85",
        "30-74-25-7b-f7-19-4e-40-00-00-1a-85",
        "0x3074257bf7194e4000001a85",
        " 3074257bf7194e4000001a85\u00a0",
        '="3074257bf7194e4000001a85"',
        "'3074257bf7194e4000001a85",
        "urn:epc:id:sgtin:0614141.812345.6789",
        "urn:epc:tag:sgtin-96:3.0614141.812345.6789",
        SGTIN,
        "https://example.com/01/80614141123458/21/6789?17=261231",
        "]C10180614141123458216789",
        "]d2018061414112345821" + "6789\x1d17261231",
        "]Q3018061414112345821" + "6789<GS>17261231",
        "0180614141123458216789",
        "(01)80614141123458(21)6789",
        "(01)80614141123458(17)261231(21)6789",
    ],
)
def test_every_way_to_write_a_serialized_item(text: str) -> None:
    assert scanned(text) == SGTIN == known("urn:epc:id:sgtin:0614141.812345.6789")


@pytest.mark.parametrize(
    "text",
    ["095201234567891235", "00095201234567891235", "(00)095201234567891235", "urn:epc:id:sscc:952012.03456789123"],
)
def test_every_way_to_write_a_pallet(text: str) -> None:
    assert scanned(text) == SSCC


def test_digits_that_are_an_element_string_are_no_hex() -> None:
    """24 digits, of which 01 is no EPC's header: GTIN 09521141123454 with serial 123456."""
    assert scanned("010952114112345421123456") == "https://id.gs1.org/01/09521141123454/21/123456"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("e2806894000050061c5a1234", "urn:epc:raw:96.xE2806894000050061C5A1234"),
        ("PAL-0007", "urn:readpoint:code:PAL-0007"),
        ("c3:00:00:11:22:33", "urn:readpoint:ble:c30000112233"),
    ],
)
def test_what_has_no_gs1_key_is_known_by_what_it_is(text: str, key: str) -> None:
    assert scanned(text) == key == known(key)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3,07426E+27", "spreadsheet took the identifier for a number"),
        ("3.07e+27", "spreadsheet"),
        ("", "empty"),
        ("urn:epc:id:sgtin:1.2", "sgtin"),
    ],
)
def test_what_is_no_identifier_says_why(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        scanned(text)


@given(st.text(max_size=60))
def test_any_text_is_named_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert scanned(text)
