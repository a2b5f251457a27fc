"""How the fields of one kind of message or parameter lie in bytes (LLRP 1.0.1, chapter 16: big-endian, bit-packed)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from drivers.llrp.codec.values import Bits, Value
from drivers.observations import ProtocolViolation

RESERVED = "_"
"""The name of reserved bits in a table."""

KEPT = "Reserved"
"""Where reserved bits are kept that a peer set against the standard: they are sent on as they came."""


class _Bitfield(NamedTuple):
    """A field of fixed width; `shift` counts from the low end of its run."""

    name: str
    kind: str
    width: int
    shift: int

    def read(self, run: int) -> Value:
        value = run >> self.shift & ((1 << self.width) - 1)
        if self.kind == "u1":
            return bool(value)
        if self.kind == "u96":
            return value.to_bytes(12, "big")
        if self.kind[0] == "s" and value >> (self.width - 1):
            return value - (1 << self.width)
        return value

    def write(self, value: Any) -> int:
        if self.kind == "u96":
            if not isinstance(value, bytes) or len(value) != 12:
                raise ValueError(f"{self.name} takes 12 bytes, not {value!r}")
            return int.from_bytes(value, "big") << self.shift
        if not isinstance(value, int):
            raise ValueError(f"{self.name} takes an integer, not {value!r}")  # noqa: TRY004 - one error for callers
        low = -(1 << (self.width - 1)) if self.kind[0] == "s" else 0
        if not low <= value < low + (1 << self.width):
            raise ValueError(f"{self.name}: {value} does not fit {self.kind}")
        return (value & ((1 << self.width) - 1)) << self.shift


class _Run(NamedTuple):
    """Neighbouring fields of fixed width, together whole bytes."""

    size: int
    fields: tuple[_Bitfield, ...]
    reserved: tuple[_Bitfield, ...]
    mask: int

    def read(self, data: bytes, start: int, end: int, into: dict[str, Value]) -> int:
        stop = start + self.size
        if stop > end:
            raise ProtocolViolation(f"{self.size} bytes of fields end after {end - start}")
        run = int.from_bytes(data[start:stop], "big")
        for field in self.fields:
            into[field.name] = field.read(run)
        if run & self.mask:
            into[KEPT] = tuple(int(field.read(run)) for field in self.reserved)  # type: ignore[arg-type]
        return stop

    def write(self, fields: Mapping[str, Value]) -> bytes:
        run = 0
        for field in self.fields:
            run |= field.write(fields[field.name])
        kept = fields.get(KEPT)
        if isinstance(kept, tuple):
            for field, value in zip(self.reserved, kept, strict=False):
                run |= field.write(value)
        return run.to_bytes(self.size, "big")


class _Counted(NamedTuple):
    """A field with its length in front, in 16 bits: u1v, u8v, u16v, u32v, utf8v."""

    name: str
    kind: str

    def read(self, data: bytes, start: int, end: int, into: dict[str, Value]) -> int:
        if start + 2 > end:
            raise ProtocolViolation(f"{self.name} has no room for its length")
        count = int.from_bytes(data[start : start + 2], "big")
        unit, load, _ = _COUNTED[self.kind]
        start += 2
        stop = start + (count * unit + 7) // 8
        if stop > end:
            raise ProtocolViolation(f"{self.name} says {count} items, its parameter ends before them")
        into[self.name] = load(count, data[start:stop])
        return stop

    def write(self, fields: Mapping[str, Value]) -> bytes:
        value: Any = fields[self.name]
        unit, _, dump = _COUNTED[self.kind]
        try:
            raw = dump(value)
            count = value.count if unit == 1 else len(raw) * 8 // unit
            return int(count).to_bytes(2, "big") + raw
        except (AttributeError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f"{self.name} ({self.kind}) cannot be {value!r}: {error}") from error


class _ToEnd(NamedTuple):
    """What is left of the message or parameter, as it is."""

    name: str

    def read(self, data: bytes, start: int, end: int, into: dict[str, Value]) -> int:
        into[self.name] = data[start:end]
        return end

    def write(self, fields: Mapping[str, Value]) -> bytes:
        value = fields[self.name]
        if not isinstance(value, bytes):
            raise ValueError(f"{self.name} takes bytes, not {value!r}")  # noqa: TRY004 - one error for callers
        return value


def _bits(value: Bits) -> bytes:
    if len(value.data) != (value.count + 7) // 8:
        raise ValueError(f"{value.count} bits are not {len(value.data)} bytes")
    return value.data


def _bytes(value: bytes) -> bytes:
    return b"".join((value,))  # not bytes(): that makes zeros of a number


def _numbers(size: int) -> tuple[int, Callable[[int, bytes], Value], Callable[[Any], bytes]]:
    return (
        size * 8,
        lambda count, raw: tuple(int.from_bytes(raw[at : at + size], "big") for at in range(0, count * size, size)),
        lambda value: b"".join(item.to_bytes(size, "big") for item in value),
    )


_COUNTED: dict[str, tuple[int, Callable[[int, bytes], Value], Callable[[Any], bytes]]] = {
    # bits of an item; bytes to value; value to bytes
    "u1v": (1, Bits, _bits),
    "u8v": (8, lambda _, raw: raw, _bytes),
    "u16v": _numbers(2),
    "u32v": _numbers(4),
    # what is not UTF-8 is shown escaped: a reader's bad text must not hide what else it says
    "utf8v": (8, lambda _, raw: raw.decode("utf-8", "backslashreplace"), lambda value: value.encode("utf-8")),
}


class Layout:
    """The fields of one kind, in order: compiled from a table's `Name:type` words, `_:N` being N reserved bits.

    `size` is the length where every field has a fixed width, else None.
    """

    def __init__(self, words: Sequence[str]) -> None:
        pairs = [(name, kind) for name, _, kind in (word.partition(":") for word in words)]
        self.names = frozenset(name for name, _ in pairs if name != RESERVED)
        self.parts: list[_Run | _Counted | _ToEnd] = []
        run: list[tuple[str, str]] = []
        for name, kind in [*pairs, ("", "")]:
            if kind and kind not in _COUNTED and kind != "bytesToEnd":
                run.append((name, kind))
                continue
            if run:
                self.parts.append(_run(run))
                run = []
            if kind:
                self.parts.append(_ToEnd(name) if kind == "bytesToEnd" else _Counted(name, kind))
        runs = [part for part in self.parts if isinstance(part, _Run)]
        self.size = sum(part.size for part in runs) if len(runs) == len(self.parts) else None

    def read(self, data: bytes, start: int, end: int) -> tuple[dict[str, Value], int]:
        """The fields that begin at `start`, and where they end. Raises `ProtocolViolation` if that is after `end`."""
        fields: dict[str, Value] = {}
        for part in self.parts:
            start = part.read(data, start, end, fields)
        return fields, start

    def write(self, fields: Mapping[str, Value]) -> bytes:
        """The bytes of `fields`. Raises ValueError for one that is missing, unknown or out of range."""
        given = fields.keys() - {KEPT}
        if given != self.names:
            missing, unknown = sorted(self.names - given), sorted(given - self.names)
            raise ValueError(f"fields missing: {missing}, fields unknown: {unknown}")
        return b"".join([part.write(fields) for part in self.parts])


def _run(words: list[tuple[str, str]]) -> _Run:
    widths = [int(kind.lstrip("us")) for _, kind in words]
    total = sum(widths)
    if total % 8:
        raise ValueError(f"{words} are {total} bits: not whole bytes")
    shift = total
    fields: list[_Bitfield] = []
    for (name, kind), width in zip(words, widths, strict=True):
        shift -= width
        fields.append(_Bitfield(name, kind, width, shift))
    reserved = tuple(field for field in fields if field.name == RESERVED)
    mask = sum(((1 << field.width) - 1) << field.shift for field in reserved)
    return _Run(total // 8, tuple(field for field in fields if field.name != RESERVED), reserved, mask)
