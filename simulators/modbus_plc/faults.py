"""How a bus is made to fail. Pure."""

from __future__ import annotations


class Faults:
    """What is wrong, until it is set right: units by number."""

    def __init__(self) -> None:
        self.dead: set[int] = set()
        self.silent = False
        self.exceptions: dict[int, int] = {}
        self.delays: dict[int, float] = {}
        self._garbage: list[bytes] = []

    def garbage(self, data: bytes = b"\xde\xad\xbe\xef\x00\xff\x00\xff\x00\xff") -> None:
        """The next answer is these bytes instead."""
        self._garbage.append(data)

    def spoilt(self) -> bytes | None:
        """What comes in place of this answer."""
        return self._garbage.pop(0) if self._garbage else None

    def mute(self, unit: int) -> bool:
        """Whether that unit says nothing."""
        return self.silent or unit in self.dead
