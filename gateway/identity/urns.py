"""EPC URNs that a device or a file gives in place of a tag: instances, classes, patterns (TDS 2.3, 6 to 8). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

from gateway.identity.characters import plain, with_check_digit
from gateway.identity.elements import check
from gateway.identity.epc import decode, encode_urn
from gateway.identity.keys import key
from gateway.model import Identity

_URN = re.compile(r"urn:epc:(id|class|idpat):([a-z]+):([A-Za-z0-9%!'()*+,.:;=_-]+)")


def _gtin(company: str, reference: str) -> str:
    return _checked(reference[:1] + company + reference[1:], 13)


def _checked(digits: str, length: int) -> str:
    if len(digits) != length or not digits.isdecimal():
        raise ValueError(f"{digits!r} is not of {length} digits")
    return str(with_check_digit(int(digits))).zfill(length + 1)


_ELEMENTS: dict[tuple[str, str, int], Callable[..., dict[str, str]]] = {
    ("class", "lgtin", 3): lambda company, item, lot: {"01": _gtin(company, item), "10": lot},
    ("idpat", "sgtin", 3): lambda company, item, _: {"01": _gtin(company, item)},
    ("idpat", "grai", 3): lambda company, kind, _: {"8003": _checked(f"0{company}{kind}", 13)},
    ("idpat", "gdti", 3): lambda company, kind, _: {"253": _checked(company + kind, 12)},
    ("idpat", "sgcn", 3): lambda company, coupon, _: {"255": _checked(company + coupon, 12)},
    ("id", "upui", 3): lambda company, item, extension: {"01": _gtin(company, item), "235": extension},
    ("id", "pgln", 2): lambda company, party: {"417": _checked(company + party, 12)},
    ("id", "gsin", 2): lambda company, shipment: {"402": _checked(company + shipment, 16)},
    ("id", "ginc", 2): lambda company, consignment: {"401": company + consignment},
}
"""URNs that no tag holds → their element strings; of a pattern the last component is a star."""

_UNKEYED = {"bic": re.compile(r"[A-Z]{3}[JUZ][0-9]{7}"), "imovn": re.compile(r"[0-9]{7}")}
"""Instances that are no GS1 key: a freight container (ISO 6346), a vessel (TDS 2.3 sections 6.3.15 and 6.3.16)."""
_UNCODED = {scheme for kind, scheme, _ in _ELEMENTS if kind == "id"} | _UNKEYED.keys()


def parse(uri: str) -> Identity:
    """Whom an EPC URN names. ValueError says why it names nobody."""
    parts = _URN.fullmatch(uri)
    if parts is None:
        raise ValueError(f"{uri!r} is no EPC URN")
    if parts[1] != "id" or parts[2] in _UNCODED:
        return _other(uri, parts)
    found = decode(encode_urn(uri))
    if found.uri != uri:
        raise ValueError(f"{uri} is written {found.uri}")
    return Identity(uri, found.scheme, "instance", found.digital_link)


def _other(uri: str, parts: re.Match[str]) -> Identity:
    whole, scheme, body = parts.groups()
    if whole == "id" and scheme in _UNKEYED:
        if not _UNKEYED[scheme].fullmatch(body):
            raise ValueError(f"{uri} is no EPC URN of {scheme}")
        return Identity(uri, scheme, "instance")
    components = body.split(".", 2) if scheme in ("lgtin", "upui") else body.split(".")
    made = _ELEMENTS.get((whole, scheme, len(components)))
    if made is None or (whole == "idpat") != (components[-1] == "*"):
        raise ValueError(f"{uri} is no class and no instance")
    elements = made(*map(plain, components))
    for identifier, value in elements.items():
        check(identifier, value)
    found = key(elements)
    assert found is not None
    return Identity(uri, found.scheme, found.kind, found.link)
