"""LLRP messages and parameters as values: names and fields are the standard's own (LLRP 1.0.1, sections 16 and 17)."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar, overload

import msgspec

_T = TypeVar("_T")


class Bits(NamedTuple):
    """A bit string of `count` bits, left-aligned in `data`: EPCs, masks, truth tables (LLRP type u1v)."""

    count: int  # type: ignore[assignment]  # the standard's word; nobody counts bytes within a pair
    data: bytes


Value = int | bool | str | bytes | Bits | tuple[int, ...]
"""u1 is bool, u2..u64 and s8..s64 int, utf8v str, u8v, u96 and bytes-to-end bytes, u16v and u32v tuple, u1v Bits."""


class _Node:
    """What messages and parameters share: looking up fields by name and children by path.

    Values are typed `Any` at this door: which type a field has is in the tables, by its name.
    """

    __slots__ = ()
    name: str
    fields: dict[str, Value]
    children: tuple[Element, ...]

    def __getitem__(self, field: str) -> Any:
        """The field's value; KeyError if this kind has no such field."""
        return self.fields[field]

    @overload
    def get(self, field: str) -> Any: ...
    @overload
    def get(self, field: str, default: _T) -> Any | _T: ...
    def get(self, field: str, default: object = None) -> Any:
        """The field's value, or `default`."""
        return self.fields.get(field, default)

    def child(self, name: str) -> Element | None:
        """The first child called `name`."""
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> list[Element]:
        """Every child called `name`, in wire order."""
        return [child for child in self.children if child.name == name]

    def find(self, *path: str) -> Element | None:
        """The first descendant down `path`, one name a level, trying every branch."""
        for child in self.all(path[0]):
            found = child.find(*path[1:]) if len(path) > 1 else child
            if found is not None:
                return found
        return None


class Element(_Node, msgspec.Struct, frozen=True):
    """A parameter, TLV or TV. Not known: `Unknown` (`type`, `data`) or `Custom` (ids, `Data`), kept as they came."""

    name: str
    fields: dict[str, Value] = {}
    children: tuple[Element, ...] = ()


class Message(_Node, msgspec.Struct, frozen=True):
    """A message. Not known: `UNKNOWN` (`type`, `data`) or `CUSTOM_MESSAGE` (ids, `Data`), kept as they came."""

    name: str
    id: int
    version: int = 1
    fields: dict[str, Value] = {}
    children: tuple[Element, ...] = ()
