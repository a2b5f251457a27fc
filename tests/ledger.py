"""The one invariant of all that is recorded, whatever happens to a gateway, checked in one way by every scenario.

recorded (its COMMIT returned) is delivered, or pending, or a dead letter, or declared lost; an id has one place and a
place one event; a lane goes up; no number below the greatest is missing undeclared; nothing comes out but what went in.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

Event = Mapping[str, Any]


class Place(NamedTuple):
    """Where an event stands: its number in a stream."""

    stream: str
    epoch: int
    sequence: int


class Ledger:
    """Told of every event as it passes; `faults` says what is wrong with all of it together."""

    def __init__(self) -> None:
        self.recorded: set[Place] = set()
        self.delivered: dict[Place, int] = {}
        """How often each came."""
        self.kept: dict[Place, str] = {}
        """What a file still has, and in which state."""
        self.declared: set[Place] = set()
        self._events: dict[Place, int] = {}
        self._ids: dict[str, Place] = {}
        self._newest: dict[tuple[str, object], dict[str, Place]] = defaultdict(dict)
        self._faults: list[str] = []

    def fork(self) -> Ledger:
        """Another one that knows what this one does."""
        other = Ledger()
        other.recorded, other.declared = set(self.recorded), set(self.declared)
        other.delivered, other.kept = dict(self.delivered), dict(self.kept)
        other._events, other._ids, other._faults = dict(self._events), dict(self._ids), list(self._faults)
        for lane, newest in self._newest.items():
            other._newest[lane] = dict(newest)
        return other

    def record(self, event: Event) -> None:
        """Its COMMIT returned."""
        self.recorded.add(self._note(event))

    def deliver(self, event: Event, lane: str | None = None, life: object = None) -> None:
        """It was given to the broker, or came to a subscriber; in this lane of this life of the gateway."""
        place = self._note(event)
        self.delivered[place] = self.delivered.get(place, 0) + 1
        if lane is not None:
            before = self._newest[lane, life].get(place.stream)
            if before is not None and place <= before:
                self._faults.append(f"out of order in the lane {lane}: {place} after {before}")
            self._newest[lane, life][place.stream] = place

    def keep(self, event: Event, state: str) -> None:
        """It is in a file, pending, sent, confirmed or dead."""
        self.kept[self._note(event)] = state

    def _note(self, event: Event) -> Place:
        place = Place(event["stream"], event["epoch"], int(event["sequence"]))
        content = {name: value for name, value in event.items() if name != "historical"}
        digest = hash(json.dumps(content, sort_keys=True))
        if self._events.setdefault(place, digest) != digest:
            self._faults.append(f"two events at {place}, or one that was changed: {event['id']}")
        if self._ids.setdefault(event["id"], place) != place:
            self._faults.append(f"one id at two places: {event['id']} at {self._ids[event['id']]} and {place}")
        if event["type"] == "readpoint.loss.v1":
            lost = event["data"]
            self.declared.update(
                Place(lost["stream"], lost["epoch"], number) for number in range(lost["from"], lost["to"] + 1)
            )
        return place

    def knows(self, id: str) -> bool:  # noqa: A002 - CloudEvents' word
        """Whether an event of this id was ever seen."""
        return id in self._ids

    @property
    def lost(self) -> list[Place]:
        """Recorded, and neither delivered nor kept to be delivered, nor declared."""
        return sorted(
            place
            for place in self.recorded - self.delivered.keys() - self.declared
            if self.kept.get(place) not in {"pending", "dead"}
        )

    @property
    def given_up(self) -> list[Place]:
        """Recorded, and now only declared lost: what a disk that keeps its promises never comes to."""
        return sorted((self.recorded & self.declared) - self.delivered.keys() - self.kept.keys())

    @property
    def holes(self) -> list[Place]:
        """Numbers below the greatest of their epoch that are nowhere, and were not declared."""
        known = self._events.keys() | self.declared
        tops: dict[tuple[str, int], int] = {}
        for stream, epoch, number in known:
            tops[stream, epoch] = max(number, tops.get((stream, epoch), 0))
        every = (Place(*key, number) for key, top in tops.items() for number in range(1, top + 1))
        there = self.delivered.keys() | self.kept.keys() | self.declared
        return [place for place in every if place not in there]

    @property
    def invented(self) -> list[Place]:
        """Delivered, and never recorded; where every COMMIT was told of, there are none."""
        return sorted(self.delivered.keys() - self.recorded)

    @property
    def faults(self) -> list[str]:
        """Everything that breaks the invariant, a sentence each; nothing where it holds."""
        return [
            *self._faults,
            *(f"recorded and lost: {place}" for place in self.lost),
            *(f"undeclared hole: {place}" for place in self.holes),
        ]

    def __str__(self) -> str:
        states = list(self.kept.values())
        return (
            f"{len(self.recorded)} recorded, {len(self.delivered)} delivered ({sum(self.delivered.values())} times),"
            f" {states.count('pending')} pending, {states.count('dead')} dead, {len(self.declared)} declared lost,"
            f" {len(self.lost)} lost, {len(self.holes)} undeclared holes"
        )
