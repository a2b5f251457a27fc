"""The tables of the standard and of vendors, read once into definitions.

A line of a table is

    177 ROSpec  ROSpecID:u32 Priority:u8 CurrentState:u8  > ROBoundarySpec AISpec/RFSurveySpec/Custom+ ROReportSpec?

type number (below 128: a TV parameter; in a vendor's table: the subtype), name, fields in order (`_:7` is seven
reserved bits), and after `>` the parameters it holds, in order: one, `?` at most one, `*` any number, `+` one or more,
`/` between alternatives. Indented lines continue the one before; `#` begins a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from drivers.llrp.codec import tables_impinj, tables_messages, tables_parameters, tables_zebra
from drivers.llrp.codec.layout import Layout

CUSTOM = 1023
"""The type number of vendors' messages and parameters (LLRP 1.0.1, sections 8.1 and 8.2)."""


class Slot(NamedTuple):
    """A place for children: which names fit, how many there must and may be (None: any number)."""

    names: frozenset[str]
    least: int
    most: int | None


class Definition(NamedTuple):
    """One kind of message or parameter; of a custom one, `vendor` is the enterprise number and `number` the subtype."""

    name: str
    number: int
    vendor: int | None
    layout: Layout
    slots: tuple[Slot, ...]


_COUNTS = {"?": (0, 1), "*": (0, None), "+": (1, None)}


def _slot(word: str) -> Slot:
    least, most = _COUNTS.get(word[-1], (1, 1))
    return Slot(frozenset(word.rstrip("?*+").split("/")), least, most)


def _read(table: str, vendor: int | None = None) -> Iterator[Definition]:
    lines = "\n".join(line for line in table.splitlines() if line and not line.startswith("#"))
    joined = re.sub(r"/\s+", "/", re.sub(r"\n\s+", " ", lines))
    for line in joined.splitlines():
        head, _, children = line.partition(">")
        number, name, *fields = head.split()
        yield Definition(name, int(number), vendor, Layout(fields), tuple(_slot(word) for word in children.split()))


_MESSAGES = list(_read(tables_messages.MESSAGES))
_PARAMETERS = list(_read(tables_parameters.PARAMETERS))
_VENDORS = (tables_impinj, tables_zebra)

MESSAGES = {definition.number: definition for definition in _MESSAGES}
PARAMETERS = {definition.number: definition for definition in _PARAMETERS}
CUSTOM_MESSAGES = {
    (table.VENDOR, definition.number): definition
    for table in _VENDORS
    for definition in _read(table.MESSAGES, table.VENDOR)
}
CUSTOM_PARAMETERS = {
    (table.VENDOR, definition.number): definition
    for table in _VENDORS
    for definition in _read(table.PARAMETERS, table.VENDOR)
}
MESSAGES_BY_NAME = {definition.name: definition for definition in [*_MESSAGES, *CUSTOM_MESSAGES.values()]}
PARAMETERS_BY_NAME = {definition.name: definition for definition in [*_PARAMETERS, *CUSTOM_PARAMETERS.values()]}
