"""The grid of decisions: zones and portals decide at whole steps of event time, on all that was heard until then.

What arrives within one step is weighed in the order in which it was made, whatever order it came in: two readers'
reports, or threads of one, may overtake each other without another decision. It costs a decision at most one step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from drivers.observations import Read
from gateway.location.floor import Place
from gateway.location.outcome import Key, Outcome

RATE: Final = 10.0
"""Steps in a second."""

NEAR: Final = 1e-5
"""Seconds: what is due no further behind a step is due at it, for sums of times come out by so much too late."""

MOST: Final = 5_000
"""Reads of one step that wait for its end; a flood of more is weighed in parts, for sorting it would be a pause."""

SLICE: Final = 250
"""Reads weighed in one call: some 5 ms where each is new, and as many events at the most."""

Hear = Callable[[Read, Key, Place, float, float, float, list[Outcome]], None]

Empty = Callable[[Place, float, float, list[Outcome]], None]
"""Is told that nothing is at an antenna: since when, and when that is decided."""

Heard = tuple[float, str, bytes, float, Key, Read | None, Place]
"""Time, letter of the place, value, level: what orders it; then key, read, place. Without a read: it is empty there.

Nothing that the garbage collector follows: so many at a time would be a pause.
"""


def past(time: float, now: float) -> float:
    """A stamp as a time until now."""
    return time if 0.0 <= time <= now else now


def step_before(time: float) -> float:
    """The last step that does not lie after that time."""
    number = math.floor(time * RATE)
    return number / RATE if number / RATE <= time else (number - 1) / RATE


def step_from(time: float) -> float:
    """The first step that does not lie before that time."""
    number = math.ceil(time * RATE)
    return number / RATE if number / RATE >= time else (number + 1) / RATE


def step_after(time: float) -> float:
    """The first step that lies after that time: the end of the one that runs then."""
    number = math.floor(time * RATE) + 1
    return number / RATE if number / RATE > time else (number + 1) / RATE


class Steps:
    """What waits for the end of its step, and what of ended ones was not weighed yet."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        """Of the step that runs, as it came."""
        self.end = math.inf
        """When that step ends; infinite if nothing was heard in it."""
        self.ready: list[Heard] = []
        """Of steps that ended, the oldest last."""

    def noted(self, now: float) -> None:
        """`heard` got more at that time."""
        if self.heard and self.end == math.inf:
            self.end = step_after(now)
        if len(self.heard) >= MOST:
            self.close()

    def close(self) -> None:
        """The step is over."""
        heard, self.heard, self.end = self.heard, [], math.inf
        try:
            heard.sort()
        except TypeError:
            # Alike in all that orders them, but not the same: one tag's reads of one moment, of another phase.
            heard.sort(key=lambda one: (*one[:4], repr(one[5])))
        heard.reverse()
        self.ready = heard + self.ready if self.ready else heard

    def weigh(self, rules: Mapping[str, Hear], empty: Empty, step: float, now: float, out: list[Outcome]) -> None:
        """A slice of what is ready, decided at `step`, the last that ended; of a flood in the one that runs, then."""
        some = self.ready[-SLICE:]
        del self.ready[-SLICE:]
        step = max(step, min(some[0][0], now))
        for time, _, _, level, key, read, place in reversed(some):
            if read is not None:
                rules[place.point.name](read, key, place, level, time, step, out)
            else:
                empty(place, level, step, out)
