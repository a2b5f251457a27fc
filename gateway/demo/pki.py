"""Certificates for one demo: a CA of its own, made on the fly and thrown away with the folder."""

from __future__ import annotations

from pathlib import Path

import trustme

GATEWAY = "gw-demo.rfid"
"""The gateway's identity: CN of its certificate, MQTT user and topic level."""

CENTRAL = "central"


def make(folder: Path) -> None:
    """Write ca.pem, and for broker, gateway and central service NAME.pem and NAME.key, readable by this user alone."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, common in (("broker", "broker"), ("gateway", GATEWAY), ("central", CENTRAL)):
        issued = authority.issue_cert("127.0.0.1", "localhost", common_name=common)
        (folder / f"{name}.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        key = folder / f"{name}.key"
        key.touch(mode=0o600)
        key.write_bytes(issued.private_key_pem.bytes())
