"""Names for senders that nobody asked for, where a person must tell them apart. Pure."""

from __future__ import annotations

from hashlib import blake2s

_DAY = 86_400.0


class Pseudonyms:
    """A keyed hash of an address that is another one every day (UTC); without the key nobody finds the address.

    The key lives as long as the process that made it, and is stored nowhere.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def of(self, address: str, now: float) -> str:
        """Eight hex digits that stand for the address today."""
        day = int(now // _DAY).to_bytes(8, "big", signed=True)
        return blake2s(day + address.upper().encode(), key=self._key, digest_size=4).hexdigest()
