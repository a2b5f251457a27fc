"""The rule of portals: did a tag cross, and which way. Bookkeeping is in `portal`.

Each side's reads give a mean time, weighted by linear power: a tag is strongest where it passes closest. Coming in, the
outside's mean is the earlier. What counts is how far the means lie apart compared with how long the tag was heard: a
tag that stands still, or turns back, has both in the middle. Old reads fade, so that a pallet that waited at the door
still shows how it left.
"""

from __future__ import annotations

import math
from array import array
from typing import Final

import msgspec

from gateway.location.floor import NO_LEVEL
from gateway.location.outcome import Key
from gateway.location.zone import NOMINAL
from gateway.model import Direction, Identity, Side

MEMORY: Final = 10.0
"""Seconds in which reads at a portal lose 63 % of their weight."""

CLEAR: Final = 0.5
"""Distance of the sides' mean times, in standard deviations of all times, from which the direction is sure."""

CLEAR_STANDING: Final = 1.0
"""The same for a tag that stood in the field before: chance alone makes up to half of this."""

VAGUE: Final = 0.2
"""Below this distance a tag did not cross, unless it was heard too shortly to say."""

SHORT: Final = 0.5
"""Seconds: heard on both sides within this, a tag was too fast for its direction to be known."""

STANDING: Final = 20.0
"""Seconds after which a tag that is still heard stands in the field."""

_REACH = 30.0
"""Time constants after which weights are written anew."""

_POWER, _TIMES, _SQUARES, _STRIDE = 0, 1, 2, 3


class Crossing(msgspec.Struct, gc=False, weakref=False):
    """A tag in the field of a portal. Sums are over times since `origin`; inside first, then outside.

    `settled`: it was looked at before and is still near; `passed` is the direction in which it crossed meanwhile.
    """

    identity: Identity
    key: Key
    armed: float
    origin: float
    first: float
    last: float
    review: float
    sums: array[float]
    ports: str
    tally: array[float]
    settled: bool = False
    passed: Direction | None = None

    def restart(self, time: float) -> None:
        """Forget the evidence: what comes is another run."""
        self.origin = self.first = time
        self.sums = array("d", (0.0,) * (2 * _STRIDE))
        self.ports, self.tally = "", array("d")

    def hear(self, side: Side, letter: str, level: float, time: float) -> None:
        """One read's evidence."""
        if time - self.origin > _REACH * MEMORY:
            self._shift(time)
        at = 0 if side == "inside" else _STRIDE
        since = time - self.origin
        weight = 10.0 ** ((level if level > NO_LEVEL else NOMINAL) / 10.0) * math.exp(since / MEMORY)
        self.sums[at] += weight
        self.sums[at + _TIMES] += weight * since
        self.sums[at + _SQUARES] += weight * since * since
        port = self.ports.find(letter)
        if port < 0:
            port = len(self.ports)
            self.ports += letter
            self.tally.extend((0.0, NO_LEVEL))
        self.tally[2 * port] += 1.0
        self.tally[2 * port + 1] = max(self.tally[2 * port + 1], level)

    def _shift(self, time: float) -> None:
        """Move the origin to `time`, keeping all means."""
        by = time - self.origin
        factor = math.exp(-by / MEMORY)
        for at in (0, _STRIDE):
            power, times, squares = (value * factor for value in self.sums[at : at + _STRIDE])
            self.sums[at] = power
            self.sums[at + _TIMES] = times - by * power
            self.sums[at + _SQUARES] = squares - 2 * by * times + by * by * power
        self.origin = time

    @property
    def reads(self) -> int:
        """Reads of this run."""
        return int(sum(self.tally[::2]))

    def middle(self) -> float:
        """The time at which it was in the door: between the sides' mean times."""
        means = [self.origin + self.sums[at + _TIMES] / self.sums[at] for at in (0, _STRIDE) if self.sums[at] > 0.0]
        return min(max(sum(means) / len(means), self.first), self.last) if means else self.last

    def lead(self) -> float | None:
        """By how much outside came before inside, in standard deviations of all times; None if one side heard nothing.

        Positive: inwards. Infinite deviations do not occur; no spread at all gives 0.
        """
        inside, outside = self.sums[_POWER], self.sums[_STRIDE]
        if not (inside > 0.0 and outside > 0.0):
            return None
        power = inside + outside
        mean = (self.sums[_TIMES] + self.sums[_STRIDE + _TIMES]) / power
        variance = (self.sums[_SQUARES] + self.sums[_STRIDE + _SQUARES]) / power - mean * mean
        if variance < 1e-6:
            return 0.0
        apart = self.sums[_TIMES] / inside - self.sums[_STRIDE + _TIMES] / outside
        return apart / math.sqrt(variance)

    def verdict(self, *, one_sided: bool) -> Direction | None:
        """Which way it crossed; None: it did not. `one_sided`: hearing it on one side shows that something crossed."""
        lead = self.lead()
        if lead is None:
            return "unknown" if one_sided and not self.settled else None
        standing = self.settled or self.last - self.first > STANDING
        if abs(lead) >= (CLEAR_STANDING if standing else CLEAR):
            direction: Direction = "in" if lead > 0.0 else "out"
            return None if direction == self.passed else direction
        if standing:
            return None
        return "unknown" if abs(lead) >= VAGUE or self.last - self.first < SHORT else None
