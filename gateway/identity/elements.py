"""GS1 element strings: application identifiers and their values (GS1 General Specifications 7.8), over biip. Pure.

biip knows which application identifiers there are and what they may hold. It also takes what runs over the end of one
for the next, strips white space (0x1D among it) and gives a message whose check digit is wrong: not here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from gateway.identity.characters import has_check_digit

if TYPE_CHECKING:
    from biip.gs1_application_identifiers import GS1ApplicationIdentifier

Elements = Mapping[str, str]
"""Application identifier → value, in the order in which they stood."""

SEPARATOR = "\x1d"
"""What a scanner sends for an FNC1 that ends a value."""

_CHECKED = {
    **dict.fromkeys(("00", "8017", "8018"), 18),
    **dict.fromkeys(("01", "02", "03", "8003", "8006", "8026"), 14),
    **dict.fromkeys(("253", "255", "410", "411", "412", "413", "414", "415", "416", "417"), 13),
    "402": 17,
}
"""Digits of a value up to and with its check digit."""

_DATED = frozenset(("11", "12", "13", "15", "16", "17", "4324", "4325", "4326", "7003", "7006", "7007", "7011", "8008"))
_DAYS = frozenset(("11", "12", "13", "15", "16", "17"))
_DAY_MAY_BE_ZERO = _DAYS | {"4324", "4325"}

_GMN_CHARACTERS = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_GMN_CHECKS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)


def parse(data: str) -> dict[str, str]:
    """What a GS1 symbol holds, without its AIM identifier. ValueError says what breaks the standard, and where."""
    found: dict[str, str] = {}
    for field in data.split(SEPARATOR):
        rest = field
        while rest:
            identifier, value = _first(rest)
            rest = rest[len(identifier) + len(value) :]
            if found.setdefault(identifier, value) != value:
                raise ValueError(f"AI {identifier} stands twice, with different values")
    if not found:
        raise ValueError("a GS1 symbol without data")
    return found


def check(identifier: str, value: str) -> None:
    """ValueError if the application identifier cannot have this value, or the value's check digit is wrong."""
    row = _row(identifier)
    if row is None or row.ai != identifier:
        raise ValueError(f"there is no AI {identifier}")
    if not value.isascii() or not value or not re.fullmatch(_pattern(row), identifier + value):
        raise ValueError(f"AI {identifier} cannot be {value!r}: it is {row.format}")
    digits = _CHECKED.get(identifier)
    if digits is not None and not has_check_digit(value[:digits]):
        raise ValueError(f"the check digit of {value[:digits]} (AI {identifier}) is wrong")
    if identifier in ("8013", "8014") and not _has_check_pair(value):
        raise ValueError(f"the check characters of {value} (AI {identifier}) are wrong")
    if identifier in ("8006", "8026") and not "00" < value[14:16] <= value[16:18]:
        raise ValueError(f"{value[14:]} (AI {identifier}) is no piece of a total")


def faults(elements: Elements) -> list[str]:
    """Dates that do not exist: a fault, but what the symbol names is as sure as without them."""
    return [
        f"AI {identifier} is no date: {value}"
        for identifier, value in elements.items()
        if identifier in _DATED and not _is_dated(identifier, value)
    ]


def day(value: str) -> date | None:
    """YYMMDD as a date; day 00 is the month's last (General Specifications 3.4). None if there is no such day."""
    year, month, number = int(value[:2]), int(value[2:4]), int(value[4:6])
    # Section 7.12 counts from 49 years back to 50 ahead; goods do not live so long that its edge matters.
    year += 1900 if year > 76 else 2000
    try:
        if number:
            return date(year, month, number)
        return date.fromordinal(date(year + month // 12, month % 12 + 1, 1).toordinal() - 1) if month else None
    except ValueError:
        return None


def prepare() -> None:
    """Load now, in whatever thread, what the first scan needs; once a process."""
    _row("01")


def _first(data: str) -> tuple[str, str]:
    """The application identifier at the start and its value. A value of no predefined length takes all."""
    row = _row(data[:4])
    if row is None:
        raise ValueError(f"no AI begins {data[:4]!r}")
    pattern = _pattern(row)
    found = re.match(pattern if row.separator_required else pattern.removesuffix("$"), data)
    value = "".join(group or "" for group in found.groups()) if found else data[len(row.ai) :]
    check(row.ai, value)
    return row.ai, value


@lru_cache(maxsize=1024)
def _row(start: str) -> GS1ApplicationIdentifier | None:
    from biip import ParseError  # noqa: PLC0415 - a tenth of a second, and sockets, for gateways without a scanner
    from biip.gs1_application_identifiers import GS1ApplicationIdentifier  # noqa: PLC0415 - as above

    try:
        return GS1ApplicationIdentifier.extract(start)
    except ParseError:
        return None


def _pattern(row: GS1ApplicationIdentifier) -> str:
    """A day that does not exist still has six digits: what follows it is known."""
    return rf"^{row.ai}(\d{{6}})$" if row.ai in _DAYS else row.pattern


def _is_dated(identifier: str, value: str) -> bool:
    dates = (value[:6], value[6:]) if identifier == "7007" and len(value) == 12 else (value[:6],)
    days = [day(one) for one in dates]
    if None in days or (identifier not in _DAY_MAY_BE_ZERO and any(one.endswith("00") for one in dates)):
        return False
    if len(dates) == 2:
        return dates[0] <= dates[1]
    clock = value[6:]
    if clock == "9999" and identifier in ("4324", "4325"):
        return True
    limits = ("23", "59", "59")
    return all(clock[at : at + 2] <= limit for at, limit in zip(range(0, len(clock), 2), limits, strict=False))


def _has_check_pair(value: str) -> bool:
    """Check characters of a Global Model Number (General Specifications 7.9.5)."""
    weighed = zip(reversed(value[:-2]), islice(_PRIMES, len(value)), strict=False)
    total = sum(_GMN_CHARACTERS.index(character) * prime for character, prime in weighed) % 1021
    return value[-2:] == _GMN_CHECKS[total >> 5] + _GMN_CHECKS[total & 31]
