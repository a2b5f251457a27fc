"""Identifiers as hand scanners and spreadsheets give them → the key by which an object is known. Pure."""

from __future__ import annotations

import re
from contextlib import suppress

from drivers.observations import Read
from gateway.identity.elements import SEPARATOR
from gateway.identity.mapping import key, source
from gateway.identity.resolve import identify

_FORMULA = re.compile(r'="(.*)"', re.DOTALL)
"""How a spreadsheet is kept from taking digits for a number."""

_SEPARATORS = re.compile(r"<GS>|\{GS\}|\\x1d|\u241d", re.IGNORECASE)
"""What keyboards and editors make of 0x1D."""

_BRACKETED = re.compile(r"(?:\(\d{2,4}\)[^()]+)+")
_FIELD = re.compile(r"\((\d{2,4})\)([^()]+)")
"""An element string as it stands below a bar code (GS1 General Specifications 4.14): (01)09521141123454(21)A1."""

_TAG = re.compile(r"urn:epc:tag:([a-z]+)-[0-9a-z]+:[0-7]\.(.+)")
"""The tag URI of an EPC (TDS 2.3, section 12): the pure identity with length and filter value."""

_SPACED_HEX = re.compile(r"(?:0x)?[0-9A-Fa-f][0-9A-Fa-f\s:-]{22,}")


def scanned(text: str) -> str:
    """The key of what was scanned or typed: the same however the object is named, as `mapping.key`. ValueError: none.

    EPC memory in hex, an EPC URN or tag URI, a Digital Link, an element string with or without AIM identifier or with
    brackets, a beacon; anything else is a code as it stands.
    """
    text = text.strip().strip("\ufeff\u00a0")
    formula = _FORMULA.fullmatch(text)
    text = _SEPARATORS.sub(SEPARATOR, formula[1] if formula else text.removeprefix("'")).strip(" \t\u00a0")
    tag = _TAG.fullmatch(text)
    if tag is not None:
        return source(f"urn:epc:id:{tag[1]}:{tag[2]}")
    return _elements(text) or source(_hex(text))


def _elements(text: str) -> str | None:
    """Of an element string without the AIM identifier that would say so; None if it is none."""
    if _BRACKETED.fullmatch(text):
        fields = SEPARATOR.join(identifier + value for identifier, value in _FIELD.findall(text))
        text = f"]C1{fields}"
    elif not text.isascii() or not text.isdigit():
        return None
    # Digits alone may be hex as well: an EPC's header is neither 00 nor 01 (TDS 2.3, section 14.2).
    identity = identify(Read("code", text.encode(), 0.0))
    return None if identity.scheme == "code" else key(identity)


def _hex(text: str) -> str:
    if not _SPACED_HEX.fullmatch(text):
        return text
    bare = re.sub(r"[\s:-]|0x", "", text)
    with suppress(ValueError):
        bytes.fromhex(bare)
        return bare if len(bare) >= 24 else text
    return text


def known(uri: str) -> str:
    """The key of an object that is present, by its URI."""
    try:
        return source(uri)
    except ValueError:
        return uri
