"""What was counted by hand against what is present: pure, and what is said of it over the control socket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

import msgspec

from gateway.identity.scanned import known
from gateway.model import Kind

PAGE = 2**18
"""Characters of URIs in a page, about."""

KEYS = 1000
"""Keys that are asked for at a time."""


class Zone(msgspec.Struct, frozen=True, rename="camel"):
    """Whether all antennas of a zone observe, and since when (Unix seconds) that is so."""

    observing: bool
    since: float


class Standing(msgspec.Struct, frozen=True, rename="camel"):
    """What a segment's pages are about: its read points, how its zones are seen, and its identity map's rows."""

    read_points: Mapping[str, Kind]
    zones: Mapping[str, Zone]
    identities: int = 0


class Page(msgspec.Struct, frozen=True):
    """URIs of some of what is in a zone."""

    zone: str
    ids: tuple[str, ...]


def pages(standing: Mapping[str, Iterable[str]]) -> Iterator[Page]:
    """All that is in the zones, none twice."""
    for zone, uris in standing.items():
        some: list[str] = []
        size = 0
        for uri in uris:
            some.append(uri)
            size += len(uri)
            if size >= PAGE:
                yield Page(zone, tuple(some))
                some, size = [], 0
        if some:
            yield Page(zone, tuple(some))


class Place(NamedTuple):
    """A zone of a segment."""

    segment: str
    zone: str


class Scan(NamedTuple):
    """What stood in a line of the count, and the key of the object it names."""

    line: int
    text: str
    key: str


class Difference(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One object that is not in both.

    `missing`: present here, and not counted. `extra`: counted, and present nowhere. `misplaced`: counted here, and
    present at another `read_point`. `identifier` and `line` are the count's own.
    """

    difference: Literal["missing", "extra", "misplaced"]
    id: str
    identifier: str | None = None
    line: int | None = None
    read_point: str | None = None
    segment: str | None = None


class Count(msgspec.Struct, frozen=True, rename="camel"):
    """A count of one zone.

    `counted` and `present` are objects, each once; `matched` are in both, `repeated` lines that name an object again.
    """

    read_point: str
    segment: str
    counted: int
    present: int
    matched: int
    repeated: int
    accuracy: float
    missing: tuple[Difference, ...]
    extra: tuple[Difference, ...]
    misplaced: tuple[Difference, ...]


def compare(here: Place, scans: Iterable[Scan], present: Mapping[Place, Iterable[str]]) -> Count:
    """Accuracy: objects in both, of all that are in either (Jaccard); 1 where there are none at all."""
    found: dict[str, Scan] = {}
    lines = 0
    for lines, scan in enumerate(scans, 1):  # noqa: B007 - the last one is their number
        found.setdefault(scan.key, scan)
    expected = {known(uri): uri for uri in present.get(here, ())}
    elsewhere = {known(uri): (place, uri) for place, uris in present.items() if place != here for uri in uris}
    odd = [scan for key, scan in found.items() if key not in expected]
    matched = len(found) - len(odd)
    missing = sorted(uri for key, uri in expected.items() if key not in found)
    either = len(found) + len(missing)
    return Count(
        read_point=here.zone,
        segment=here.segment,
        counted=len(found),
        present=len(expected),
        matched=matched,
        repeated=lines - len(found),
        accuracy=matched / either if either else 1.0,
        missing=tuple(Difference("missing", uri, read_point=here.zone, segment=here.segment) for uri in missing),
        extra=tuple(Difference("extra", s.key, s.text, s.line) for s in odd if s.key not in elsewhere),
        misplaced=tuple(_misplaced(s, *elsewhere[s.key]) for s in odd if s.key in elsewhere),
    )


def _misplaced(scan: Scan, place: Place, uri: str) -> Difference:
    return Difference("misplaced", uri, scan.text, scan.line, place.zone, place.segment)
