"""One segment beside its events: whether it is online, and whether we are equal since it is. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ASK_EVERY = 5.0
"""Seconds between requests for the snapshots of a segment that came back."""

Json = dict[str, Any]


class Segment:
    """Zones are known by the topics on which something arrived."""

    def __init__(self) -> None:
        self.online = False
        self.stream: str | None = None
        """The one that its last `state` named: others of it are of boxes and disks that were replaced."""
        self._since: float | None = None  # it came back then, and not all is equal yet
        self._asked = 0.0
        self._equal: dict[str, bool | None] = {}  # None: no snapshot came since
        self._pages: dict[str, dict[int, Json]] = {}
        self.took: float | None = None
        """Seconds from its last return to all its zones being equal."""

    def meet(self, topic: str) -> None:
        """There is a zone."""
        self._equal.setdefault(topic.rpartition("/")[2], None)

    def is_now(self, online: bool, now: float, stream: str | None = None) -> None:  # noqa: FBT001 - it is, or it is not
        """As its `state` says; whoever comes back is compared anew."""
        if online and not self.online:
            self._since, self._asked, self._equal = now, 0.0, dict.fromkeys(self._equal)
        self.online, self.stream = online, stream or self.stream

    def asks(self, now: float) -> list[str]:
        """Zones of which a snapshot is due."""
        if self._since is None or now - self._asked < ASK_EVERY:
            return []
        self._asked = now
        return [zone for zone, equal in self._equal.items() if not equal]

    def whole(self, topic: str, page: Json) -> set[str] | None:
        """All ids of a snapshot, when this is its last page to come."""
        pages = self._pages.setdefault(topic, {})
        if any(one["snapshot"] != page["snapshot"] for one in pages.values()):
            pages.clear()
        pages[page["page"]] = page
        if len(pages) < page["pages"]:
            return None
        zone = topic.rpartition("/")[2]
        self._equal[zone] = bool(self._equal.get(zone))
        return {thing for one in self._pages.pop(topic).values() for thing in one["ids"]}

    def compared(self, topic: str, equal: bool, now: float, converged: Callable[[float], None]) -> None:  # noqa: FBT001 - same
        """A zone's snapshot was; `converged` is told when all are equal, how many seconds after it came back."""
        self._equal[topic.rpartition("/")[2]] = equal
        if self._since is not None and all(self._equal.values()):
            self.took = now - self._since
            converged(self.took)
            self._since = None

    def unequal(self, now: float) -> float:
        """Seconds since it came back, while a zone that tells of itself is not equal since; else 0."""
        return now - self._since if self._since is not None and False in self._equal.values() else 0.0
