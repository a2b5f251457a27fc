"""TLS with devices, for every driver that dials or listens with it: contexts of its settings, failing in sentences."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.observations import DriverError, Rejected, Unreachable
from drivers.sockets import words
from drivers.tls_settings import Tls


def client_context(tls: Tls, base: Path) -> ssl.SSLContext:
    """Checks the device's chain and name by `ca`, or leaves both to the fingerprint. TLS 1.2 at least.

    File names are relative to `base`. Raises `Unreachable`.
    """
    with _usable((tls.ca, tls.cert, tls.key), base, Unreachable):
        made = ssl.create_default_context(cafile=None if tls.ca is None else str(base / tls.ca))
        if tls.cert is not None:
            _show(made, base / tls.cert, None if tls.key is None else base / tls.key)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.fingerprint is not None:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def server_context(cert: str, key: str, ca: str | None, base: Path) -> ssl.SSLContext:
    """Shows our certificate; with `ca` it asks clients for theirs, who need have none. TLS 1.2 at least.

    File names are relative to `base`. Raises `Rejected`.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    with _usable((cert, key, ca), base, Rejected):
        _show(made, base / cert, base / key)
        if ca is not None:
            made.load_verify_locations(base / ca)
            made.verify_mode = ssl.CERT_OPTIONAL
    return made


@contextmanager
def _usable(files: Iterable[str | None], base: Path, refused: type[DriverError]) -> Iterator[None]:
    names = [name for name in files if name is not None]
    try:
        for name in names:
            if (base / name).exists() and not (base / name).is_file():
                raise refused(f"the TLS files cannot be used: {name} is no file")  # a FIFO would stop the whole gateway
        yield
    except OSError as error:
        raise refused(f"the TLS files cannot be used ({', '.join(names)}): {words(error)}") from error


def _show(made: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    # without a password an encrypted key would be asked for on the terminal
    made.load_cert_chain(cert, key, password="")


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
