"""The TLS side of an uplink: our certificate, and whom we trust."""

from __future__ import annotations

import ssl
from pathlib import Path

from gateway.config.site import Tls
from gateway.uplink.causes import ConnectError


class _Socket(ssl.SSLSocket):
    """Closed when its handshake fails: paho leaves it open."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - ssl's signature
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class Credentials:
    """Mutual TLS ≥ 1.2 with host name check. Blocking file I/O: call it in a thread.

    The files are read anew for every connection, so a certificate that is renewed in place serves from the next one on.
    """

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._context: ssl.SSLContext | None = None
        self._trust: tuple[int, int] | None = None

    @property
    def trust(self) -> str:
        """Where the CAs stand, for a person."""
        return str(self._tls.ca) if self._tls.ca else "the system's CAs"

    def context(self) -> ssl.SSLContext:
        """Raises ConnectError naming the file that cannot be used."""
        trust = _version(self._tls.ca) if self._tls.ca else None
        if self._context is None or trust != self._trust:
            # One context while the CA file stays: loading the system's CAs costs more than all else of an attempt.
            self._context, self._trust = _trusting(self._tls.ca), trust
        if self._tls.cert:
            _load(self._context, self._tls.cert, self._tls.key)
        return self._context


def _version(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise ConnectError("refused", f"uplink.tls.ca: {path} cannot be read: {error.strerror}") from error
    _no_pipe(path)
    return found.st_mtime_ns, found.st_ino


def _trusting(ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = _Socket
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        return context
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError as error:
        raise ConnectError("refused", f"uplink.tls.ca: {ca} holds no PEM certificate") from error
    except OSError as error:
        raise ConnectError("refused", f"uplink.tls.ca: {ca} cannot be read: {error.strerror}") from error
    return context


def _no_pipe(path: Path) -> None:
    """Opening a pipe waits for whoever writes into it: a thread for ever, at every attempt."""
    if path.exists() and not path.is_file():
        raise ConnectError("refused", f"uplink.tls: {path} is no file")


def _load(context: ssl.SSLContext, cert: Path, key: Path | None) -> None:
    _no_pipe(cert)
    if key is not None:
        _no_pipe(key)
    try:
        # Without a password function OpenSSL would ask for one on the terminal.
        context.load_cert_chain(cert, key, password=lambda: b"")
    except ssl.SSLError as error:
        what = "are no PEM certificate and its unencrypted private key"
        raise ConnectError("refused", f"uplink.tls: {cert} and {key or cert} {what} ({error.reason})") from error
    except OSError as error:
        raise ConnectError(
            "refused", f"uplink.tls: {cert} or {key or cert} cannot be read: {error.strerror}"
        ) from error
