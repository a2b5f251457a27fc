"""What a scanner sent → identity. Pure, and never raises: what is not understood is a code with its bytes in the scan.

An AIM symbology identifier (ISO/IEC 15424) in front says what the symbol was; without one only what carries a valid
check digit, or separators, is taken for GS1's.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from contextlib import suppress
from urllib.parse import quote

import msgspec

from gateway.identity import digital_link, urns
from gateway.identity.characters import has_check_digit, link_text
from gateway.identity.elements import SEPARATOR, Elements, day, faults, parse
from gateway.identity.keys import Key, key
from gateway.identity.parsed import HOST
from gateway.model import Detailed, Identity

_AIM = re.compile(rb"\][A-Za-z][0-9A-Za-z]")
_GS1 = frozenset(("]C1", "]d2", "]Q3", "]e0", "]J1"))
"""GS1-128, GS1 DataMatrix, GS1 QR Code, GS1 DataBar and composites, GS1 DotCode."""
_ITF = frozenset(("]I0", "]I1"))
_EAN = re.compile(r"(\d{13})(?:\|\]e0(.+))?", re.DOTALL)
_EAN_ADD_ON = re.compile(r"(\d{13})(\d{2}|\d{5})")
_UPC_E = re.compile(r"[01]\d{7}")
_EAN_8 = re.compile(r"(\d{8})(?:\|\]e0(.+))?", re.DOTALL)
_NUMBER = re.compile(r"\d{8}|\d{12,14}|\d{18}")
_BARE = re.compile(r"0[01]\d{14}")
_NET_WEIGHT = re.compile(r"310([0-5])")
_DAYS = {"17": "expiry", "15": "bestBefore", "16": "sellBy", "11": "produced", "13": "packed"}

LONGEST = 8_192
"""Bytes that go out as they are: more than any symbol holds (QR Code 40-L: 7,089 digits). Of longer ones the digest."""


class _Scan(msgspec.Struct, frozen=True, gc=False):
    """A scan taken apart."""

    aim: str | None
    data: bytes
    elements: Elements
    problem: str | None


def identify(value: bytes) -> Identity:
    """The object, class or code that a scan names; also of URIs that drivers give: Digital Links and EPC URNs."""
    if value.startswith(b"urn:epc:"):
        with suppress(ValueError):  # what begins as a URN and is none is a code like any other
            return urns.parse(value.decode("ascii"))
    scan = _take_apart(value)
    name = key(scan.elements)
    if name is None:
        return Detailed(_code(scan.data), "code", "code", scan=_told(scan, value))
    if value == name.link.encode():
        return Identity(name.link, name.scheme, name.kind, name.link)
    quantity, uom = _quantity(name, scan.elements)
    return Detailed(name.link, name.scheme, name.kind, name.link, scan=_told(scan, value), quantity=quantity, uom=uom)


def _take_apart(value: bytes) -> _Scan:
    found = _AIM.match(value)
    aim, data = (found[0].decode(), value[3:]) if found else (None, value)
    problem = None
    elements: Elements = {}
    if len(value) <= LONGEST:
        try:
            elements = _elements(aim, data.decode("ascii"))
            problem = "; ".join(faults(elements)) or None
        except UnicodeDecodeError:
            problem = "a GS1 symbol holds ASCII alone" if aim in _GS1 else None
        except ValueError as error:
            problem = str(error)
    return _Scan(aim, data, elements, problem)


def _elements(aim: str | None, data: str) -> Elements:
    """Element strings of any carrier; none where the symbol is not GS1's. ValueError where it is, but broken."""
    if aim in _GS1:
        return parse(data)
    if aim in ("]E0", "]E3", "]E4"):
        return _ean(aim, data)
    if data[:4].lower() == "http":
        return digital_link.parse(data) or {}
    if aim is None:
        return _unmarked(data)
    return _number(data) if aim in _ITF and len(data) == 14 else {}


def _ean(aim: str, data: str) -> Elements:
    """EAN-13, UPC-A and UPC-E as 13 digits, EAN-8 as 8, with an add-on or a composite component."""
    if aim == "]E0" and _UPC_E.fullmatch(data):
        data = _expanded(data)
    pattern = {"]E0": _EAN, "]E3": _EAN_ADD_ON, "]E4": _EAN_8}[aim]
    found = pattern.fullmatch(data)
    if found is None:
        raise ValueError(f"{aim} is followed by {8 if aim == ']E4' else 13} digits, not by {data[:40]!r}")
    number = found[1].zfill(14)
    if not has_check_digit(number):
        raise ValueError(f"the check digit of {found[1]} is wrong")
    more = parse(found[2]) if aim != "]E3" and found[2] else {}
    if more.get("01", number) != number:
        raise ValueError("the composite component names another GTIN")
    return {"01": number, **more}


def _expanded(data: str) -> str:
    """UPC-E as a scanner sends it that does not expand it, as 13 digits (General Specifications 5.2.2.4.2)."""
    system, digits, last, check = data[0], data[1:6], data[6], data[7]
    if last in "012":
        number = f"{digits[:2]}{last}0000{digits[2:]}"
    elif last in "34":
        kept = int(last)
        number = f"{digits[:kept]}00000{digits[kept:]}"
    else:
        number = f"{digits}0000{last}"
    return f"0{system}{number}{check}"


def _unmarked(data: str) -> Elements:
    """Without an AIM identifier: separators, or a check digit that is right, tell GS1's from others."""
    if SEPARATOR in data:
        return parse(data)
    numbered = _number(data)
    if numbered or not _BARE.match(data):
        return numbered
    try:
        return parse(data)
    except ValueError:
        return {}


def _number(data: str) -> Elements:
    if not _NUMBER.fullmatch(data) or not has_check_digit(data):
        return {}
    return {"00": data} if len(data) == 18 else {"01": data.zfill(14)}


def _quantity(name: Key, elements: Elements) -> tuple[float, str | None]:
    """What one scan of a class stands for: a count, or a net weight (UN/ECE Rec 20: KGM)."""
    if name.kind != "class":
        return 1.0, None
    if "30" in elements:
        return float(elements["30"]), None
    for identifier, value in elements.items():
        weight = _NET_WEIGHT.fullmatch(identifier)
        if weight:
            return int(value) / 10 ** int(weight[1]), "KGM"
    return 1.0, None


def _code(data: bytes) -> str:
    if len(data) > LONGEST:
        return f"urn:readpoint:code:sha-256:{hashlib.sha256(data).hexdigest()}"
    return f"urn:readpoint:code:{quote(data, safe='')}"


def _told(scan: _Scan, value: bytes) -> str:
    """`observation.scan`."""
    told: dict[str, object] = {"aim": scan.aim} if scan.aim else {}
    elements = scan.elements
    if "10" in elements:
        told["lot"] = elements["10"]
    for identifier, word in _DAYS.items():
        when = day(elements[identifier]) if identifier in elements else None
        if when is not None:
            told[word] = when.isoformat()
    if "02" in elements:
        count = {"count": int(elements["37"])} if "37" in elements else {}
        told["contents"] = {"digitalLink": f"{HOST}/01/{link_text(elements['02'])}", **count}
    if elements:
        told["elements"] = elements
    if scan.problem:
        told["problem"] = scan.problem[:200]
    if len(value) > LONGEST:
        told["size"] = len(value)
    told["raw"] = b64encode(value[:LONGEST]).decode()
    return json.dumps(told, separators=(",", ":"))
