"""The four tables of a Modbus unit (Modbus Application Protocol 1.1b3, section 4.3), by address. Pure."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Literal

Table = Literal["coil", "discrete", "input", "holding"]


class Bank:
    """Bits and registers that are there; all others are not."""

    def __init__(self) -> None:
        self.tables: dict[Table, dict[int, int]] = {"coil": {}, "discrete": {}, "input": {}, "holding": {}}

    def bit(self, table: Literal["coil", "discrete"], address: int, *, on: bool) -> None:
        """Sets a bit."""
        self.tables[table][address] = int(on)

    def words(self, table: Literal["input", "holding"], address: int, words: Sequence[int]) -> None:
        """Sets registers."""
        for place, word in enumerate(words, address):
            self.tables[table][place] = word & 0xFFFF

    def pack(self, table: Literal["input", "holding"], address: int, layout: str, *values: float) -> None:
        """Sets registers to values as `struct` packs them, big-endian."""
        data = struct.pack(f">{layout}", *values)
        self.words(table, address, struct.unpack(f">{len(data) // 2}H", data))

    def text(self, table: Literal["input", "holding"], address: int, text: str, length: int) -> None:
        """Sets a string of so many registers, filled with NUL."""
        data = text.encode("ascii").ljust(length * 2, b"\0")[: length * 2]
        self.words(table, address, struct.unpack(f">{length}H", data))

    def read(self, table: Table, address: int, count: int) -> list[int] | None:
        """That many bits or registers; None where one of them is not there."""
        own = self.tables[table]
        places = range(address, address + count)
        return [own[place] for place in places] if all(place in own for place in places) else None
