"""Why a connection could not be made, as a sentence that says what is wrong and what to do."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from typing import Literal

Kind = Literal["unreachable", "refused"]

_CLIENT_CERTIFICATE = "uplink.tls.cert and uplink.tls.key"

# OpenSSL's names of the alerts a broker sends (RFC 8446, section 6.2). With TLS 1.3 those about our certificate come
# after the handshake has ended for us, so they are found in the error of a read.
_ALERTS = {
    "CERTIFICATE_REQUIRED": f"the broker asks for a client certificate and none was sent: set {_CLIENT_CERTIFICATE}",
    "CERTIFICATE_EXPIRED": "the broker says our client certificate has expired: renew it (uplink.tls.cert)",
    "CERTIFICATE_REVOKED": "the broker says our client certificate is revoked: get a new one (uplink.tls.cert)",
    "CERTIFICATE_UNKNOWN": "the broker does not accept our client certificate (uplink.tls.cert)",
    "BAD_CERTIFICATE": "the broker does not accept our client certificate (uplink.tls.cert)",
    "UNKNOWN_CA": "the broker does not know the CA that signed our client certificate (uplink.tls.cert)",
    "DECRYPT_ERROR": "the broker cannot verify our client certificate's signature (uplink.tls.cert)",
    "ACCESS_DENIED": "the broker accepts our client certificate but denies access",
    "HANDSHAKE_FAILURE": f"the TLS handshake failed: no cipher in common, or no {_CLIENT_CERTIFICATE}",
    "PROTOCOL_VERSION": "the broker speaks no TLS 1.2 or newer",
    "WRONG_VERSION_NUMBER": "what answers there does not speak TLS: wrong port, or use mqtt://",
}
_SSL_NAME = re.compile(r"\[(?:SSL|SSL:) ?:? ?([A-Z0-9_]+)\]")

# X509_V_ERR_* of OpenSSL's x509_vfy.h
_VERIFY = {
    9: "the broker's certificate is not valid yet: is this machine's clock right?",
    10: "the broker's certificate has expired",
    18: "the broker's certificate is self-signed and not in {ca}",
    19: "the broker's certificate is not signed by a CA in {ca}",
    20: "the broker's certificate is not signed by a CA in {ca}",
    21: "the broker's certificate is not signed by a CA in {ca}",
    62: "the broker's certificate is for another name than {host}",
    64: "the broker's certificate is for another address than {host}",
}


class ConnectError(Exception):
    """No connection: `unreachable` when nothing answered, `refused` when the broker or TLS said no."""

    def __init__(self, kind: Kind, cause: str) -> None:
        super().__init__(cause)
        self.kind = kind
        self.cause = cause


def alert(text: str) -> str | None:
    """The sentence for an OpenSSL error in a log line, if it holds one."""
    found = _SSL_NAME.search(text)
    if found is None:
        return None
    return next((sentence for name, sentence in _ALERTS.items() if found[1].endswith(name)), None)


def explain(error: OSError | ValueError, host: str, port: int, ca: str, bind: str | None) -> ConnectError:
    """The error of name resolution, TCP connect or TLS handshake, told so that it can be put right."""
    where = f"{host}:{port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        text = _VERIFY.get(error.verify_code, f"the broker's certificate is not accepted: {error.verify_message}")
        return ConnectError("refused", f"{where}: {text.format(ca=ca, host=host)}")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return ConnectError("unreachable", f"{where}: the connection was closed during the TLS handshake")
    if isinstance(error, ssl.SSLError):
        return ConnectError("refused", f"{where}: {alert(str(error)) or f'TLS failed: {error.reason or error}'}")
    if isinstance(error, socket.gaierror):
        return ConnectError("unreachable", f"{host}: the name cannot be resolved ({error.strerror})")
    if isinstance(error, OSError):
        return ConnectError("unreachable", f"{where}: {_transport(error, bind)}")
    return ConnectError("refused", f"{where}: {error}")


def _transport(error: OSError, bind: str | None) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "connection refused: is the broker running?"
    if isinstance(error, TimeoutError):
        return "no answer in time: address, firewall or network"
    if isinstance(error, ConnectionResetError):
        return "the connection was reset while it was made"
    if error.errno in (errno.EADDRNOTAVAIL, errno.EADDRINUSE) and bind:
        return f"uplink.bind {bind} is no address of this machine now"
    return error.strerror or str(error)
