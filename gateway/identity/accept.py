"""Which identities a read point or a segment takes. Pure."""

from __future__ import annotations

from fnmatch import fnmatchcase

from gateway.model import Identity


def matches(identity: Identity, patterns: tuple[str, ...]) -> bool:
    """Whether one of the patterns fits: a GS1 scheme's name (`sscc`), or a URI with wildcards (`urn:epc:id:giai:952*`).

    A URI pattern is held against the identity's URI and its Digital Link. No pattern fits nothing.
    """
    return any(_fits(identity, pattern) for pattern in patterns)


def _fits(identity: Identity, pattern: str) -> bool:
    if ":" not in pattern and "*" not in pattern:
        return identity.scheme == pattern.lower()
    link = identity.digital_link
    return fnmatchcase(identity.uri, pattern) or (link is not None and fnmatchcase(link, pattern))
