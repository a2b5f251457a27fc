"""What a simulated reader hears: the only thing it knows of the world around its antennas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Heard(NamedTuple):
    """One tag singulated once: RSSI in dBm, phase in degrees, Doppler shift in Hz, Gen2 PC word, TID bank if known."""

    epc: bytes
    rssi: float
    phase: float = 0.0
    doppler: float = 0.0
    pc: int = 0x3000
    tid: bytes | None = None


class Air(Protocol):
    """The radio field, as readers ask for it."""

    def hear(self, reader: str, antenna: int, now: float) -> Sequence[Heard]:
        """What this antenna hears in one inventory round that starts at `now` (seconds, the reader's host clock)."""
        ...


class Silence:
    """An empty room."""

    def hear(self, reader: str, antenna: int, now: float) -> Sequence[Heard]:  # noqa: ARG002 - nobody is anywhere
        return ()


class Shelf:
    """Tags that stand where they are: every antenna hears every tag, in turns of `share` tags a round.

    Costs nothing per tag, so that a benchmark measures the reader and whoever listens to it, not the radio model.
    """

    def __init__(self, tags: Sequence[Heard], share: int | None = None) -> None:
        size = share or max(len(tags), 1)
        self._turns = [tags[start : start + size] for start in range(0, len(tags), size)] or [()]
        self._next: dict[str, int] = {}

    def hear(self, reader: str, antenna: int, now: float) -> Sequence[Heard]:  # noqa: ARG002 - the same everywhere
        turn = self._next.get(reader, 0)
        self._next[reader] = (turn + 1) % len(self._turns)
        return self._turns[turn]
