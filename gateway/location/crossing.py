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

CLEAR: Final = 0.3
"""Distance of the sides' mean times, in standard deviations of all times, from which the direction is sure.

Simulated doors give 0.45 to 0.95 for a crossing, and within 0.2 of nothing for a tag that turns back.
"""

CLEAR_AGAIN: Final = 0.6
"""The same for a tag that was near the door before, and for one that is still heard."""

VAGUE: Final = 0.2
"""Below this distance a tag did not cross, unless it was heard too shortly to say."""

SHORT: Final = 0.5
"""Seconds: heard on both sides within this, a tag was too fast for its direction to be known."""

STANDING: Final = 20.0
"""Seconds after which a tag that is still heard stands in the field."""

AWAY: Final = 10.0
"""Seconds of silence after which a tag that was near the door comes anew."""

FLIP: Final = 5.0
"""dB by which the stronger side changes when a standing tag leaves through the door; `LEAN` dB of it on either side."""

LEAN: Final = 1.5

FADE: Final = 6.0
"""dB by which a tag that leaves the field is below its strongest; one that stands keeps its level."""

GONE: Final = 9.0
"""dB by which a tag that is still heard will soon be out of the field: it is judged then."""

_SMOOTH = 0.3
"""Weight of a new level in the smoothed one that `FADE` looks at."""

_FAST, _SLOW = 2.0, 30.0
"""Seconds over which a standing tag's sides are compared: now, and as a rule."""

_REACH = 30.0
"""Time constants after which weights are written anew."""

_POWER, _TIMES, _SQUARES, _STRIDE = 0, 1, 2, 3


class Crossing(msgspec.Struct, gc=False, weakref=False):
    """A tag in the field of a portal. Sums are over times since `origin`; inside first, then outside.

    `sides` holds each side's recent and usual power. `settled`: it was judged before and is still near; `anew`: it was
    out of the field for a while since; `passed` is the direction in which it crossed last. `level` is smoothed, dBm.
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
    sides: array[float]
    level: float = NO_LEVEL
    peak: float = NO_LEVEL
    settled: bool = False
    anew: bool = False
    passed: Direction | None = None

    def restart(self, time: float) -> None:
        """Forget the evidence: what comes is another run."""
        self.origin = self.first = time
        self.sums = array("d", (0.0,) * (2 * _STRIDE))
        self.ports, self.tally = "", array("d")
        self.level = self.peak = NO_LEVEL

    def hear(self, side: Side, letter: str, level: float, time: float) -> None:
        """One read's evidence."""
        if time - self.origin > _REACH * MEMORY:
            self._shift(time)
        at = 0 if side == "inside" else _STRIDE
        since = time - self.origin
        heard = level if level > NO_LEVEL else NOMINAL
        self.level = heard if self.level <= NO_LEVEL else self.level + _SMOOTH * (heard - self.level)
        self.peak = max(self.peak, self.level)
        power = 10.0 ** (heard / 10.0)
        self._compare(0 if side == "inside" else 1, power, time)
        weight = power * math.exp(since / MEMORY)
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

    def _compare(self, side: int, power: float, time: float) -> None:
        """`sides`: time of the last read, then recent inside and outside, usual inside and outside."""
        sides = self.sides
        since = max(time - sides[0], 0.0)
        sides[0] = max(time, sides[0])
        for at, memory in ((1, _FAST), (3, _SLOW)):
            kept = math.exp(-since / memory)
            sides[at] *= kept
            sides[at + 1] *= kept
            sides[at + side] += power

    def flipped(self) -> Direction | None:
        """Which way a standing tag has just gone, by the side that is the stronger one now and was not before."""
        now, before = _balance(self.sides[1], self.sides[2]), _balance(self.sides[3], self.sides[4])
        if now * before >= 0.0 or min(abs(now), abs(before)) < LEAN or abs(now - before) < FLIP:
            return None
        return "in" if now > 0.0 else "out"

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

    @property
    def faded(self) -> float:
        """dB by which it is below its strongest."""
        return self.peak - self.level

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
        span = self.last - self.first
        if self.settled or span > STANDING:
            return self._again(lead, span)
        if abs(lead) >= CLEAR:
            return _way(lead)
        return "unknown" if abs(lead) >= VAGUE or span < SHORT else None

    def _again(self, lead: float, span: float) -> Direction | None:
        """A tag that stands, or was here before: chance alone must not make a passage of it."""
        direction = self.flipped()
        comes = (self.anew or self.passed is not None) and SHORT <= span <= STANDING and self.faded >= FADE
        if direction is None and comes and abs(lead) >= CLEAR_AGAIN:
            direction = _way(lead)
        return None if direction == self.passed else direction

    def cleared(self) -> Direction | None:
        """Which way it crossed, as far as that is sure while it is still heard."""
        lead = self.lead()
        if lead is None or self.faded >= GONE:
            return None
        if self.settled or self.last - self.first > STANDING:
            return self._again(0.0, 0.0)
        return _way(lead) if abs(lead) >= CLEAR_AGAIN else None


def _way(lead: float) -> Direction:
    return "in" if lead > 0.0 else "out"


def _balance(inside: float, outside: float) -> float:
    """dB by which inside is stronger; what was not heard at all counts as very weak."""
    return 10.0 * math.log10((inside + 1e-15) / (outside + 1e-15))
