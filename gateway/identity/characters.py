"""Character sets of EPCs, and how their characters are written in URNs and Digital Links. Pure.

TDS 2.3: table A-1 (GS1 AI encodable character set 82), table G-1 (6-bit characters), tables 14-7 and 14-8.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_DIGITS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
NONE = "\0"
"""Stands where a table has no character."""

SET_82 = frozenset("!\"%&'()*+,-./:;<=>?_" + _DIGITS + _UPPER + _LOWER)
SEVEN_BIT = tuple(chr(code) if chr(code) in SET_82 else NONE for code in range(128))

SET_39 = frozenset("#-/" + _DIGITS + _UPPER)
"""What a component/part identifier is made of (General Specifications figure 7.11-2)."""

SIX_BIT = tuple(next((char for char in (chr(code), chr(code + 64)) if char in SET_39), NONE) for code in range(64))
"""A 6-bit character is the low six bits of its ASCII code; 0 ends a string."""

BASE_64 = _UPPER + _LOWER + _DIGITS + "-_"
CODE_40 = NONE + _UPPER + "-.:" + _DIGITS
CAGE = frozenset(_DIGITS + _UPPER) - frozenset("IO")
"""Characters of a CAGE code or DoDAAC (TDS 2.3 section 6.3.17)."""

_URN = str.maketrans({char: f"%{ord(char):02X}" for char in '"#%&/<>?'})
_LINK = str.maketrans({char: f"%{ord(char):02X}" for char in SET_82 | SET_39 if not (char.isalnum() or char in "-._")})
# Most have nothing to escape, and finding that out is quicker than translating.
_URN_PLAIN = re.compile(r"[0-9A-Za-z!'()*+,.:;=_-]*").fullmatch
_LINK_PLAIN = re.compile(r"[0-9A-Za-z._-]*").fullmatch


def urn_text(text: str) -> str:
    """As a component of an EPC URN (TDS 2.3 table A-1, column URI Form)."""
    return text if _URN_PLAIN(text) else text.translate(_URN)


def link_text(text: str) -> str:
    """As a value in the path of a Digital Link: all but RFC 3986's unreserved characters percent-encoded."""
    return text if _LINK_PLAIN(text) else text.translate(_LINK)


def plain(text: str) -> str:
    """Percent-encoding undone. ValueError for bytes that are no ASCII."""
    found = unquote(text, errors="strict")
    if not found.isascii():
        raise ValueError(f"{text!r} holds characters that no EPC can hold")
    return found


_PAIRS = tuple(tens + 3 * ones for tens in range(10) for ones in range(10))
_FOURS = tuple(high + low for high in _PAIRS for low in _PAIRS)


def with_check_digit(number: int) -> int:
    """The number with its GS1 check digit behind it (General Specifications section 7.9)."""
    rest, total = number, 0
    while rest:
        rest, four = divmod(rest, 10_000)
        total += _FOURS[four]
    return number * 10 + -total % 10


def has_check_digit(number: str) -> bool:
    """Whether the last digit is the check digit of those before it."""
    return with_check_digit(int(number[:-1])) == int(number)
