"""What a technician may set for TLS to a device: the keys of `tls`, the same for every driver that dials with it."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, model_validator

from drivers.contract import Settings


def _fingerprint(text: str) -> str:
    """`AA:BB:…`, `sha256:aabb…` or 64 hex digits → 64 lower-case hex digits."""
    digits = text.lower().removeprefix("sha256:").replace(":", "")
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise ValueError(
            "a fingerprint is the SHA-256 of the device's certificate, 64 hex digits: "
            "openssl s_client -connect HOST:PORT </dev/null | openssl x509 -noout -fingerprint -sha256"
        )
    return digits


class Tls(Settings):
    """How the device proves who it is: by a CA that signed its certificate, or by the certificate's own fingerprint."""

    ca: str | None = None
    """PEM file of the CA that signed the device's certificate; its name or address must be the one that is dialled."""
    fingerprint: Annotated[str, AfterValidator(_fingerprint)] | None = None
    """SHA-256 of the device's certificate, for devices that made their own."""
    cert: str | None = None
    """PEM file of our certificate, where the device asks for one."""
    key: str | None = None
    """PEM file of its key."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.ca is None) == (self.fingerprint is None):
            raise ValueError("give either ca or fingerprint: without one of them anybody could be the device")
        if self.key is not None and self.cert is None:
            raise ValueError("key without cert: give the certificate that belongs to this key")
        return self
