"""The seal of a row of the presence table: a row in which something is not as it was written, does not bear it.

CRC-32 of all that stays while the row does, plus `last_seen` in 1/1024 s: so SQL can carry a later one into the seal.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any
from zlib import crc32

TOUCH = (
    "UPDATE presence SET last_seen = max(last_seen, ?1), seal = seal"
    " + CAST(max(last_seen, ?1) * 1024 AS INTEGER) - CAST(last_seen * 1024 AS INTEGER)"
    " WHERE id = ?2 AND uri = ?3 AND abs(last_seen) < 1e12 AND seal BETWEEN 0 AND 1 << 60"
)
"""A later `last_seen` of a place, if that object has it. Numbers that only damage makes are left alone: SQLite would
refuse what comes out.
"""

_pack = struct.Struct("<qd").pack


def seal(
    place: int,
    uri: str,
    read_point: str,
    scheme: str,
    kind: str,
    link: str | None,
    number: int | None,
    since: float,
    last_seen: float,
    read_point_kind: str | None,
) -> int:
    """Of a row, in the order of its columns."""
    crc = crc32(_pack(place, since), crc32(uri.encode(), _shared(read_point, scheme, kind, number, read_point_kind)))
    if link is not None:
        crc = crc32(link.encode(), crc)
    return crc + int(last_seen * 1024)


def first(*values: object) -> int | None:
    """That of a row of before, its texts as bytes; None where a text is none, or a time has no end."""
    try:
        return seal(*(value.decode() if isinstance(value, bytes) else value for value in values))  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None


_KINDS = (int, str, str, str, str, str | None, int | None, float, float, str | None)
_END = 253_402_300_800.0
"""Unix seconds at which the year 9999 ends: later there is no date."""


def is_likely(row: tuple[Any, ...]) -> bool:
    """Whether a row of before, without a seal, has values such as were written: a flipped bit may change a type."""
    return all(isinstance(value, kind) for value, kind in zip(row, _KINDS, strict=True)) and (
        0 <= row[7] < _END and 0 <= row[8] < _END
    )


@lru_cache(maxsize=1024)
def _shared(*values: object) -> int:
    """Of what many rows have in common."""
    return crc32("\0".join(map(str, values)).encode())


def is_whole(row: tuple[object, ...]) -> bool:
    """Whether a row, its seal last, is as it was written. A flipped bit may even have changed the type of a value."""
    *values, sealed = row
    try:
        return sealed == seal(*values)  # type: ignore[arg-type]
    except (TypeError, AttributeError, ValueError, OverflowError, struct.error):
        return False
