"""The reader's clock against the host's: offset = running minimum of (host time - reader stamp).

A report arrives later than it was stamped, never earlier: the smallest difference of the last minute is the truest.
The scale does not matter: UTC, a clock that says 2000, or microseconds since boot (LLRP 1.0.1, 13.1.1 and 13.1.2).
"""

from __future__ import annotations

from collections import deque

WINDOW = 60.0
_SLOT = 5.0
_STEP = 60.0
"""A live link delays nothing this long (keepalives would have ended it): one of the clocks was set."""
_RESTART = 1.0
"""A greeting is not delayed this long: the reader has been restarted, or its clock set."""


class ReaderClock:
    """Adds up to a host time: `reader stamp + offset`. Outlives connections; one for each reader."""

    def __init__(self) -> None:
        self._slots: deque[tuple[int, float]] = deque()
        self.offset: float | None = None
        self._ahead: float | None = None

    def seed(self, stamp: float, received: float) -> None:
        """The connection event's stamp (s) and when it arrived: begins anew if a clock was set or began again."""
        if self.offset is not None:
            step = received - stamp - self.offset
            if step > _RESTART or step < -_STEP:
                self._slots.clear()
                self.offset = None
        self.observe(stamp, received)

    def observe(self, stamp: float, received: float) -> float:
        """A fresh stamp (s) and when it arrived; gives the offset. Never feed what the reader held.

        A stamp far ahead counts when a second one agrees: else one garbled stamp would shift all reads of a minute.
        """
        difference = received - stamp
        if self.offset is not None and difference < self.offset - _STEP:
            claimed, self._ahead = self._ahead, difference
            if claimed is None or abs(difference - claimed) > _STEP:
                return self.offset
        self._ahead = None
        slot = int(received // _SLOT)
        slots = self._slots
        if self.offset is not None and (difference - self.offset > _STEP or (slots and slot < slots[-1][0])):
            slots.clear()
        if slots and slots[-1][0] == slot:
            if difference >= slots[-1][1]:
                return self._settle(slot)
            slots.pop()
        while slots and slots[-1][1] >= difference:
            slots.pop()
        slots.append((slot, difference))
        return self._settle(slot)

    def _settle(self, slot: int) -> float:
        while self._slots[0][0] <= slot - WINDOW / _SLOT:
            self._slots.popleft()
        self.offset = self._slots[0][1]
        return self.offset

    def time(self, stamp: float | None, received: float) -> float:
        """Host time of a stamp (s); without a stamp or an offset, when it arrived."""
        return received if stamp is None or self.offset is None else stamp + self.offset
