"""A tag in the field of a portal: what was heard of it since it came. What that means is in `evidence`.

Reads are kept as they are, for whether a tag crossed shows only when it has: a few dozen while it passes, a window of
the latest while it stands.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from gateway.location.outcome import Key
from gateway.model import Direction, Identity

QUIET: Final = 2.0
"""Seconds of silence on both sides after which a crossing is over."""

WINDOW: Final = 12.0
"""Seconds of reads kept of a tag that stands."""

MOST: Final = 600
"""Reads kept of a tag at a time."""


class Heard(NamedTuple):
    """One read: dBm, offset corrected; Hz, NaN if the reader did not say."""

    time: float
    letter: int
    level: float
    doppler: float


Run = list[Heard]
"""Reads of one tag in order of time."""


class Crossing(msgspec.Struct, gc=False, weakref=False):
    """What was heard of a tag. `first` and `last` bound the reads kept.

    It is `under_way` while it is heard, then `waiting` for its company. `settled`: it was judged and is still near;
    `rest`: it has been heard ever since, what is kept is what came after;
    `standing` is since when it has been heard without leaving, `parked` that this is long, or that it came `idle` times
    and did not cross; `usual` is how strong inside and outside heard it then. `crossed` is the way it went last, at
    `through`, with `peaks` on each side; `heard` is when it was heard the last times it was judged (from, to), and how
    strong.
    """

    identity: Identity
    key: Key
    armed: float
    first: float
    last: float
    review: float
    standing: float
    times: array[float]
    letters: array[int]
    levels: array[float]
    shifts: array[float]
    under_way: bool = False
    waiting: bool = False
    settled: bool = False
    rest: bool = False
    parked: bool = False
    idle: int = 0
    crossed: Direction | None = None
    through: float = 0.0
    peaks: tuple[float, float] = (math.inf, math.inf)
    usual: tuple[float, float] = (-math.inf, -math.inf)
    heard: tuple[tuple[float, float, float], ...] = ()

    def hear(self, letter: int, level: float, shift: float, time: float) -> None:
        """Keep one read."""
        self.times.append(time)
        self.letters.append(letter)
        self.levels.append(level)
        self.shifts.append(shift)
        if len(self.times) > MOST:
            self.keep_since(self.times[len(self.times) // 2])

    def stood(self, peaks: tuple[float, float]) -> None:
        """It was heard so, and did not move."""
        self.usual = max(self.usual[0], peaks[0]), max(self.usual[1], peaks[1])

    def restart(self, time: float) -> None:
        """Forget what was heard: what comes is another run."""
        self.first = time
        del self.times[:], self.letters[:], self.levels[:], self.shifts[:]

    def keep_since(self, time: float) -> None:
        """Forget what is older."""
        kept = [one for one in self._reads() if one.time >= time]
        self.restart(kept[0].time if kept else self.last)
        for one in kept:
            self.times.append(one.time)
            self.letters.append(one.letter)
            self.levels.append(one.level)
            self.shifts.append(one.doppler)

    def _reads(self) -> Iterator[Heard]:
        return map(Heard, self.times, self.letters, self.levels, self.shifts)

    def run(self) -> Run:
        """All reads in order of time, whatever order they came in."""
        return sorted(self._reads())
