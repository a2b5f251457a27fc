"""When to try again, and when to suspect another box with our identity. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

from gateway.config.site import Uplink
from gateway.uplink.causes import Kind

NEAR = 1.5
"""Longest wait in seconds before an unreachable broker is tried again.

A refused or unroutable TCP connect costs a packet and no broker time, and events wait behind it: a broker that is back
must be found within 2 s. The long backoff is for answers that only a person changes (certificates, access rules).
"""

SHORT_LIVED = 10.0
"""A connection the peer ends sooner than this (seconds after CONNACK) is a sign of two boxes with one identity."""

SUSPICIOUS = 3
"""That many in a row are taken for proof: two clients with one Client ID push each other out for ever."""

SLOW = 4.0
"""Seconds that one publication may take on its way before smaller ones are made."""

SMALLEST = 4096
"""Bytes of a publication that are not worth halving any more."""


class Reconnecting:
    """Delays between attempts, from what became of the last one. `chance` gives random numbers in [0, 1)."""

    def __init__(self, settings: Uplink, chance: Callable[[], float]) -> None:
        self._settings = settings
        self._chance = chance
        self._failures = 0
        self._short_lived = 0

    @property
    def taken_over(self) -> bool:
        """Whether the last connections ended the way they do when another box uses the identity."""
        return self._short_lived >= SUSPICIOUS

    def failed(self, kind: Kind) -> float:
        """No connection came about."""
        if kind == "unreachable":
            self._short_lived = 0  # a rival never makes the broker unreachable: the broker went down, nobody pushed us
        return self._next(NEAR if kind == "unreachable" else math.inf)

    def ended(self, lasted: float, *, by_peer: bool) -> float:
        """A connection ended `lasted` seconds after its CONNACK."""
        self._short_lived = self._short_lived + 1 if by_peer and lasted < SHORT_LIVED else 0
        if self.taken_over:
            return self._settings.takeover_backoff
        return self._next(NEAR)

    def settled(self) -> None:
        """The present connection has lasted: it is ours alone, and the next trouble is a new one."""
        self._short_lived = self._failures = 0

    def _next(self, ceiling: float) -> float:
        delay = min(ceiling, self._settings.backoff_max, self._settings.backoff_min * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return delay * (0.5 + self._chance() / 2)


def retry_delay(settings: Uplink, attempts: int, chance: float) -> float:
    """Seconds until a refused publication is offered again, after so many attempts."""
    return min(settings.refused_backoff, settings.backoff_min * 2.0 ** min(attempts, 16)) * (0.5 + chance / 2)


class Width:
    """How many publications may be in flight: halved when the broker has too much, one more for each that it takes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.now = most

    def halve(self) -> None:
        self.now = max(1, self.now // 2)

    def widen(self) -> None:
        self.now = min(self._most, self.now + 1)


class Portion:
    """How many bytes a publication may have: one must be through before anybody loses patience, however slow the line.

    `fit` is told how long one took once those before it were through; `halve` that none came through at all.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.now = most

    def fit(self, took: float) -> None:
        if took > SLOW:
            self.halve()
        elif took < SLOW / 4:
            self.now = min(self._most, 2 * self.now)

    def halve(self) -> None:
        self.now = max(SMALLEST, self.now // 2)


def shares(window: int, *, live: bool, historical: bool) -> dict[str, int]:
    """How many publications each lane may have in flight: half the window each while both wait."""
    half = max(1, window // 2)
    return {"live": half if historical else window, "historical": half if live else window}
