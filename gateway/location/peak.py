"""When an object passed a checkpoint: its signal says, if it rises and falls, as that of a tag on a belt.

Of two cartons the one that is heard first need not be the first to pass: the other's tag may lie on its far side. So
where signals rise and fall an object is told once its own is past its peak, and dated by it: by the mean time of its
reads, weighted by the square of their power. Where they do not, each is told at its first read.

Which of the two a checkpoint is, it learns: of those that it told at once, a few are watched until they are gone.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from gateway.location.floor import NO_LEVEL, Place
from gateway.model import Identity

FALL: Final = 6.0
"""dB below its highest at which a signal is past its peak."""

SMOOTH: Final = 0.4
"""What the newest read weighs in that: one weak read among strong ones ends nothing."""

SILENT: Final = 1.0
"""Seconds without a read after which it is over: at the edge of the field a tag is heard now and then."""

LONGEST: Final = 10.0
"""Seconds after its first read after which an object is told in any case, where `peak_wait` is `auto`."""

RISE: Final = 10.0
"""dB between the first and the strongest read of a signal that rises: several times what noise adds to a still one."""

WATCHED: Final = 4
"""Objects that are watched at a time, after they were told."""

_NEWEST: Final = 0.25
"""What the newest weighs in the share of signals that rise."""

_HOLD, _RELEASE = 0.4, 0.2
"""Of that share: from where on objects wait for their peak (two in a row), and below which they do not any more."""


class Visit(msgspec.Struct, gc=False):
    """What has not been reported yet, or is watched: its first time, its reads so far, the strongest and its place.

    `until` is the time until which it may wait for its peak; `level` its signal, smoothed, and `highest` what that was;
    `rival` the strongest read of a neighbouring read point.
    """

    identity: Identity
    first: float
    reads: int = 0
    peak: float = NO_LEVEL
    entry: float = NO_LEVEL
    place: Place | None = None
    until: float = math.inf
    told: bool = False
    rival: float = NO_LEVEL
    level: float = NO_LEVEL
    highest: float = NO_LEVEL
    weight: float = 0.0
    total: float = 0.0

    def hear(self, place: Place, level: float, time: float) -> None:
        """One read of it."""
        if not self.reads:
            self.first = time
        self.reads += 1
        if level >= self.peak:
            self.peak, self.place = level, place
        if level > NO_LEVEL:
            if self.entry == NO_LEVEL:
                self.entry = self.level = level
            self.level += (level - self.level) * SMOOTH
            self.highest = max(self.highest, self.level)
            weight = 10.0 ** (level / 5.0)
            self.weight += weight
            self.total += weight * (time - self.first)

    @property
    def past(self) -> bool:
        """Whether its signal is past its peak."""
        return self.level <= self.highest - FALL

    @property
    def strongest(self) -> float:
        """When it was strongest; when it was heard first, if its reads had no level."""
        return self.first + self.total / self.weight if self.weight else self.first

    @property
    def rose(self) -> bool:
        """Whether its signal came up from far."""
        return self.highest - self.entry >= RISE


class Peaks:
    """Whether the objects of one checkpoint wait for their peaks, and for how long. `wait` None: as it learns."""

    def __init__(self, wait: float | None) -> None:
        self.watching = 0
        """Objects that are."""
        self._rising = 0.0
        self.replace(wait)

    def replace(self, wait: float | None) -> None:
        """Another setting; what was learned holds."""
        self._learns = wait is None
        self.longest = LONGEST if wait is None else wait
        """Seconds that an object waits for its peak."""
        self.silent = max(SILENT, self.longest / 8.0)
        """Seconds without a read after which it waits no longer."""
        self.hold = self._rising >= _HOLD if wait is None else wait > 0.0
        """Whether objects wait."""

    @property
    def curious(self) -> bool:
        """Whether one more should be watched."""
        return self._learns and not self.hold and self.watching < WATCHED

    def learn(self, visit: Visit) -> None:
        """A visit is over that had waited, or was watched."""
        if not self._learns:
            return
        self._rising += (visit.rose - self._rising) * _NEWEST
        self.hold = self._rising >= (_RELEASE if self.hold else _HOLD)
