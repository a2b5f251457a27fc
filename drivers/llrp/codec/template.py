"""The shape of a tag entry, kept: entries of one shape are checked and unpacked together."""

from __future__ import annotations

import struct

from drivers.llrp.codec.columns import FORMATS, wanted
from drivers.llrp.codec.entry import Part
from drivers.reads import Column

CHUNK = 64
"""Entries taken at once: bounds what templates keep for each count."""


class Template:
    """One shape of entry, `length` bytes: which bytes never differ, and how to unpack the others."""

    __slots__ = ("_counts", "_format", "_mask", "_names", "_want", "length")

    def __init__(self, sample: bytes, start: int, parts: list[Part]) -> None:
        self.length = len(sample)
        useful = wanted({name for name, _, _ in parts if name})
        named = [(name, begin - start, size) for name, begin, size in parts if name in useful]
        mask = bytearray(b"\xff" * self.length)
        for _, begin, size in parts:
            mask[begin - start : begin - start + size] = bytes(size)
        self._mask = bytes(mask)
        self._want = sample
        layout, at = "", 0
        for name, begin, size in named:
            layout += f"{begin - at}x{FORMATS.get(name, f'{size}s')}"
            at = begin + size
        self._format = f"{layout}{self.length - at}x"
        self._names = [name for name, _, _ in named]
        self._counts: dict[int, tuple[int, int, struct.Struct]] = {}

    def _for(self, count: int) -> tuple[int, int, struct.Struct]:
        """Mask, wanted bytes and unpacker for `count` entries in a row."""
        known = self._counts.get(count)
        if known is None:
            mask = int.from_bytes(self._mask * count, "big")
            want = int.from_bytes(self._want * count, "big") & mask
            known = self._counts[count] = (mask, want, struct.Struct(">" + self._format * count))
        return known

    def fits(self, data: bytes, start: int, count: int) -> int:
        """How many of the `count` entries from `start` on have this shape, up to the first that has not."""
        mask, want, _ = self._for(count)
        size = count * self.length
        differs = int.from_bytes(data[start : start + size], "big") & mask ^ want
        return (size * 8 - differs.bit_length()) // (self.length * 8) if differs else count

    def columns(self, entries: bytes) -> dict[str, Column]:
        """The values of entries of this shape, by name, in order."""
        flat = self._for(len(entries) // self.length)[2].unpack(entries)
        names = self._names
        return {name: flat[at :: len(names)] for at, name in enumerate(names)}
