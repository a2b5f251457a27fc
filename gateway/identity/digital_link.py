"""GS1 Digital Link URIs → element strings (GS1 Digital Link: URI syntax 1.4). Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from gateway.identity.elements import check

QUALIFIERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "00": (),
    "01": (("22", "10", "21"), ("235",)),
    "253": (),
    "255": (),
    "401": (),
    "402": (),
    "414": (("254",), ("7040",)),
    "415": (("8020",),),
    "417": (("7040",),),
    "8003": (),
    "8004": (("7040",),),
    "8006": (("22", "10", "21"),),
    "8010": (("8011",),),
    "8013": (),
    "8017": (("8019",),),
    "8018": (("8019",),),
}
"""Primary keys, and what may follow each in the path, in this order (GS1 Barcode Syntax Dictionary, `dlpkey`)."""

_ONLY_IN_PATHS = frozenset(
    (
        "03",
        "21",
        "22",
        "235",
        "254",
        "7040",
        "7041",
        "8011",
        "8014",
        "8019",
        "8020",
        "8040",
        "8041",
        "8042",
        "8043",
        "8200",
    )
)
_QUALIFIERS = {qualifier for ways in QUALIFIERS.values() for way in ways for qualifier in way}
_WORDS = {
    "gtin": "01", "cpv": "22", "lot": "10", "ser": "21", "sscc": "00", "gln": "414", "glnx": "254", "grai": "8003",
    "giai": "8004", "gdti": "253", "gcn": "255", "itip": "8006", "gsrn": "8018", "gsrnp": "8017", "srin": "8019",
    "cpid": "8010", "cpsn": "8011", "gmn": "8013", "ginc": "401", "gsin": "402", "party": "417",
}  # fmt: skip
"""Words that stood for application identifiers until version 1.2; labels live longer than versions."""

_URI = re.compile(
    r"(?:https?|HTTPS?)://[A-Za-z0-9.:\[\]-]+((?:/[A-Za-z0-9._~:@!$&'()*+,;=%-]*)+)"
    r"(?:\?([A-Za-z0-9._~:/?@!$&'()*+,;=%-]*))?(?:#[A-Za-z0-9._~:/?@!$&'()*+,;=%-]*)?"
)


def parse(uri: str) -> dict[str, str] | None:
    """Key, qualifiers and attributes; None for what is no Digital Link. ValueError says what is wrong with one."""
    parts = _URI.fullmatch(uri)
    if parts is None:
        return None
    pairs = _pairs(parts[1].split("/")[1:])
    if pairs is None:
        return None
    primary, *qualifiers = [name for name, _ in pairs]
    may_follow = _may_follow(primary, qualifiers)
    found = {name: _value(name, text) for name, text in pairs}
    for name, text in _attributes(parts[2] or ""):
        if name in found or name in may_follow or name in _ONLY_IN_PATHS:
            raise ValueError(f"AI {name} cannot stand in the query here, or stands twice")
        found[name] = _value(name, text)
    return found


def _pairs(segments: Sequence[str]) -> list[tuple[str, str]] | None:
    """The path's end from its last primary key on."""
    pairs: list[tuple[str, str]] = []
    for at in range(len(segments) - 2, -1, -2):
        name = _WORDS.get(segments[at], segments[at])
        pairs.insert(0, (name, segments[at + 1]))
        if name in QUALIFIERS:
            return pairs
        if name not in _QUALIFIERS:
            return None
    return None


def _may_follow(primary: str, qualifiers: list[str]) -> set[str]:
    """What could have stood in the path beside these. ValueError if they cannot stand so."""
    ways = [way for way in QUALIFIERS[primary] if [name for name in way if name in qualifiers] == qualifiers]
    if qualifiers and not ways:
        raise ValueError(f"{', '.join(qualifiers)} cannot follow AI {primary} so")
    return {name for way in ways for name in way}


def _attributes(query: str) -> list[tuple[str, str]]:
    """Pairs of the query whose names are numbers; others are no business of GS1 (section 4.10)."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    return [(name, text.replace("+", " ")) for name, _, text in pairs if name.isdigit()]


def _value(name: str, text: str) -> str:
    value = unquote(text, errors="strict")
    if name in ("01", "02") and value.isdecimal() and len(value) in (8, 12, 13):
        value = value.zfill(14)
    check(name, value)
    return value
