"""Who posts: told by token, by client certificate, or by both. Compared in constant time. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple

from drivers.http.refusal import Refusal


class Known(NamedTuple):
    """What a source must show: the token's digest, the certificate's CN, both where both are given."""

    token: bytes | None
    common_name: str | None


def digest(token: str) -> bytes:
    """What is kept of a token: of equal length for all, so that comparing tells nothing."""
    return hashlib.sha256(token.encode()).digest()


def who(known: Mapping[str, Known], authorization: str | None, common_name: str | None) -> str:
    """The source's name. Raises `Refusal`: 401 who shows nothing valid, 403 whose certificate belongs to no source."""
    token = shown(authorization)
    hashed = None if token is None else digest(token)
    found: str | None = None
    half = False
    for name, source in known.items():
        by_token = source.token is not None and hmac.compare_digest(hashed or b"", source.token)
        by_name = source.common_name is not None and source.common_name == common_name
        if (by_token or source.token is None) and (by_name or source.common_name is None):
            found = name
        half = half or by_token or by_name
    if found is not None:
        return found
    if half:
        raise Refusal(403, "this source needs both, its token and its client certificate")
    if token is not None:
        raise Refusal(401, "no source has this token")
    if common_name is not None:
        raise Refusal(403, f"no source has the common_name {common_name!r} of this certificate")
    raise Refusal(401, "who posts? send Authorization: Bearer TOKEN, or show a client certificate")


def shown(authorization: str | None) -> str | None:
    """The token of a Bearer header (RFC 6750), or the password of a Basic one (RFC 7617): readers have only that."""
    scheme, _, value = (authorization or "").strip().partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value or None
    if scheme.lower() != "basic":
        return None
    try:
        _, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return password or None
