"""GS1 ids as people write them, EPC URNs and Digital Links, → identities. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import msgspec

from gateway.identity import plus
from gateway.identity.characters import SET_82, has_check_digit, link_text, plain, with_check_digit
from gateway.identity.epc import decode, encode_link, encode_urn
from gateway.identity.parsed import HOST
from gateway.model import Identity

_KEYS = {row.ai: row.name for row in plus.SCHEMES if not row.dated and not row.hosted}
"""Primary keys of a Digital Link, and the coding that can hold each."""

_UNCODED = {"bic": re.compile(r"[A-Z]{3}[JUZ]\d{7}"), "imovn": re.compile(r"\d{7}")}
"""EPC schemes that no tag holds, but that name what stands in a port (TDS 2.3 sections 6.3.15 and 6.3.16)."""

_CLASS = re.compile(r"(\d{6,12})\.(\d{1,7})\.(.+)")
_LOT = 20
"""Characters of a batch or lot number (General Specifications section 3.4.1)."""


def named(text: str) -> Identity:
    """What the id names. ValueError says what is wrong with it."""
    for start, read in _FORMS.items():
        if text.startswith(start):
            return read(text)
    raise ValueError(
        f"{text!r} is no GS1 id: write an EPC URN, as in urn:epc:id:giai:9521141.pallet7, or a Digital Link, as in "
        f"{HOST}/8004/9521141pallet7"
    )


def _urn(text: str) -> Identity:
    scheme, _, body = text.removeprefix("urn:epc:id:").partition(":")
    uncoded = _UNCODED.get(scheme)
    if uncoded is not None:
        if not uncoded.fullmatch(body):
            raise ValueError(f"{text!r} is no EPC URN of {scheme}")
        return Identity(text, scheme, "instance")
    identity = decode(encode_urn(text))
    if identity.uri != text:
        raise ValueError(f"{text!r} is not written as the standard has it: {identity.uri}")
    return msgspec.structs.replace(identity, filter=None)


def _lot(text: str) -> Identity:
    """`urn:epc:class:lgtin:COMPANY.ITEM.LOT` (TDS 2.3 section 6.4.1)."""
    key, lot = _gtin(text, text.removeprefix("urn:epc:class:lgtin:"))
    return Identity(text, "lgtin", "class", f"{key}/10/{_lot_text(plain(lot))}")


def _every(text: str) -> Identity:
    """`urn:epc:idpat:sgtin:COMPANY.ITEM.*`: all that have this GTIN (TDS 2.3 section 8)."""
    key, serial = _gtin(text, text.removeprefix("urn:epc:idpat:sgtin:"))
    if serial != "*":
        raise ValueError(f"{text!r} is no class: it ends with .*")
    return Identity(text, "gtin", "class", key)


def _gtin(text: str, body: str) -> tuple[str, str]:
    """The Digital Link of a class's GTIN, and the rest."""
    found = _CLASS.fullmatch(body)
    if not found or len(found[1]) + len(found[2]) != 13 or not body.isascii():
        raise ValueError(f"{text!r} is no class of trade items: company prefix and item reference have 13 digits")
    company, item, rest = found.groups()
    digits = with_check_digit(int(item[0] + company + item[1:]))
    return f"{HOST}/01/{digits:014d}", rest


def _link(text: str) -> Identity:
    """A Digital Link of any host; what says more than the key (query, fragment) is not looked at."""
    parts = urlsplit(text).path.split("/")
    while parts and parts[0] not in _KEYS:
        parts.pop(0)
    if not parts:
        raise ValueError(f"{text!r} is no Digital Link: it has no GS1 key, as in {HOST}/8004/9521141pallet7")
    if parts[0] == "01" and "21" not in parts[2::2]:
        return _class(text, parts)
    if parts[0] == "8003" and len(parts) == 2 and len(parts[1]) == 14:
        _checked(parts[1])
        return Identity(f"{HOST}/8003/{parts[1]}", "grai", "class", f"{HOST}/8003/{parts[1]}")
    identity = decode(encode_link(f"{HOST}/{'/'.join(parts)}", _KEYS[parts[0]]))
    return msgspec.structs.replace(identity, filter=None)


def _class(text: str, parts: list[str]) -> Identity:
    """A GTIN, alone or with its batch or lot."""
    if len(parts) == 2:
        uri = f"{HOST}/01/{_checked(parts[1])}"
        return Identity(uri, "gtin", "class", uri)
    if len(parts) == 4 and parts[2] == "10":
        uri = f"{HOST}/01/{_checked(parts[1])}/10/{_lot_text(plain(parts[3]))}"
        return Identity(uri, "lgtin", "class", uri)
    raise ValueError(f"{text!r}: a GTIN stands alone, with its lot (/10/) or with its serial number (/21/)")


def _checked(key: str) -> str:
    if not re.fullmatch(r"[0-9]{14}", key):
        raise ValueError(f"{key!r} is not of 14 digits: fill it up with zeros in front")
    if not has_check_digit(key[:14]):
        raise ValueError(f"the check digit of {key} is wrong")
    return key


def _lot_text(lot: str) -> str:
    if not 1 <= len(lot) <= _LOT or not SET_82.issuperset(lot):
        raise ValueError(f"{lot!r} is no batch or lot: 1 to {_LOT} characters of GS1's set 82")
    return link_text(lot)


_FORMS: dict[str, Callable[[str], Identity]] = {
    "urn:epc:id:": _urn,
    "urn:epc:class:lgtin:": _lot,
    "urn:epc:idpat:sgtin:": _every,
    "https://": _link,
    "http://": _link,
}
