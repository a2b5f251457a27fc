"""Registers as values: which are read together, and what they say. Pure.

Modbus Application Protocol 1.1b3: addresses count from 0, registers have 16 bits, big-endian; a read takes at most 125
registers (sections 6.3, 6.4) or 2000 bits (6.1, 6.2).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

Table = Literal["coil", "discrete", "input", "holding"]
Order = Literal["big", "little"]
Type = Literal[
    "bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "string"
]  # fmt: skip

MOST_REGISTERS = 125
MOST_BITS = 2000

_LARGEST = 3.4028234663852886e38
"""Of all float32 numbers."""

_LAYOUTS: dict[str, tuple[str, int]] = {
    "int16": ("h", 1),
    "uint16": ("H", 1),
    "int32": ("i", 2),
    "uint32": ("I", 2),
    "int64": ("q", 4),
    "uint64": ("Q", 4),
    "float32": ("f", 2),
    "float64": ("d", 4),
}
_NOT_IMPLEMENTED = {"int16": (0x8000,), "int32": (0x8000_0000,), "int64": (0x8000_0000_0000_0000,)}
"""What devices say in place of a value they do not have, after SunSpec: the type's least number."""


class Point(msgspec.Struct, frozen=True):
    """One value of a device, and where it stands.

    `bit` of a word counts from 0, the least; `length` is a string's registers; `samples` values follow each other. The
    value is raw x `scale` x 10^`exponent` + `offset`, `exponent` being the address of a register with it (sunssf).
    `invalid`: raw values, unsigned, that mean "not implemented"; None: the least number of a signed type.
    """

    name: str
    table: Table
    address: int
    type: Type = "uint16"
    bit: int | None = None
    length: int = 1
    samples: int = 1
    byte_order: Order = "big"
    word_order: Order = "big"
    scale: float = 1.0
    offset: float = 0.0
    exponent: int | None = None
    invalid: tuple[int, ...] | None = None

    @property
    def size(self) -> int:
        """Registers, or bits, that it takes."""
        if self.type == "string":
            return self.length
        return self.samples * _LAYOUTS[self.type][1] if self.type in _LAYOUTS else 1

    @property
    def span(self) -> tuple[int, int]:
        """First address, and the one after the last, that must be read for it."""
        low, high = self.address, self.address + self.size
        return (low, high) if self.exponent is None else (min(low, self.exponent), max(high, self.exponent + 1))


class Block(msgspec.Struct, frozen=True):
    """One read: `count` registers or bits from `address` on, and the points in them."""

    table: Table
    address: int
    count: int
    points: tuple[Point, ...] = ()


class Bad(msgspec.Struct, frozen=True):
    """There is no value, and why."""

    reason: str


Value = float | bool | str


def plan(points: Iterable[Point], gap: int = 0, most: int = MOST_REGISTERS) -> list[Block]:
    """The reads that cover all points: neighbours together, across at most `gap` addresses that no point declares."""
    blocks: list[Block] = []
    run: list[Point] = []
    low = high = 0
    for point in sorted(points, key=lambda one: (one.table, one.span)):
        begin, end = point.span
        limit = MOST_BITS if point.table in {"coil", "discrete"} else most
        joins = run and run[0].table == point.table and begin <= high + gap and max(end, high) - low <= limit
        if not joins:
            blocks += _block(run, low, high)
            run, low, high = [], begin, end
        run.append(point)
        high = max(high, end)
    return blocks + _block(run, low, high)


def _block(run: list[Point], low: int, high: int) -> list[Block]:
    return [Block(run[0].table, low, high - low, tuple(run))] if run else []


def halves(block: Block) -> tuple[Block, ...]:
    """The block as two, each with half its points: to find the one that a device refuses. A single point stays."""
    if len(block.points) < 2:
        return (block,)
    middle = len(block.points) // 2
    return tuple(
        Block(block.table, low, high - low, points)
        for points in (block.points[:middle], block.points[middle:])
        for low, high in [(min(one.span[0] for one in points), max(one.span[1] for one in points))]
    )


def overlaps(points: Iterable[Point]) -> Iterator[tuple[Point, Point]]:
    """Pairs that take the same register, other bits of one word excepted."""
    furthest: dict[Table, Point] = {}
    for point in sorted(points, key=lambda one: (one.address, one.size)):
        before = furthest.get(point.table)
        if before is not None and point.address < before.address + before.size and not _other_bits(before, point):
            yield before, point
        if before is None or point.address + point.size > before.address + before.size or before.bit is not None:
            furthest[point.table] = point


def _other_bits(one: Point, other: Point) -> bool:
    return one.bit is not None and other.bit is not None and (one.address, one.bit) != (other.address, other.bit)


def decode(point: Point, block: Block, words: Sequence[int]) -> Value | Bad:
    """What the words (or bits) of its block say of the point; of several samples, the last."""
    values = decode_all(point, block, words)
    return values if isinstance(values, Bad) else values[-1]


def decode_all(point: Point, block: Block, words: Sequence[int]) -> list[Value] | Bad:
    """All samples of a point, oldest first, or why there is none."""
    start = point.address - block.address
    own = words[start : start + point.size]
    if len(own) < point.size:
        return Bad("the answer is shorter than what was asked for")
    if point.table in {"coil", "discrete"}:
        return [bool(own[0])]
    if point.type == "bool":
        return [bool(own[0] >> (point.bit or 0) & 1)]
    if point.type == "string":
        return [_text(point, own)]
    factor = _factor(point, block, words)
    if isinstance(factor, Bad):
        return factor
    values: list[Value] = []
    width = point.size // point.samples
    for begin in range(0, point.size, width):
        value = _number(point, own[begin : begin + width])
        if isinstance(value, Bad):
            return value
        values.append(_scaled(value, factor, point.offset))
    return values


def _bytes(point: Point, words: Sequence[int]) -> bytes:
    ordered = words if point.word_order == "big" else words[::-1]
    return b"".join(word.to_bytes(2, point.byte_order) for word in ordered)


def _text(point: Point, words: Sequence[int]) -> str:
    """ASCII up to the first NUL, other bytes as `?`."""
    text = _bytes(point, words).partition(b"\0")[0].decode("ascii", "replace").strip()
    return "".join(sign if sign.isprintable() and sign != "\ufffd" else "?" for sign in text)


def _factor(point: Point, block: Block, words: Sequence[int]) -> float | Bad:
    if point.exponent is None:
        return point.scale
    (power,) = struct.unpack(">h", words[point.exponent - block.address].to_bytes(2, "big"))
    if not -10 <= power <= 10:
        return Bad("not implemented: its scale factor is none")
    return float(point.scale * 10.0**power)


def _number(point: Point, words: Sequence[int]) -> float | Bad:
    raw = _bytes(point, words)
    (value,) = struct.unpack(">" + _LAYOUTS[point.type][0], raw)
    if isinstance(value, float):
        if math.isfinite(value):
            return _shortest(value) if point.type == "float32" else value
        return Bad("not implemented: the device says NaN" if math.isnan(value) else "the device says infinity")
    invalid = _NOT_IMPLEMENTED.get(point.type, ()) if point.invalid is None else point.invalid
    number = int.from_bytes(raw, "big")
    return Bad(f"not implemented: the device says 0x{number:0{len(raw) * 2}X}") if number in invalid else value


def _shortest(value: float) -> float:
    """The shortest decimal that is the same float32: 230.1, not 230.10000610351562."""
    packed = struct.pack(">f", value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        if abs(short) <= _LARGEST and struct.pack(">f", short) == packed:
            return short
    return value


def _scaled(value: float, factor: float, offset: float) -> float:
    if factor == 1.0 and offset == 0.0:
        return value
    return float(f"{value * factor + offset:.12g}")
