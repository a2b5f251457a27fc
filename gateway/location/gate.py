"""The gate of a portal or a checkpoint: the signal that says when reads count."""

from __future__ import annotations

import math

from gateway.model import Gate


class GateState:
    """Open while the signal is on, and `hold` seconds longer. Before the first signal it is closed."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.on = False
        self._windows = ((math.inf, -math.inf), (math.inf, -math.inf))

    def signal(self, value: float, time: float) -> None:
        """The signal changed, or was said again."""
        begin, _ = self._windows[-1]
        if bool(value) == self.on:
            return
        self.on = bool(value)
        if self.on:
            self._windows = (self._windows[-1], (time, math.inf))
        else:
            self._windows = (self._windows[0], (begin, time + self.gate.hold))

    def step(self, by: float) -> None:
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
