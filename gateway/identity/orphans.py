"""Identifiers without a GS1 id: raw tags, beacons and codes that no identity map names. Pure.

Fed at the first sight of an identifier and with each event, never at a read; of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

import msgspec

from drivers.observations import Antenna
from gateway.identity.resolve import Rename
from gateway.model import Identity, Sighting, Transition

NAMELESS = frozenset(("raw", "afi", "ibeacon", "eddystone", "ble", "code"))
"""Schemes of identifiers that are no GS1 id and no other EPC."""

MOST = 1000
"""Identifiers that are listed: the latest, and of those that were not seen lately the more frequent."""

_WEIGHED = 16
"""So many of the oldest are compared when one has to go."""


class Orphan(msgspec.Struct, frozen=True, rename="camel"):
    """An identifier, when and where it was seen (Unix seconds). `reads` are those that its events tell of."""

    identifier: str
    first_seen: float
    last_seen: float
    reads: int
    device: str
    antenna: Antenna | None
    read_point: str


class Orphans:
    """Those of one segment. `forgotten` counts the ones that had to make room."""

    def __init__(self, most: int = MOST) -> None:
        self.forgotten = 0
        self._most = most
        self._rename: Rename | None = None
        self._known: dict[str, tuple[Identity, Orphan]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def meet(self, identity: Identity, time: float, device: str, antenna: Antenna | None, read_point: str) -> None:
        """An identifier was looked up: it is new, or was not seen for a while."""
        if identity.scheme not in NAMELESS:
            return
        uri = identity.uri
        before = self._known.pop(uri, None)
        first, reads = (before[1].first_seen, before[1].reads) if before else (time, 0)
        self._known[uri] = identity, Orphan(uri, min(first, time), time, reads, device, antenna, read_point)
        if len(self._known) > self._most:
            oldest = islice(self._known.values(), _WEIGHED)
            _, rarest = min(oldest, key=lambda one: one[1].reads)
            del self._known[rarest.identifier]
            self.forgotten += 1

    def told(self, transition: Transition) -> None:
        """An event tells of an object."""
        identity = transition.object
        if identity.scheme not in NAMELESS:
            return
        strongest = transition.sources[0] if transition.sources else None
        if identity.uri not in self._known and strongest is not None and not self._has_name(identity):
            # It had to make room, and is still here.
            place = strongest.device, strongest.antenna, transition.read_point
            self.meet(identity, transition.first_seen, *place)
        known = self._known.get(identity.uri)
        if known is None:
            return
        _, one = known
        self._known[one.identifier] = (
            identity,
            Orphan(
                one.identifier,
                one.first_seen,
                max(one.last_seen, transition.last_seen),
                one.reads + transition.reads,
                strongest.device if strongest else one.device,
                strongest.antenna if strongest else one.antenna,
                transition.read_point,
            ),
        )

    def replace(self, rename: Rename | None) -> None:
        """Another identity map: those that have a name now are no longer listed."""
        self._rename = rename
        self._known = {uri: known for uri, known in self._known.items() if not self._has_name(known[0])}

    def _has_name(self, identity: Identity) -> bool:
        """Under its old one, it may still depart or end a passage."""
        return self._rename is not None and self._rename(identity) is not None

    def listed(self, present: Iterable[Sighting] = ()) -> list[Orphan]:
        """The latest first. Of what is present still, `present` knows better when it was seen last."""
        seen = {one.uri: one.last_seen for one in present if one.uri in self._known}
        ones = (
            msgspec.structs.replace(one, last_seen=max(one.last_seen, seen.get(uri, 0.0)), reads=max(1, one.reads))
            for uri, (_, one) in self._known.items()
        )
        return sorted(ones, key=lambda one: -one.last_seen)
