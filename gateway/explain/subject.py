"""Whom a person asks about, by EPC in hex, URN, Digital Link, beacon or code; and who else it may have been. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from drivers.observations import Antenna, Read
from gateway.identity.epc import decode
from gateway.identity.named import named
from gateway.model import Detailed, Identity

NEAR = 5
"""Names that are proposed at most."""

_COMPARED = 300
"""Names that are compared letter by letter, those that begin or end most alike; and letters of one."""

_LIKE = 0.6
"""Of 1: less is no slip of a finger."""

_HEX = re.compile(r"(?:0x)?((?:[0-9a-f]{2}[ :-]?){4,62})", re.IGNORECASE)
_TAG = re.compile(r"urn:epc:tag:([a-z]+)-[0-9a-z]+:(?:[0-7]\.)?(.+)")


class Known(msgspec.Struct):
    """An identifier that was read: its names, how often and where, and when last (Unix seconds)."""

    uri: str
    value: str
    reads: int
    last: float
    device: str
    antenna: Antenna | None


class Subject:
    """The object that `text` names, however it is written."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.fault = ""
        """What is wrong with a URN or Digital Link, where that is sure."""
        self.names = frozenset(self._spellings(self.text))
        """All that it may be called."""

    def matches(self, identity: Identity, read: Read) -> bool:
        """Whether that is what was read."""
        found = {identity.uri, identity.digital_link, spelled(read)}
        if isinstance(identity, Detailed):
            found.add(identity.raw)
        return not self.names.isdisjoint(found)

    def near(self, others: Iterable[Known]) -> list[Known]:
        """Those of the others whose names are most alike, the most alike first."""
        scored = sorted(others, key=lambda other: (-self._shared(other), other.uri))[:_COMPARED]
        alike = {id(other): self._alike(other) for other in scored}
        scored.sort(key=lambda other: -alike[id(other)])
        return [other for other in scored if alike[id(other)] >= _LIKE][:NEAR]

    def _shared(self, other: Known) -> int:
        return max(
            _shared(name, its) + _shared(name[::-1], its[::-1])
            for name in self.names
            for its in (other.uri, other.value)
        )

    def _alike(self, other: Known) -> float:
        import difflib  # noqa: PLC0415 - only who mistyped a name needs it

        return max(
            difflib.SequenceMatcher(None, name[:_COMPARED], its, autojunk=False).ratio()
            for name in self.names
            for its in (other.uri, other.value)
        )

    def _spellings(self, text: str) -> Iterable[str]:
        """All names that it may have been read under."""
        yield text
        tag = _TAG.fullmatch(text)
        if tag is not None:
            text = f"urn:epc:id:{tag[1]}:{tag[2]}"
            yield text
        digits = _HEX.fullmatch(text)
        if digits is not None:
            value = bytes.fromhex(re.sub("[ :-]", "", digits[1]))
            yield value.hex()
            yield decode(value).uri
        try:
            identity = named(text)
        except ValueError as error:
            if text.startswith(("urn:epc:", "http")):
                self.fault = str(error)
            yield text.lower()
            return
        yield identity.uri
        if identity.digital_link is not None:
            yield identity.digital_link


def spelled(read: Read) -> str:
    """What was read as a person writes it: an EPC in hex, a beacon's URI, a code's text."""
    return read.value.hex() if read.scheme == "epc" else read.value.decode("utf-8", "backslashreplace")


def _shared(one: str, other: str) -> int:
    """Letters that both begin with."""
    for at, (mine, its) in enumerate(zip(one, other, strict=False)):
        if mine != its:
            return at
    return min(len(one), len(other))
