"""What element strings name: the GS1 key among them, and its canonical Digital Link. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.identity.characters import link_text
from gateway.identity.elements import Elements
from gateway.identity.parsed import HOST


class Key(msgspec.Struct, frozen=True, gc=False):
    """A GS1 key. `scheme` and `link` as in `gateway.model.Identity`."""

    scheme: str
    kind: Literal["instance", "class"]
    link: str


_INSTANCES = {"00": "sscc", "8004": "giai", "8017": "gsrnp", "8018": "gsrn"}
"""Keys that name one object each."""

_SERIAL_BEHIND = {"8003": ("grai", 14), "253": ("gdti", 13), "255": ("sgcn", 13)}
"""Keys that name one object where a serial follows so many digits, else a class."""

_OBJECTS = frozenset(("00", "01", "253", "255", "8003", "8004", "8006", "8010", "8013", "8017", "8018"))
_PLACES = {"414": "sgln", "417": "pgln", "402": "gsin", "401": "ginc"}
"""Keys that name an object only where no other does: else they say where it belongs."""


def key(elements: Elements) -> Key | None:
    """The first key that names an object, with the qualifiers that make it one; None where there is none.

    Of GTIN with lot and serial the lot is left out: the same object's tag does not hold it.
    """
    for identifier in elements:
        if identifier in _OBJECTS:
            return _key(identifier, elements)
    for identifier, scheme in _PLACES.items():
        if identifier in elements:
            extension = elements.get("254", "0") if identifier == "414" else "0"
            return Key(scheme, "instance", _link(identifier, elements, "254" if extension != "0" else None))
    return None


def _key(identifier: str, elements: Elements) -> Key:
    if identifier in _INSTANCES:
        return Key(_INSTANCES[identifier], "instance", _link(identifier, elements))
    if identifier in _SERIAL_BEHIND:
        scheme, digits = _SERIAL_BEHIND[identifier]
        return Key(scheme, "instance" if elements[identifier][digits:] else "class", _link(identifier, elements))
    if identifier == "8010":
        return Key("cpi", "instance" if "8011" in elements else "class", _link(identifier, elements, "8011"))
    if identifier == "8013":
        return Key("gmn", "class", _link(identifier, elements))
    return _item(identifier, elements)


def _item(identifier: str, elements: Elements) -> Key:
    """A trade item, or a piece of one (ITIP)."""
    piece = "itip" if identifier == "8006" else None
    if "21" in elements:
        return Key(piece or "sgtin", "instance", _link(identifier, elements, "21"))
    if "235" in elements and piece is None:
        return Key("upui", "instance", _link(identifier, elements, "235"))
    if "10" in elements:
        return Key(piece or "lgtin", "class", _link(identifier, elements, "10"))
    return Key(piece or "gtin", "class", _link(identifier, elements))


def _link(identifier: str, elements: Elements, qualifier: str | None = None) -> str:
    start = f"{HOST}/{identifier}/{link_text(elements[identifier])}"
    value = elements.get(qualifier) if qualifier else None
    return start if value is None else f"{start}/{qualifier}/{link_text(value)}"
