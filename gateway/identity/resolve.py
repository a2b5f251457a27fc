"""Reads → identities, with a bounded memory of those seen lately. Pure."""

from __future__ import annotations

import re
from urllib.parse import quote

from drivers.observations import Read
from gateway.identity.epc import decode
from gateway.model import Identity

_UNKNOWN = -1
_BEACON = re.compile(rb"urn:readpoint:(ibeacon|eddystone|ble):[A-Za-z0-9._:%-]{1,200}")
"""A beacon that has its name already, as recordings write it."""

_SEEN_BY_EPC = 0xF9FF
"""The bits of a PC word that an identity depends on: length, toggle and AFI; not the indicators of other memory."""


class Resolver:
    """Names what was read, and remembers up to `capacity` answers: a tag is decoded once, not at every read.

    Two generations: what is not seen while the younger one fills is forgotten with the older one.
    """

    __slots__ = ("_half", "_old", "_young")

    def __init__(self, capacity: int = 65536) -> None:
        self._half = max(1, capacity // 2)
        self._young: dict[tuple[str, bytes, int], Identity] = {}
        self._old: dict[tuple[str, bytes, int], Identity] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def resolve(self, read: Read) -> Identity:
        """Never raises: what nobody can decode has a raw name."""
        pc = read.pc
        key = (read.scheme, read.value, _UNKNOWN if pc is None else pc & _SEEN_BY_EPC)
        identity = self._young.get(key)
        if identity is not None:
            return identity
        identity = self._old.pop(key, None) or _identify(read)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = identity
        return identity


def _identify(read: Read) -> Identity:
    if read.scheme == "epc":
        return decode(read.value, read.pc)
    if read.scheme == "beacon":
        named = _BEACON.fullmatch(read.value)
        if named:
            return Identity(read.value.decode(), named[1].decode(), "instance")
        return Identity(f"urn:readpoint:ble:{quote(read.value, safe='')}", "ble", "instance")
    return Identity(f"urn:readpoint:code:{quote(read.value, safe='')}", "code", "code")
