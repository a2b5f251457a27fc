"""EPCs without a company prefix length: the '+' and '++' schemes (TDS 2.3 sections 14.5 and 14.6). Pure."""

from __future__ import annotations

from calendar import monthrange
from typing import Literal

import msgspec

from gateway.identity.bits import (
    Reader,
    Writer,
    read_delimited,
    read_digits,
    read_number,
    read_text,
    write_delimited,
    write_digits,
    write_number,
    write_text,
)
from gateway.identity.characters import SET_39, has_check_digit, link_text, plain
from gateway.identity.hostname import read_hostname, write_hostname
from gateway.identity.parsed import HOST, Parsed

_DATES = ("11", "13", "15", "16", "17", "7006", "7007")
"""Application identifiers by their 4-bit date type (section 14.5.3)."""

_DELIMITED = 30
"""Characters of a GIAI or CPI at most."""

_SHORTEST_CPI = 5
"""Characters: a company prefix of four digits, and one (AI 8010)."""


class Plus(msgspec.Struct, frozen=True):
    """A coding table. `digits` is the length of the key's fixed part, 0 where it is delimited (GIAI, CPI).

    `serial` says how the serial is written and `limit` how long it may be; `serial_ai` is its application identifier,
    None where it is part of the key's value. `dated` and `hosted`: a date before the key, a host name behind.
    """

    name: str
    scheme: str
    header: int
    ai: str
    digits: int
    serial: Literal["none", "text", "number"] = "none"
    limit: int = 0
    serial_ai: str | None = None
    dated: bool = False
    hosted: bool = False


_ONE_PLUS = (
    (Plus("sgtin+", "sgtin", 0xF7, "01", 14, "text", 20, "21"), 0xFD),
    (Plus("dsgtin+", "sgtin", 0xFB, "01", 14, "text", 20, "21", dated=True), 0xFC),
    (Plus("sscc+", "sscc", 0xF9, "00", 18), 0xEF),
    (Plus("sgln+", "sgln", 0xF2, "414", 13, "text", 20, "254"), 0xE9),
    (Plus("grai+", "grai", 0xF1, "8003", 14, "text", 16), 0xEB),
    (Plus("giai+", "giai", 0xFA, "8004", 0), 0xEE),
    (Plus("gsrn+", "gsrn", 0xF4, "8018", 18), 0xE7),
    (Plus("gsrnp+", "gsrnp", 0xF5, "8017", 18), 0xE8),
    (Plus("gdti+", "gdti", 0xF6, "253", 13, "text", 17), 0xEA),
    (Plus("cpi+", "cpi", 0xF0, "8010", 0, "number", 12, "8011"), 0xE6),
    (Plus("sgcn+", "sgcn", 0xF8, "255", 13, "number", 12), 0xEC),
    (Plus("itip+", "itip", 0xF3, "8006", 18, "text", 20, "21"), 0xED),
)
SCHEMES = tuple(row for row, _ in _ONE_PLUS) + tuple(
    msgspec.structs.replace(row, name=f"{row.name}+", header=header, hosted=True) for row, header in _ONE_PLUS
)


def decode(row: Plus, value: int, size: int) -> Parsed:
    """The EPC at the start of `size` bits whose header chose this row. ValueError if it breaks the coding table.

    What follows it ('+AIDC data', filling zeros) is not looked at.
    """
    reader = Reader(value, size)
    filtered = reader.take(12) & 7
    date = _read_date(reader) if row.dated else None
    key = read_digits(reader, row.digits) if row.digits else read_delimited(reader, _DELIMITED)
    _check_key(row, key)
    serial = None
    if row.serial == "text":
        serial = read_text(reader, row.limit)
    elif row.serial == "number":
        serial = read_number(reader, row.limit)
    _check_characters(row, key, serial or "")
    hostname = read_hostname(reader) if row.hosted else None
    return Parsed(row.name, row.scheme, filtered, None, _link(row, key, serial), date, hostname)


def _read_date(reader: Reader) -> str:
    kind = reader.take(4)
    if kind >= len(_DATES):
        raise ValueError(f"date type {kind} is reserved")
    year, month, day = reader.take(7), reader.take(4), reader.take(5)
    _check_date(year, month, day)
    return f"{_DATES[kind]}={year:02d}{month:02d}{day:02d}"


def _check_date(year: int, month: int, day: int) -> None:
    if year > 99 or not 1 <= month <= 12 or day > monthrange(2000 + year, month)[1]:
        raise ValueError("there is no such date")


def _check_key(row: Plus, key: str) -> None:
    """Digits that the value of the application identifier must have (General Specifications section 3)."""
    if not row.digits:
        if row.scheme == "cpi" and len(key) < _SHORTEST_CPI:
            raise ValueError(f"{key!r} is too short for a company prefix and a part")
        return
    checked = key[:14] if row.scheme == "itip" else key
    if not has_check_digit(checked):
        raise ValueError(f"the check digit of {checked} is wrong")
    if row.scheme == "grai" and key[0] != "0":
        raise ValueError("a GRAI begins with 0")


def _check_characters(row: Plus, key: str, serial: str) -> None:
    """Set 39 for a CPI, set 82 for all else (General Specifications figures 7.11-1 and 7.11-2)."""
    if not (SET_39.issuperset(key) if row.scheme == "cpi" else "#" not in key + serial):
        raise ValueError(f"{key + serial!r} holds a character that no {row.scheme.upper()} has")


def _link(row: Plus, key: str, serial: str | None) -> str:
    start = f"{HOST}/{row.ai}/{key if row.digits else link_text(key)}"
    if serial is None or (row.ai == "414" and serial == "0"):
        # Extension 0 stands for no extension (section 14.6.3).
        return start
    if row.serial_ai is None:
        return start + link_text(serial)
    return f"{start}/{row.serial_ai}/{link_text(serial)}"


def encode(row: Plus, host: str, path: str, query: str, value: int) -> bytes:
    """A Digital Link's parts as an EPC with this filter value. ValueError if the row cannot hold them."""
    key, serial = _split(row, path)
    _check_key(row, key)
    _check_characters(row, key, serial)
    writer = Writer()
    writer.put(row.header, 8)
    writer.put(0, 1)
    writer.put(value, 3)
    if row.dated:
        _write_date(writer, query)
    if row.digits:
        write_digits(writer, key)
    else:
        write_delimited(writer, key, _DELIMITED)
    if row.serial == "text":
        write_text(writer, serial, row.limit)
    elif row.serial == "number":
        write_number(writer, serial, row.limit)
    if row.hosted:
        write_hostname(writer, host)
    return writer.words()


def _split(row: Plus, path: str) -> tuple[str, str]:
    """`/01/09521141123454/21/1` → key and serial, where the row keeps them."""
    _, *parts = path.split("/")
    names, values = parts[::2], [plain(part) for part in parts[1::2]]
    if row.ai == "414" and names == ["414"] and len(values) == 1:
        names, values = ["414", "254"], [values[0], "0"]
    if names != ([row.ai] if row.serial_ai is None else [row.ai, row.serial_ai]) or len(values) != len(names):
        raise ValueError(f"{path!r} is no Digital Link of {row.name}")
    key, serial = values[0], values[-1] if row.serial_ai else ""
    if row.serial != "none" and row.serial_ai is None:
        key, serial = key[: row.digits], key[row.digits :]
    if row.digits and not (len(key) == row.digits and key.isdigit()):
        raise ValueError(f"{key!r} is not of {row.digits} digits")
    return key, serial


def _write_date(writer: Writer, query: str) -> None:
    name, _, text = query.partition("=")
    if name not in _DATES or len(text) != 6 or not text.isdigit():
        raise ValueError(f"{query!r} is no date: write one of {', '.join(_DATES)} as in 17=220630")
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
    _check_date(year, month, day)
    writer.put(_DATES.index(name), 4)
    writer.put(year << 9 | month << 5 | day, 16)
