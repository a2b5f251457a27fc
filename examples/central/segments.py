"""One segment beside its events: whether it is online, and whether we are equal since it is. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .checks import PAGES

ASK_EVERY, ASK_LEAST = 5.0, 300.0
"""Seconds between two requests for the snapshot of a zone: at first, and when it stays unequal."""

IN_VAIN = 12
"""Requests that nobody answered, after which there is no such zone any more."""

STALE = 3600.0
"""Seconds without a snapshot, after which one is asked for: an hour is four of the gateway's own."""

ZONES = 1000
"""Of a segment; those beyond are not compared. And of all its snapshots that wait no more than PAGES pages are kept."""

SEGMENTS = 10_000
"""Beyond these nobody is listened to, but for the events."""

Json = dict[str, Any]


@dataclass
class Zone:
    """Where objects are, by the last level of its topics."""

    equal: bool | None = None  # None: no snapshot was compared since the segment came back
    since: float | None = None  # it is unequal since then
    gone: bool = False  # nobody answers for it
    asked: int = 0  # since its last snapshot
    pace: float = ASK_EVERY
    due: float = 0.0
    heard: float = 0.0
    pages: dict[int, Json] = field(default_factory=dict)
    whole: bool = False  # all pages are here, and wait to be compared


class Segment:
    """Zones are known by the topics on which something is placed, or a snapshot comes."""

    def __init__(self) -> None:
        self.online = False
        self.zones: dict[str, Zone] = {}
        self._since: float | None = None  # it came back then, and not all is equal yet
        self._turned = 0.0  # when the last of its zones turned equal
        self.took: float | None = None
        """Seconds from its last return to all its zones being equal."""

    def meet(self, topic: str) -> None:
        """There is a zone."""
        name = topic.rpartition("/")[2]
        if name in self.zones or len(self.zones) < ZONES:
            self.zones.setdefault(name, Zone()).gone = False

    def is_now(self, online: bool, now: float) -> None:  # noqa: FBT001 - it is, or it is not
        """As its `state` says; whoever comes back is compared anew."""
        if online and not self.online:
            self._since = now
            for zone in self.zones.values():
                zone.equal, zone.asked, zone.due, zone.pace = None, 0, now, ASK_EVERY
        self.online = online

    def asks(self, now: float) -> list[str]:
        """Zones of which a snapshot is due."""
        found = []
        for name, zone in self.zones.items():
            wanted = not zone.equal or now - zone.heard >= STALE
            if wanted and now >= zone.due and not (zone.gone or zone.whole):
                zone.asked, zone.due = zone.asked + 1, now + zone.pace
                found.append(name)
        return found

    def give_up(self, now: float, converged: Callable[[float], None]) -> list[str]:
        """Zones that are no more: they do not answer, until something is placed there or a snapshot comes."""
        gone = [name for name, zone in self.zones.items() if zone.asked >= IN_VAIN and now >= zone.due]
        for name in gone:
            self.zones[name] = Zone(gone=True)
        if gone:
            self._converge(converged)
        return gone

    def page(self, topic: str, page: Json, now: float) -> None:
        """One of a snapshot: the newest of a zone is kept until it is compared."""
        self.meet(topic)
        zone = self.zones.get(topic.rpartition("/")[2])
        if zone is None:
            return
        first = next(iter(zone.pages.values()), page)
        if first["snapshot"] != page["snapshot"]:
            if zone.whole and _older(page["asOf"], first["asOf"]):
                return
            zone.pages, zone.whole = {}, False
        zone.pages[page["page"]] = page
        zone.whole = len(zone.pages) >= page["pages"]
        if zone.whole:
            zone.asked, zone.heard = 0, now
        while sum(len(one.pages) for one in self.zones.values()) > PAGES:
            other = next(one for one in self.zones.values() if one.pages)
            other.pages, other.whole = {}, False

    def waiting(self) -> list[tuple[str, list[Json]]]:
        """Zones with the pages of a whole snapshot that is not compared yet."""
        return [(name, list(zone.pages.values())) for name, zone in self.zones.items() if zone.whole]

    def compared(self, name: str, equal: bool, now: float, converged: Callable[[float], None]) -> None:  # noqa: FBT001
        """A zone's snapshot was; `converged` is told when all are equal, how many seconds after it came back."""
        zone = self.zones[name]
        if equal and not zone.equal:
            self._turned = now
        zone.equal, zone.pages, zone.whole = equal, {}, False
        if equal:
            zone.since, zone.pace = None, ASK_EVERY
        else:
            zone.since = zone.since if zone.since is not None else now if self._since is None else self._since
            zone.pace = min(2 * zone.pace, ASK_LEAST)
        self._converge(converged)

    def _converge(self, converged: Callable[[float], None]) -> None:
        there = [zone.equal for zone in self.zones.values() if not zone.gone]
        if self._since is not None and there and all(there):
            self.took = self._turned - self._since
            converged(self.took)
            self._since = None

    def unequal(self, now: float) -> float:
        """Seconds that a zone is unequal which tells of itself, from when it turned so, or the segment came back."""
        return max((now - one.since for one in self.zones.values() if one.since is not None), default=0.0)


class Segments(dict[str, Segment]):
    """By what their topics begin with: whoever is asked for is there, up to the end of them."""

    def __missing__(self, home: str) -> Segment:
        made = Segment()
        if len(self) < SEGMENTS:
            self[home] = made
        return made


def _older(one: Json, other: Json) -> bool:
    """Whether one position comes before another of the same stream."""
    at, than = ((int(as_of["epoch"]), int(as_of["sequence"])) for as_of in (one, other))
    return bool(one["stream"] == other["stream"]) and at < than
