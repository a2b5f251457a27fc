"""How worn the disks of this machine are, where the kernel shows it: eMMC in /sys (JESD84-B51, section 7.4.3)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

BLOCK = Path("/sys/block")
_OVER = 0x0B
"""Life time exceeded; 0x01 to 0x0A are tenths of it, 0 says nothing."""

_KINDS = ("a", "b")
"""Of memory cells: SLC, where the device has it, and MLC."""


class Wear(NamedTuple):
    """The share of its life that one kind of cells of a disk has used at most."""

    disk: str
    kind: str
    share: float


def wear(block: Path = BLOCK) -> list[Wear]:
    """Of each disk that tells; NVMe and SATA disks tell only root (`smartctl`)."""
    found: list[Wear] = []
    for file in sorted(block.glob("*/device/life_time")):
        try:
            values = [int(word, 16) for word in file.read_text(errors="replace").split()]
        except (OSError, ValueError):
            continue
        disk = file.parents[1].name
        found += [
            Wear(disk, kind, value / 10) for kind, value in zip(_KINDS, values, strict=False) if 0 < value <= _OVER
        ]
    return found
