"""Who is who in one segment: what was read, by the identity map where it names it. Pure."""

from __future__ import annotations

from gateway.identity.mapping import IdentityMap
from gateway.identity.orphans import Orphans
from gateway.identity.resolve import Resolver


class Directory:
    """The resolver, its present identity map, and who has no GS1 id. `capacity`: answers that are remembered."""

    def __init__(self, identities: IdentityMap | None = None, capacity: int = 65536) -> None:
        self.orphans = Orphans()
        self._identities = identities
        rename = None if identities is None else identities.find
        self._resolver = Resolver(capacity, rename)
        self.orphans.replace(rename)
        self.resolve = self._resolver.resolve

    @property
    def rows(self) -> int:
        """Of the identity map; 0 without one."""
        return 0 if self._identities is None else len(self._identities)

    def name(self, key: str) -> str | None:
        """The GS1 id that the identity map gives to what has this key (`mapping.key`)."""
        return None if self._identities is None else self._identities.name(key)

    def replace(self, identities: IdentityMap | None) -> bool:
        """Take another map; False if it is the one there is."""
        if identities is self._identities:
            return False
        rename = None if identities is None else identities.find
        self._identities = identities
        self._resolver.replace(rename)
        self.orphans.replace(rename)
        return True
