"""Which tags take part: masks on tag memory (C1G2Filter, C1G2TargetTag; sections 15.2.1.2.1.1 and 15.2.1.3.1)."""

from __future__ import annotations

import binascii

import msgspec

from drivers.llrp.codec.enums import C1G2MemoryBank, C1G2StateUnawareAction
from drivers.llrp.codec.values import Bits, Element
from simulators.air import Heard

_KEPT = 50_000
"""Decisions kept by tag, so that a mask costs nothing when a tag is read again."""


def epc_memory(heard: Heard) -> bytes:
    """Memory bank 01 as Gen2 lays it out: StoredCRC, StoredPC, EPC."""
    stored = heard.pc.to_bytes(2, "big") + heard.epc
    return crc(stored).to_bytes(2, "big") + stored


def crc(data: bytes) -> int:
    """CRC-16 of Gen2 (annex F: CCITT, preset FFFF, inverted)."""
    return binascii.crc_hqx(data, 0xFFFF) ^ 0xFFFF


def memory(heard: Heard, bank: int) -> bytes:
    """A tag's memory bank; empty where the tag has none that we know."""
    if bank == C1G2MemoryBank.EPC:
        return epc_memory(heard)
    return heard.tid or b"" if bank == C1G2MemoryBank.TID else b""


class Mask(msgspec.Struct, frozen=True):
    """Bits to compare, from bit `pointer` of a bank on, where `care` has ones."""

    bank: int
    pointer: int
    count: int
    value: int
    care: int

    def matches(self, heard: Heard) -> bool:
        """Whether the tag's memory reaches that far and holds these bits there."""
        content = memory(heard, self.bank)
        spare = len(content) * 8 - self.pointer - self.count
        if spare < 0:
            return False
        return (int.from_bytes(content, "big") >> spare ^ self.value) & self.care == 0


def number(bits: Bits) -> int:
    """A bit string as an integer."""
    return int.from_bytes(bits.data, "big") >> (len(bits.data) * 8 - bits.count)


def mask_of(inventory_mask: Element) -> Mask:
    """C1G2TagInventoryMask as a mask."""
    bits: Bits = inventory_mask["TagMask"]
    care = (1 << bits.count) - 1
    return Mask(inventory_mask["MB"], inventory_mask["Pointer"], bits.count, number(bits), care)


_SELECT_IF, _UNSELECT_IF = 1, 0
_ACTIONS: dict[int, tuple[int | None, int | None]] = {
    C1G2StateUnawareAction.Select_Unselect: (_SELECT_IF, _UNSELECT_IF),
    C1G2StateUnawareAction.Select_DoNothing: (_SELECT_IF, None),
    C1G2StateUnawareAction.DoNothing_Unselect: (None, _UNSELECT_IF),
    C1G2StateUnawareAction.Unselect_DoNothing: (_UNSELECT_IF, None),
    C1G2StateUnawareAction.Unselect_Select: (_UNSELECT_IF, _SELECT_IF),
    C1G2StateUnawareAction.DoNothing_Select: (None, _SELECT_IF),
}


class Filters:
    """Filters in their order. A tag that the first filter does not touch starts as the filter's opposite demands:

    selected if that filter can only unselect, unselected if it can only select.
    """

    def __init__(self, filters: list[Element]) -> None:
        self._steps: list[tuple[Mask, int | None, int | None]] = []
        for each in filters:
            mask, action = each.child("C1G2TagInventoryMask"), each.child("C1G2TagInventoryStateUnawareFilterAction")
            if mask is not None:
                then, otherwise = _ACTIONS.get(action["Action"] if action else 0, (_SELECT_IF, _UNSELECT_IF))
                self._steps.append((mask_of(mask), then, otherwise))
        self._decided: dict[tuple[bytes, int, bytes | None], bool] = {}

    def __bool__(self) -> bool:
        return bool(self._steps)

    def select(self, heard: Heard) -> bool:
        """Whether this tag takes part."""
        key = (heard.epc, heard.pc, heard.tid)
        decided = self._decided.get(key)
        if decided is None:
            if len(self._decided) >= _KEPT:
                self._decided.clear()
            decided = self._decided[key] = self._select(heard)
        return decided

    def _select(self, heard: Heard) -> bool:
        selected = _SELECT_IF not in self._steps[0][1:]
        for mask, then, otherwise in self._steps:
            verdict = then if mask.matches(heard) else otherwise
            selected = selected if verdict is None else bool(verdict)
        return selected
