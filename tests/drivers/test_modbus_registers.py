"""Registers → values, and points → reads."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.registers import Bad, Block, Point, decode, decode_all, halves, overlaps, plan

LAYOUTS = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q", "uint64": "Q", "float64": "d"}


def one(words: list[int], **fields: object) -> object:
    point = Point("p", **{"table": "holding", "address": 10, **fields})  # type: ignore[arg-type]
    return decode(point, Block(point.table, 10, len(words), (point,)), words)


@given(st.sampled_from(sorted(LAYOUTS)), st.integers(0, 2**64 - 1))
def test_every_type_says_what_struct_packed(kind: str, raw: int) -> None:
    size = struct.calcsize(LAYOUTS[kind])
    data = (raw % 2 ** (8 * size)).to_bytes(size, "big")
    (value,) = struct.unpack(">" + LAYOUTS[kind], data)
    words = list(struct.unpack(f">{size // 2}H", data))
    seen = one(words, type=kind, invalid=())
    assert isinstance(seen, Bad) if isinstance(value, float) and not math.isfinite(value) else seen == value


@pytest.mark.parametrize(
    ("byte_order", "word_order", "words"),
    [
        ("big", "big", [0x0A0B, 0x0C0D]),
        ("little", "big", [0x0B0A, 0x0D0C]),
        ("big", "little", [0x0C0D, 0x0A0B]),
        ("little", "little", [0x0D0C, 0x0B0A]),
    ],
)
def test_orders_of_bytes_and_words(byte_order: str, word_order: str, words: list[int]) -> None:
    assert one(words, type="uint32", byte_order=byte_order, word_order=word_order) == 0x0A0B0C0D


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_is_told_by_its_shortest_decimal_which_is_the_same_float(value: float) -> None:
    words = list(struct.unpack(">2H", struct.pack(">f", value)))
    seen = one(words, type="float32")
    assert isinstance(seen, float)
    assert struct.pack(">f", seen) == struct.pack(">f", value)
    assert len(repr(seen)) <= len(repr(value))


def test_a_meters_voltage_reads_as_on_its_display() -> None:
    assert one([0x4366, 0x1999], type="float32") == 230.09999  # 0x43661999, the float below 230.1
    assert one([0x4366, 0x199A], type="float32") == 230.1
    assert one([2301], scale=0.1) == 230.1


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ([0x8000], {"type": "int16"}),
        ([0x8000, 0], {"type": "int32"}),
        ([0x8000, 0, 0, 0], {"type": "int64"}),
        ([0x7FC0, 0], {"type": "float32"}),
        ([0x7F80, 0], {"type": "float32"}),
        ([0xFFFF], {"type": "uint16", "invalid": (0xFFFF,)}),
        ([5, 0x8000], {"type": "int16", "exponent": 11}),
        ([5], {"type": "uint32"}),
    ],
)
def test_what_is_not_implemented_or_not_there_is_bad_and_says_why(words: list[int], fields: dict[str, object]) -> None:
    seen = one(words, **fields)
    assert isinstance(seen, Bad)
    assert seen.reason


def test_not_implemented_can_be_unsaid() -> None:
    assert one([0x8000], type="int16", invalid=()) == -32768


def test_scale_factor_offset_bits_and_text() -> None:
    assert one([2301, 0xFFFF], type="int16", exponent=11) == 230.1  # 10^-1
    assert one([250], type="int16", scale=0.1, offset=-50.0) == -25.0
    assert one([0b1000], type="bool", bit=3) is True
    assert one([0b1000], type="bool", bit=2) is False
    assert one([0x4142, 0x4300], type="string", length=2) == "ABC"
    assert one([0x41FF, 0x1B20], type="string", length=2) == "A??"


def test_samples_come_oldest_first() -> None:
    point = Point("p", "input", 100, "int16", samples=3)
    assert decode_all(point, Block("input", 100, 3, (point,)), [1, 0xFFFF, 3]) == [1, -1, 3]


points = st.lists(
    st.builds(
        lambda table, address, kind: (table, address, kind),
        st.sampled_from(["input", "holding"]),
        st.integers(0, 400),
        st.sampled_from(["uint16", "float32", "uint64"]),
    ),
    max_size=40,
).map(lambda raw: [Point(f"p{n}", table, address, kind) for n, (table, address, kind) in enumerate(raw)])


@given(points, st.integers(0, 5), st.sampled_from([20, 125]))
def test_blocks_cover_all_points_and_nothing_undeclared(found: list[Point], gap: int, most: int) -> None:
    blocks = plan(found, gap, most)
    assert sorted(p.name for block in blocks for p in block.points) == sorted(p.name for p in found)
    for block in blocks:
        assert block.count <= most
        declared = {place for p in block.points for place in range(*p.span)}
        undeclared = [place not in declared for place in range(block.address, block.address + block.count)]
        longest = max((len(run) for run in "".join("x" if free else " " for free in undeclared).split()), default=0)
        assert longest <= gap


def test_neighbours_are_one_read_up_to_what_is_allowed() -> None:
    row = [Point(f"p{n}", "holding", n) for n in range(130)]
    assert [(block.address, block.count) for block in plan(row)] == [(0, 125), (125, 5)]
    bits = [Point(f"b{n}", "coil", n, "bool") for n in range(2001)]
    assert [block.count for block in plan(bits)] == [2000, 1]


def test_a_refused_block_is_halved_down_to_a_single_point() -> None:
    (block,) = plan([Point(f"p{n}", "holding", n) for n in range(3)])
    first, second = halves(block)
    assert (first.address, first.count, second.address, second.count) == (0, 1, 1, 2)
    assert halves(first) == (first,)


def test_points_overlap_unless_they_are_other_bits_of_a_word() -> None:
    def names(*found: Point) -> list[tuple[str, str]]:
        return [(a.name, b.name) for a, b in overlaps(found)]

    wide = Point("wide", "holding", 0, "float64")
    assert names(wide, Point("in", "holding", 1), Point("end", "holding", 3)) == [("wide", "in"), ("wide", "end")]
    assert names(wide, Point("next", "holding", 4), Point("other", "input", 0)) == []
    bits = [Point(f"b{n}", "holding", 7, "bool", bit=n) for n in (0, 1)]
    assert names(*bits) == []
    assert names(bits[0], Point("same", "holding", 7, "bool", bit=0)) == [("b0", "same")]
    assert names(bits[0], Point("word", "holding", 7)) == [("b0", "word")]
