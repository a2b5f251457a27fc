"""GS1 ids as people write them, EPC URNs and Digital Links, → identities. Pure."""

from __future__ import annotations

from gateway.identity import digital_link, urns
from gateway.identity.keys import key
from gateway.identity.parsed import HOST
from gateway.model import Identity


def named(text: str) -> Identity:
    """What the id names. ValueError says what is wrong with it."""
    if text.startswith(("urn:epc:id:", "urn:epc:class:", "urn:epc:idpat:")):
        return urns.parse(text)
    if not text.startswith(("https://", "http://")):
        raise ValueError(
            f"{text!r} is no GS1 id: write an EPC URN, as in urn:epc:id:giai:9521141.pallet7, or a Digital Link, as in "
            f"{HOST}/8004/9521141pallet7"
        )
    elements = digital_link.parse(text)
    found = key(elements) if elements else None
    if found is None:
        raise ValueError(f"{text!r} is no Digital Link: it has no GS1 key, as in {HOST}/8004/9521141pallet7")
    return Identity(found.link, found.scheme, found.kind, found.link)
