"""Reads → identities, with a bounded memory of those seen lately. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote

from drivers.observations import Read
from gateway.identity import barcode
from gateway.identity.epc import decode
from gateway.model import Identity

_UNKNOWN = -1
_BEACON = re.compile(rb"urn:readpoint:(ibeacon|eddystone|ble):[A-Za-z0-9._:%-]{1,200}")
"""A beacon that has its name already, as recordings write it."""

_SEEN_BY_EPC = 0xF9FF
"""The bits of a PC word that an identity depends on: length, toggle and AFI; not the indicators of other memory."""


Rename = Callable[[Identity], Identity | None]

_SHORT = 256
"""Bytes of a code worth remembering: what it says is kept with its bytes, so there are fewer of them than of tags."""

_code = lru_cache(maxsize=4096)(barcode.identify)


class Resolver:
    """Names what was read, and remembers up to `capacity` answers: a tag is decoded once, not at every read.

    Two generations: what is not seen while the younger one fills is forgotten with the older one. `rename` gives the
    identity that stands for another, as an identity map has it, or None.
    """

    __slots__ = ("_half", "_old", "_rename", "_young")

    def __init__(self, capacity: int = 65536, rename: Rename | None = None) -> None:
        self._half = max(1, capacity // 2)
        self._rename = rename
        self._young: dict[tuple[str, bytes, int], Identity] = {}
        self._old: dict[tuple[str, bytes, int], Identity] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def resolve(self, read: Read) -> Identity:
        """Never raises: what nobody can decode has a raw name."""
        if read.scheme == "code":
            return self._named(read)
        pc = read.pc
        key = (read.scheme, read.value, _UNKNOWN if pc is None else pc & _SEEN_BY_EPC)
        identity = self._young.get(key)
        if identity is not None:
            return identity
        identity = self._old.pop(key, None) or self._named(read)
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[key] = identity
        return identity

    def replace(self, rename: Rename | None) -> None:
        """Other names from now on."""
        self._rename = rename
        self._young, self._old = {}, {}

    def _named(self, read: Read) -> Identity:
        identity = identify(read)
        if self._rename is None:
            return identity
        return self._rename(identity) or identity


def identify(read: Read) -> Identity:
    """Who the read says it is, by itself. Never raises."""
    if read.scheme == "epc":
        return decode(read.value, read.pc)
    if read.scheme == "code":
        return _code(read.value) if len(read.value) <= _SHORT else barcode.identify(read.value)
    named = _BEACON.fullmatch(read.value)
    if named:
        return Identity(read.value.decode(), named[1].decode(), "instance")
    return Identity(f"urn:readpoint:ble:{quote(read.value, safe='')}", "ble", "instance")
