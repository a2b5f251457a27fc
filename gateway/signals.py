"""Stack lights and horns: which outputs of a device are on, by its rules, by what happened, and by time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

import msgspec

from gateway.model import Transition

Event = Literal["arrived", "moved", "departed", "passed", "observed", "unknown", "offline"]
EVENTS: tuple[Event, ...] = get_args(Event)

MOMENT = 3.0
"""Seconds that an output stays on for an event whose rule does not say."""

LATE = 30.0
"""Seconds after which what happened is no news any more to who stands there: reads that a reader held."""

_NEVER, _ALWAYS = float("-inf"), float("inf")


class Rule(msgspec.Struct, frozen=True):
    """Output `gpo` is on for `hold` seconds from each `event` at one of `read_points`.

    `unknown` is a passage of unknown direction, `passed` one that is known. `offline` is no event but a condition, and
    of no read point: without `hold` the output is on while it lasts. An `inverted` output is off where others are on.
    """

    event: Event
    gpo: int
    read_points: frozenset[str] = frozenset()
    hold: float | None = None
    inverted: bool = False


def event_of(transition: Transition) -> Event:
    """The event that a transition is."""
    return "unknown" if transition.direction == "unknown" else transition.kind


def is_news(transition: Transition, now: float) -> bool:
    """Whether it happened just now (Unix seconds); a departure has happened when it was decided."""
    happened = transition.decided if transition.kind == "departed" else transition.time
    return now - happened <= LATE


def _hold(rule: Rule) -> float:
    if rule.hold is not None:
        return rule.hold
    return _ALWAYS if rule.event == "offline" else MOMENT


class Panel:
    """The outputs of one device. `now` is in seconds of any steady clock."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self._until = [_NEVER] * len(self.rules)
        self._fresh: set[int] = set()
        self._offline = False

    @property
    def watches(self) -> bool:
        """Whether any rule is about `offline`."""
        return any(rule.event == "offline" for rule in self.rules)

    def happened(self, event: Event, read_point: str) -> None:
        """An event: its outputs go on at the next `states`, and what is on already stays on for longer."""
        for index, rule in enumerate(self.rules):
            if rule.event == event and read_point in rule.read_points:
                self._fresh.add(index)

    def offline(self, so: bool) -> None:  # noqa: FBT001 - a condition holds or does not
        """Whether the condition holds; where it is as it was, nothing changes."""
        if so is self._offline:
            return
        self._offline = so
        for index, rule in enumerate(self.rules):
            if rule.event == "offline" and so:
                self._fresh.add(index)
            elif rule.event == "offline" and rule.hold is None:
                self._fresh.discard(index)
                self._until[index] = _NEVER

    def states(self, now: float) -> Mapping[int, bool]:
        """Every output that a rule is about: on while any of its rules says so."""
        for index in self._fresh:
            self._until[index] = max(self._until[index], now + _hold(self.rules[index]))
        self._fresh.clear()
        on = dict.fromkeys((rule.gpo for rule in self.rules), False)
        for rule, until in zip(self.rules, self._until, strict=True):
            on[rule.gpo] |= until > now
        inverted = {rule.gpo for rule in self.rules if rule.inverted}
        return {gpo: state is not (gpo in inverted) for gpo, state in on.items()}

    def next_change(self, now: float) -> float:
        """When an output goes off by itself; infinity where none does."""
        return min((until for until in self._until if until > now), default=_ALWAYS)
