"""The gate of a portal or a checkpoint: the signal that says when reads count."""

from __future__ import annotations

import math
from typing import Self

from gateway.model import Gate, ReadPoint


class GateState:
    """Open while the signal is on, and `hold` seconds longer. Before the first signal it is closed."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.on = False
        """Whether the signal is."""
        self._windows = ((math.inf, -math.inf), (math.inf, -math.inf))

    @classmethod
    def of(cls, point: ReadPoint, before: Self | None = None) -> Self | None:
        """The gate of that read point, if it has one; of the signal of `before` it stays as it is."""
        if point.gate is None or (before is not None and before.follow(point.gate)):
            return None if point.gate is None else before
        return cls(point.gate)

    def follow(self, gate: Gate) -> bool:
        """Take other times of the same signal; False if it is another."""
        if (gate.device, gate.signal) != (self._gate.device, self._gate.signal):
            return False
        self._gate = gate
        return True

    def hear(self, device: str, name: str, value: float, time: float) -> None:
        """An input changed, or was said again; it may be another than the gate's."""
        if (device, name) != (self._gate.device, self._gate.signal) or bool(value) == self.on:
            return
        begin, _ = self._windows[-1]
        self.on = bool(value)
        if self.on:
            self._windows = (self._windows[-1], (time, math.inf))
        else:
            self._windows = (self._windows[0], (begin, time + self._gate.hold))

    def shift(self, by: float) -> None:
        """The host's clock was set by so many seconds."""
        before, last = self._windows
        self._windows = ((before[0] + by, before[1] + by), (last[0] + by, last[1] + by))

    def counts(self, time: float) -> bool:
        """Whether a read of that time counts, be it of the window before."""
        return any(begin <= time <= end for begin, end in self._windows)

    @property
    def closes(self) -> float | None:
        """When the window ends, if that is known."""
        end = self._windows[-1][1]
        return end if not self.on and end > -math.inf else None
