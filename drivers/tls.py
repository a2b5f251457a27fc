"""TLS to devices, for every driver that dials with it: the context of its settings, failing in sentences."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.observations import Unreachable
from drivers.sockets import words
from drivers.tls_settings import Tls


def client_context(tls: Tls, base: Path) -> ssl.SSLContext:
    """Checks the device's chain and name by `ca`, or leaves both to the fingerprint. TLS 1.2 at least.

    File names are relative to `base`. Raises `Unreachable`.
    """
    for name in (tls.ca, tls.cert, tls.key):
        if name is not None and (base / name).exists() and not (base / name).is_file():
            raise Unreachable(f"the TLS files cannot be used: {name} is no file")  # a FIFO would stop the whole gateway
    try:
        made = ssl.create_default_context(cafile=None if tls.ca is None else str(base / tls.ca))
        if tls.cert is not None:
            # without a password an encrypted key would be asked for on the terminal
            made.load_cert_chain(base / tls.cert, None if tls.key is None else base / tls.key, password="")
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(name for name in (tls.ca, tls.cert, tls.key) if name)
        raise Unreachable(f"the TLS files cannot be used ({files}): {words(error)}") from error
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.fingerprint is not None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


@contextmanager
def handshake(where: str) -> Iterator[None]:
    """Around a handshake with the device at that address: raises `Unreachable` for what it fails with."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"the certificate of {where} is not accepted: {error.verify_message}; see tls.ca") from error
    except (OSError, TimeoutError) as error:
        raise Unreachable(
            f"TLS with {where} failed: {words(error)}; does this port speak TLS, and does it want a client certificate?"
        ) from error


def check_pinned(tls: Tls | None, shown: ssl.SSLObject | None, where: str) -> None:
    """Whether the device has shown the certificate that the file pins, where it pins one. Raises `Unreachable`."""
    if tls is None or tls.fingerprint is None:
        return
    certificate = None if shown is None else shown.getpeercert(binary_form=True)
    found = hashlib.sha256(certificate or b"").hexdigest()
    if found != tls.fingerprint:
        raise Unreachable(
            f"{where} shows another certificate than the pinned one: sha256:{found}; "
            "if the device was given a new one put this fingerprint in the file, else somebody is between"
        )
