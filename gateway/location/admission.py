"""Which identifiers count where: what segment and read point accept, at the first sight of each."""

from __future__ import annotations

from collections.abc import Callable

from drivers.observations import Antenna, Read
from gateway.identity.accept import matches
from gateway.location.floor import Place
from gateway.location.outcome import MAX_ALIASES, Counts, Key
from gateway.model import Identity, ReadPoint, Rules

Met = Callable[[Identity, float, str, Antenna | None, str], None]
"""Is told of each identity that is looked up: when, by which device and antenna, at which read point."""


class Admission:
    """Resolves reads and refuses what is not wanted; what was refused is remembered, in bounded memory."""

    def __init__(
        self, rules: Rules, resolve: Callable[[Read], Identity], counts: Counts, met: Met | None = None
    ) -> None:
        self._rules = rules
        self.resolve = resolve
        self._counts = counts
        self._met = met
        self._refused: dict[str, set[Key]] = {}

    def replace(self, rules: Rules) -> None:
        """New rules: everything is looked at again."""
        self._rules = rules
        self._refused.clear()

    def rename(self) -> None:
        """Identifiers may have other names from now on: everything is looked at again."""
        self._refused.clear()

    def identify(self, read: Read, key: Key, place: Place, time: float) -> Identity | None:
        """Whom the read names, None if it does not count at this read point (and is counted as ignored)."""
        point = place.point
        refused = self._refused.get(point.name)
        if refused is not None and key in refused:
            self._counts.ignored += 1
            return None
        identity = self.resolve(read)
        if self._met is not None:
            self._met(identity, time, place.device, place.antenna, point.name)
        if wanted(identity, self._rules, point):
            return identity
        self._counts.ignored += 1
        if refused is None or len(refused) >= MAX_ALIASES:
            refused = self._refused[point.name] = set()
        refused.add(key)
        return None


def wanted(identity: Identity, rules: Rules, point: ReadPoint) -> bool:
    """Whether segment and read point accept whom that names."""
    if rules.raw == "drop" and identity.scheme in ("raw", "afi"):
        return False
    if rules.accept and not matches(identity, rules.accept):
        return False
    if point.accept and not matches(identity, point.accept):
        return False
    return not (point.ignore and matches(identity, point.ignore))
