"""What is remembered of objects that departed, so that their eventTimes never run backwards."""

from __future__ import annotations

import math

import msgspec

_REMEMBERED = 20_000
"""Departed objects remembered one by one."""


class Departed(msgspec.Struct, frozen=True, gc=False):
    """An object's last departure: its eventTime, the time up to which it was decided, and whether its presence was
    lost rather than seen to end."""

    time: float
    decided: float
    lost: bool


class Memory:
    """Departures by object. Bounded: those forgotten leave a limit that holds for all."""

    def __init__(self) -> None:
        self._departed: dict[str, Departed] = {}
        self._others = Departed(-math.inf, -math.inf, lost=False)

    def note(self, uri: str, departed: Departed) -> None:
        """An object departed."""
        self._departed.pop(uri, None)
        self._departed[uri] = departed
        if len(self._departed) > _REMEMBERED:
            oldest = self._departed.pop(next(iter(self._departed)))
            self._others = Departed(max(self._others.time, oldest.time), -math.inf, lost=False)

    def last(self, uri: str) -> Departed:
        """Its next arrival is not before `time`, and no read before `decided` makes one."""
        return self._departed.get(uri, self._others)

    def shift(self) -> None:
        """The host's clock was set: eventTimes still do not run backwards, but no read is too old any more."""
        for uri, one in self._departed.items():
            self._departed[uri] = Departed(one.time, -math.inf, one.lost)

    def forget(self, uri: str) -> None:
        """It arrived again."""
        self._departed.pop(uri, None)
