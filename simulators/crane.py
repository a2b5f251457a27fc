"""A yard crane as its PLC shows it: twist-locks and the load on the hoist. Pure.

discrete 0 locked, 1 unlocked · input 0 load (0.1 t, uint16).
"""

from __future__ import annotations

from simulators.modbus_plc.bank import Bank


class Crane:
    """It is moved by hand; where it stands is its GPS receiver's to say."""

    def __init__(self) -> None:
        self.bank = Bank()
        self.unlock()

    def lock(self, tonnes: float = 24.0) -> None:
        """The twist-locks close on a container, and the hoist takes its load."""
        self._set(locked=True, tonnes=tonnes)

    def unlock(self) -> None:
        """They open: the container stands."""
        self._set(locked=False, tonnes=0.0)

    def _set(self, *, locked: bool, tonnes: float) -> None:
        self.bank.bit("discrete", 0, on=locked)
        self.bank.bit("discrete", 1, on=not locked)
        self.bank.words("input", 0, [round(tonnes * 10)])

    def advance(self, now: float) -> None:
        """Nothing moves by itself."""
