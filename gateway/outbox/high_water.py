"""How far the outbox was: 64 bytes beside the file, so that what the file has lost at its end is found at the start.

A flipped bit in SQLite's write-ahead log silently drops every later commit: the database itself cannot tell.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path
from typing import NamedTuple

NAME = "high-water"
EVERY = 1.0
"""Seconds by which it may be behind."""

_MAGIC = b"RPHW"
_FORM = struct.Struct("<4sHxx8sQQQQ12x")
_CRC = struct.Struct("<I")
_VERSION = 1


class HighWater(NamedTuple):
    """The newest row known to be in the file. `mark` is the stream's random half; `first` the oldest pending sequence
    of this epoch, or the next one to come.
    """

    mark: str
    epoch: int
    base: int
    last: int
    first: int

    def encode(self) -> bytes:
        body = _FORM.pack(_MAGIC, _VERSION, self.mark.encode(), self.epoch, self.base, self.last, self.first)
        return body + _CRC.pack(zlib.crc32(body))


def decode(data: bytes) -> HighWater | None:
    """The mark in these bytes; None where they are none, or damaged."""
    if len(data) != _FORM.size + _CRC.size:
        return None
    body = data[: _FORM.size]
    magic, version, mark, *numbers = _FORM.unpack(body)
    if (magic, version, data[_FORM.size :]) != (_MAGIC, _VERSION, _CRC.pack(zlib.crc32(body))) or not mark.isalnum():
        return None
    return HighWater(mark.decode("ascii", "replace"), *numbers)


def read(folder: Path) -> HighWater | None:
    """What is marked in a folder."""
    try:
        return decode((folder / NAME).read_bytes()[:128])
    except OSError:
        return None


def mark_of(stream: str) -> str:
    """The random half of a stream's name."""
    return stream[-8:]


class Keeper:
    """Writes the mark when something changed, at most once in EVERY seconds. The file is laid once and overwritten."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._written = -1
        self._next_at = 0.0

    def due(self, last: int) -> float:
        """When the mark is to be written (monotonic seconds) for this newest sequence; infinite if it is."""
        return float("inf") if last == self._written else self._next_at

    def write(self, water: HighWater, now: float) -> None:
        """Durably. OSError where it cannot be."""
        self._next_at = now + EVERY
        os.pwrite(self._descriptor, water.encode(), 0)
        os.fdatasync(self._descriptor)
        self._written = water.last

    def close(self) -> None:
        os.close(self._descriptor)
