"""GS1 ids as people write them: URNs and Digital Links name the same objects as tags do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.identity.epc import decode, encode_link, encode_urn
from gateway.identity.named import named

LINK = "https://id.gs1.org"


@pytest.mark.parametrize(
    "urn",
    [
        "urn:epc:id:sgtin:0614141.812345.6789",
        "urn:epc:id:sgtin:0614141.812345.32a%2Fb",
        "urn:epc:id:sscc:952012.03456789123",
        "urn:epc:id:grai:0614141.12345.400",
        "urn:epc:id:giai:9521141.pallet7",
        "urn:epc:id:gid:31415.271828.1414",
    ],
)
def test_a_urn_names_what_a_tag_with_it_does(urn: str) -> None:
    tag, written = decode(encode_urn(urn)), named(urn)
    assert (written.uri, written.scheme, written.kind, written.filter) == (urn, tag.scheme, "instance", None)
    assert written.digital_link == tag.digital_link


def test_a_link_of_any_host_names_what_a_tag_with_it_does() -> None:
    tag = decode(encode_link(f"{LINK}/01/79521141123453/21/32a%2Fb", "sgtin+"))
    for link in (
        f"{LINK}/01/79521141123453/21/32a%2Fb",
        "http://brand.example/a/b/01/79521141123453/21/32a%2Fb?17=260101#x",
    ):
        assert named(link).uri == tag.uri
        assert named(link).kind == "instance"


@pytest.mark.parametrize(
    ("text", "scheme", "link"),
    [
        # GTIN 80614141123458: the worked example of TDS 2.3 for urn:epc:id:sgtin:0614141.812345.…
        ("urn:epc:idpat:sgtin:0614141.812345.*", "gtin", f"{LINK}/01/80614141123458"),
        ("urn:epc:class:lgtin:0614141.812345.L%2F1", "lgtin", f"{LINK}/01/80614141123458/10/L%2F1"),
        (f"{LINK}/01/80614141123458", "gtin", f"{LINK}/01/80614141123458"),
        (f"{LINK}/01/80614141123458/10/L%2F1", "lgtin", f"{LINK}/01/80614141123458/10/L%2F1"),
    ],
)
def test_classes(text: str, scheme: str, link: str) -> None:
    found = named(text)
    assert (found.kind, found.scheme, found.digital_link) == ("class", scheme, link)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no GS1 id"),
        ("952114112345", "write an EPC URN"),
        ("urn:epc:raw:96.xE28000000000000000000000", "is no GS1 id"),
        ("urn:epc:id:sgtin:0614141.12345.6789", "is not of 6 digits"),
        ("urn:epc:id:sgtin:0614141.812345.0001 x", "is no EPC URN"),
        ("urn:epc:id:sgtin:0614141.812345.1234567890123456789012", "cannot be written as"),
        ("urn:epc:id:giai:9521141.%07", "is outside set"),
        ("urn:epc:id:pallet:1", "is no EPC URN"),
        ("urn:epc:id:bic:csqu305438", "is no EPC URN of bic"),
        ("urn:epc:idpat:sgtin:0614141.812345.7", "is no class and no instance"),
        ("urn:epc:class:lgtin:0614141.12345.L1", "is not of 13 digits"),
        ("urn:epc:class:lgtin:0614141.812345.L%201", "AI 10 cannot be 'L 1'"),
        (f"{LINK}/01/80614141123457", "the check digit of 80614141123457 (AI 01) is wrong"),
        (f"{LINK}/01/4141123458", "AI 01 cannot be '4141123458'"),
        (f"{LINK}/01/80614141123457/21/1", "check digit"),
        (f"{LINK}/01/80614141123458/21/1/10/A", "cannot follow AI 01 so"),
        (f"{LINK}/01/80614141123458/10/", "AI 10 cannot be ''"),
        ("https://example.com/products/7", "it has no GS1 key"),
        ("https://[", "is no Digital Link"),
    ],
)
def test_what_is_no_id_says_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        named(text)


TEXT = """
urn:epc:id: urn:epc:class:lgtin: urn:epc:idpat:sgtin: https:// /01/ /8003/ /10/ /21/ sgtin: giai: . 0614141 812345
80614141123458 * %2F % \u0663 é // ? [
"""
PIECES = TEXT.split()


@given(st.one_of(st.text(), st.lists(st.sampled_from([*PIECES, " "])).map("".join)))
def test_any_text_is_an_id_or_a_value_error(text: str) -> None:
    try:
        found = named(text)
    except ValueError:
        return
    assert found.uri
    assert named(found.uri) == found, "the canonical form is one"
