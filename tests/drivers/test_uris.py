"""Which texts are URIs, by RFC 3986, and what is said of the others."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.uris import is_uri, object_uri, remedy

GOOD = [
    "urn:epc:id:sgln:9521141.12345.dock1",
    "https://id.gs1.org/414/9521141111116?x=%C3%A4#there",
    "http://user@[2001:db8::1]:80/a//b",
    "mailto:a@b",
    "file:///etc/x",
    "x:/",
]
BAD = [
    "",
    "x",
    "x:",
    "1a:b",
    "urn:x:[a]",
    "urn:x:a b",
    "urn:x:%zz",
    "http://a:b:c/",
    "http://[1:2]/",
    "urn:x:ä",
    "a:\n",
]


@pytest.mark.parametrize("text", GOOD)
def test_a_uri(text: str) -> None:
    assert is_uri(text)


@pytest.mark.parametrize("text", BAD)
def test_no_uri(text: str) -> None:
    assert not is_uri(text)


@given(st.text(max_size=30).map("urn:x:y".__add__) | st.text(max_size=30))
def test_a_remedy_is_a_uri(text: str) -> None:
    if not is_uri(text) and (said := remedy(text)):
        assert is_uri(said.rpartition(": ")[2])
    assert not is_uri(text) or re.fullmatch(r"[\x21-\x7e]+", text)


def test_an_objects_id_says_what_to_write() -> None:
    with pytest.raises(ValueError, match="urn:x:stapler-%C3%BC"):
        object_uri("urn:x:stapler-ü")
    with pytest.raises(ValueError, match="as in urn:epc:id:giai"):
        object_uri("mailto:ü")
    assert object_uri("urn:x:y") == "urn:x:y"
