"""How long a tag may be silent before it has left: as long as its zone says, or as its own pace makes likely.

A reader asks RFID tags many times a second; a beacon speaks when it likes, every 100 ms or once a minute. Where the
`presence_timeout` of a zone is `auto`, a beacon is given ten of the intervals at which it is heard, and a tag as long
as the zone's own gaps ask for: some zones hear their tags only now and then, behind pallets for instance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.model import ReadPoint

BEACONS: Final = ("ibeacon", "eddystone", "ble")
"""Schemes of identities that are beacons' own."""

TIMEOUT: Final = 30.0
"""Seconds of silence after which a tag has left, where `presence_timeout` is `auto`; for a beacon at least that."""

UNKNOWN: Final = 120.0
"""For a beacon whose pace is not known yet."""

LONGEST: Final = 600.0
"""For a beacon at most."""

INTERVALS: Final = 10
"""At which a beacon is heard that it may be silent: were it heard at random, one silence in 20,000 is so long."""

GAP: Final = 15.0
"""Seconds of silence that a zone learns from: what is shorter says little of how long the longest last."""

RARE: Final = 0.02
"""Of the stays in a zone, those that a gap may end though the tag is still there."""

PATIENT: Final = 120.0
"""Seconds that a zone learns at most: what is away for longer is away."""

_USUAL: Final = 5.0
"""Seconds by which gaps exceed `GAP`, on average, before any was seen."""

_ASSUMED: Final = 20.0
"""Stays without a gap that a zone is given in advance: one tag's gap proves little."""

_STAYS: Final = 500.0
"""Stays of a zone after which older ones fade."""

_KNOWN: Final = 3
"""Intervals from which on a pace is known."""

_SETTLED: Final = 8
"""Intervals from which on an absence teaches nothing any more, and the newest weighs an eighth."""

_BURST: Final = 0.25
"""Of the pace: shorter ones are one advertisement heard by several adapters, or a beacon that hurries."""

_HURRY: Final = 0.995
"""What each of those leaves of the pace, so that a beacon that speeds up is followed in the end."""

_REMEMBERED: Final = 20_000
"""Beacons whose pace is kept, present or not; the one met longest ago goes first."""


class _Pace(msgspec.Struct, gc=False):
    """Of a beacon: its interval, from how many, how long it may be silent, and when it left."""

    interval: float = 0.0
    known: int = 0
    limit: float = UNKNOWN
    left: float = math.inf


class _Gaps(msgspec.Struct, gc=False):
    """Of a zone: stays, gaps in them beyond `GAP`, and by how many seconds they went beyond in all."""

    stays: float = 0.0
    gaps: float = 0.0
    excess: float = 0.0

    @property
    def limit(self) -> float:
        """The silence that ends one stay in fifty by mistake, where long gaps are as exponential tails are."""
        mean = (self.excess + _USUAL) / (self.gaps + 1.0)
        often = self.gaps / (RARE * (self.stays + _ASSUMED))
        return min(max(TIMEOUT, GAP + mean * math.log(max(often, 1.0))), PATIENT)


class Patience:
    """Zones by number, -1 for a tag that is in none yet; tags by the URI of what they name."""

    def __init__(self) -> None:
        self._fixed: list[float] = [TIMEOUT]
        self._auto: list[bool] = [True]
        self._gaps: list[_Gaps] = []
        self._paces: dict[str, _Pace] = {}

    def replace(self, zones: Sequence[ReadPoint]) -> None:
        """Take the zones of a new configuration; one that was there before has its old number."""
        self._auto = [*(zone.presence_timeout is None for zone in zones), True]
        self._gaps += [_Gaps() for _ in range(len(zones) - len(self._gaps))]
        given = [
            gaps.limit if zone.presence_timeout is None else zone.presence_timeout
            for zone, gaps in zip(zones, self._gaps, strict=True)
        ]
        self._fixed = [*given, max(given, default=TIMEOUT)]

    def of(self, zone: int, uri: str) -> float:
        """Seconds of silence that a tag in that zone is given."""
        pace = self._paces.get(uri) if self._paces else None
        if pace is None or not self._auto[zone]:
            return self._fixed[zone]
        return pace.limit if zone >= 0 else max(pace.limit, self._fixed[zone])

    def shortest(self, zone: int) -> float:
        """What no tag in that zone is given less than."""
        return self._fixed[zone]

    def meet(self, uri: str, time: float) -> None:
        """A beacon that is not present was heard. What was learned of it before holds."""
        pace = self._paces.pop(uri, None) or _Pace()
        if len(self._paces) >= _REMEMBERED:
            del self._paces[next(iter(self._paces))]
        self._paces[uri] = pace
        away = time - pace.left
        if pace.known < _SETTLED and 0.0 < away <= LONGEST:
            # It may have been here all the time, and only slow.
            _learn(pace, away)

    def heard(self, uri: str, silence: float, zone: int) -> None:
        """One that is present in that zone was heard again; all antennas observed meanwhile."""
        pace = self._paces.get(uri) if self._paces else None
        if pace is not None:
            _learn(pace, silence)
        elif silence >= GAP and zone >= 0:
            self._gap(zone, silence)

    def came(self, zone: int, away: float) -> None:
        """One arrived in that zone, `away` seconds after it was last seen anywhere, or moved there (infinite)."""
        gaps = self._gaps[zone]
        if gaps.stays >= _STAYS:
            gaps.stays, gaps.gaps, gaps.excess = gaps.stays / 2.0, gaps.gaps / 2.0, gaps.excess / 2.0
        gaps.stays += 1.0
        if GAP <= away <= 2.0 * TIMEOUT:
            # It had not left, most likely: a forklift is not back so soon.
            self._gap(zone, away)

    def _gap(self, zone: int, silence: float) -> None:
        gaps = self._gaps[zone]
        gaps.gaps += 1.0
        gaps.excess += silence - GAP
        if self._auto[zone]:
            self._fixed[zone] = gaps.limit
            self._fixed[-1] = max(self._fixed)

    def left(self, uri: str, last_seen: float) -> None:
        """One departed."""
        pace = self._paces.get(uri) if self._paces else None
        if pace is not None:
            pace.left = last_seen

    def shift(self) -> None:
        """The host's clock was set: when it left is not known any more."""
        for pace in self._paces.values():
            pace.left = math.inf


def _learn(pace: _Pace, silence: float) -> None:
    if silence < pace.interval * _BURST:
        pace.interval *= _HURRY
    else:
        pace.known = min(pace.known + 1, _SETTLED)
        pace.interval += (silence - pace.interval) / pace.known
    if pace.known >= _KNOWN:
        pace.limit = min(max(INTERVALS * pace.interval, TIMEOUT), LONGEST)
