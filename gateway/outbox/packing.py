"""Payloads on disk: compressed one by one, for pages written are what counts.

The first byte says how: `{` plain, 0x02 a zstd frame (RFC 8878) with the dictionary `schema/dictionary-2.zdict`, 0x01
raw deflate (RFC 1951) with `schema/dictionary-1.txt`, written by earlier versions. Like a schema file, a dictionary
never changes.
"""

from __future__ import annotations

import threading
import zlib
from importlib.resources import files

import zstandard

_DEFLATED, _ZSTD = b"\x01", b"\x02"
_RAW_DEFLATE = -15
_LEVEL = 3

_LARGEST = 1 << 24
"""Bytes: a payload is at most 100 kB, and a flipped bit must not make it a gigabyte."""

_SCHEMA = files("gateway.outbox").joinpath("schema")
# Read at once: later there may be no file descriptor left for them, or another version in their place.
_FRAGMENTS = _SCHEMA.joinpath("dictionary-1.txt").read_bytes()
_TRAINED = zstandard.ZstdCompressionDict(_SCHEMA.joinpath("dictionary-2.zdict").read_bytes())
_TRAINED.precompute_compress(level=_LEVEL)


class _Codecs(threading.local):
    """One pair a thread: they let go of the interpreter lock while they work, and hold state."""

    def __init__(self) -> None:
        self.compress = zstandard.ZstdCompressor(_LEVEL, _TRAINED, write_dict_id=False).compress
        self.decompress = zstandard.ZstdDecompressor(_TRAINED).decompress


_codecs = _Codecs()


def pack(payload: bytes) -> bytes:
    """What to store: a seventh of the payload's size for a usual event, never more than the payload itself."""
    packed = _ZSTD + _codecs.compress(payload)
    return packed if len(packed) < len(payload) else payload


def unpack(stored: bytes) -> bytes:
    """The payload. ValueError if it is damaged beyond reading; the row's checksum finds the rest."""
    if stored.startswith(_ZSTD):
        return _decompressed(stored[1:])
    if not stored.startswith(_DEFLATED):
        return stored
    inflate = zlib.decompressobj(wbits=_RAW_DEFLATE, zdict=_FRAGMENTS)
    try:
        return inflate.decompress(stored[1:], _LARGEST)
    except zlib.error as error:
        raise ValueError(f"stored payload cannot be inflated: {error}") from None


def _decompressed(frame: bytes) -> bytes:
    try:
        if zstandard.frame_content_size(frame) > _LARGEST:
            raise ValueError("stored payload cannot be decompressed: its size is none")
        return _codecs.decompress(frame, _LARGEST)
    except zstandard.ZstdError as error:
        raise ValueError(f"stored payload cannot be decompressed: {error}") from None


def readable(stored: bytes) -> bytes:
    """The payload, or where that is damaged what is stored."""
    try:
        return unpack(stored)
    except ValueError:
        return stored
