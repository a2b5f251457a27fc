"""Payloads on disk: as they are in large commits, deflated in small ones, where pages written are what counts.

A stored payload that starts with `{` is plain; one that starts with 0x01 is raw deflate (RFC 1951) with the dictionary
`schema/dictionary-1.txt`, which like a schema file never changes.
"""

from __future__ import annotations

import zlib
from functools import cache
from importlib.resources import files

SMALL = 32
"""Events up to which a commit is small."""

_MARK = b"\x01"
_RAW_DEFLATE = -15
_LEVEL, _WINDOW, _MEMORY = 3, -12, 5
"""A window of 4 KiB sees the whole dictionary from anywhere in a usual event; small tables are quickly set up."""


_DICTIONARY = files("gateway.outbox").joinpath("schema", "dictionary-1.txt").read_bytes()
"""Read at once: later there may be no file descriptor left for it, or another version in its place."""


@cache
def _primed() -> zlib._Compress:
    """A compressor that has read the dictionary: to copy it costs less than to read it again."""
    return zlib.compressobj(_LEVEL, wbits=_WINDOW, memLevel=_MEMORY, zdict=_DICTIONARY)


def pack(payload: bytes) -> bytes:
    """What to store: a fifth of the payload's size for a usual event, never more than the payload itself."""
    deflate = _primed().copy()
    packed = _MARK + deflate.compress(payload) + deflate.flush()
    return packed if len(packed) < len(payload) else payload


def unpack(stored: bytes) -> bytes:
    """The payload. ValueError if it is damaged beyond reading; the row's checksum finds the rest."""
    if not stored.startswith(_MARK):
        return stored
    inflate = zlib.decompressobj(wbits=_RAW_DEFLATE, zdict=_DICTIONARY)
    try:
        # A payload is at most 100 kB: a flipped bit must not make it a gigabyte.
        return inflate.decompress(stored[1:], 1 << 24)
    except zlib.error as error:
        raise ValueError(f"stored payload cannot be inflated: {error}") from None


def readable(stored: bytes) -> bytes:
    """The payload, or where that is damaged what is stored."""
    try:
        return unpack(stored)
    except ValueError:
        return stored
