"""Certificates for one demo: a CA of its own, made on the fly and thrown away with the folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import trustme

CENTRAL = "central"
BROKER = "broker"
HANDHELDS = "handhelds"
"""The listener to which handhelds post."""


def make(folder: Path, identities: Iterable[str]) -> None:
    """Write ca.pem, and for broker, central service, listener and each segment's identity NAME.pem and NAME.key.

    An identity is the CN of its certificate, MQTT user and topic level. Keys are readable by this user alone.
    """
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name in (BROKER, CENTRAL, HANDHELDS, *identities):
        issued = authority.issue_cert("127.0.0.1", "localhost", common_name=name)
        (folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        write_secret(folder / f"{name}.key", issued.private_key_pem.bytes())


def write_secret(path: Path, secret: bytes) -> None:
    """A file that only this user may read."""
    path.touch(mode=0o600)
    path.write_bytes(secret)
