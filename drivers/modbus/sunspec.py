"""SunSpec discovery: finds the models of a device and what they measure. Pure: a procedure that asks for blocks.

SunSpec Device Information Model Specification 1.1, section 3: "SunS" stands at 40000, 50000 or 0, then models, each
with its identifier and its length, up to identifier 0xFFFF.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence

import msgspec

from drivers.modbus.profiles import Model, Named
from drivers.modbus.registers import Block

Found = list[tuple[Named, ...]]
"""The points of each model found, at their addresses in this device."""

Asking = Generator[Block, Sequence[int] | None, Found]
"""Asks for blocks; is sent their registers, or None where the device refuses them."""

_BASES = (40000, 50000, 0)
_MARK = (0x5375, 0x6E53)
_END = 0xFFFF
_MOST_MODELS = 64


def discover(models: Mapping[int, Model]) -> Asking:
    """All models of the device that are known. Nothing where it does not speak SunSpec."""
    for base in _BASES:
        mark = yield Block("holding", base, 2)
        if mark is not None and tuple(mark) == _MARK:
            return (yield from _walk(base + 2, models))
    return []


def _walk(address: int, models: Mapping[int, Model]) -> Asking:
    found: Found = []
    seen: dict[str, int] = {}
    for _ in range(_MOST_MODELS):
        head = yield Block("holding", address, 2)
        if head is None or head[0] == _END:
            break
        number, length = head
        model = models.get(number)
        if model is not None:
            found.append(_placed(model, address, length + 2, seen))
        address += length + 2
        if address > 0xFFFE:
            break
    return found


def _placed(model: Model, address: int, length: int, seen: dict[str, int]) -> tuple[Named, ...]:
    """The model's points that its length covers; a second model of the kind has its names numbered: `power_2`."""
    seen[model.title] = seen.get(model.title, 0) + 1
    suffix = f"_{seen[model.title]}" if seen[model.title] > 1 else ""
    placed = []
    for named in model.points:
        point = named.point
        if point.span[1] > length or address + point.span[1] > 0x10000:
            continue
        exponent = None if point.exponent is None else address + point.exponent
        moved = msgspec.structs.replace(
            point, name=point.name + suffix, address=address + point.address, exponent=exponent
        )
        placed.append(Named(moved, named.uom))
    return tuple(placed)
