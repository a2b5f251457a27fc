"""Where a bus is: `tcp://`, `tls://`, `rtu+tcp://` and a host, or `rtu://` and a serial port. Pure."""

from __future__ import annotations

from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from drivers.modbus.profiles import nearest

PORTS = {"tcp": 502, "tls": 802, "rtu+tcp": 502}
"""IANA: mbap, and mbap-s for Modbus/TCP Security."""
EXAMPLES = "tcp://10.0.0.5:502, tls://10.0.0.5:802, rtu+tcp://10.0.0.5:4001 or rtu:///dev/serial/by-id/usb-…"


class Address(NamedTuple):
    """`host` and `port` over a network; `path` of a serial port."""

    scheme: Literal["tcp", "tls", "rtu", "rtu+tcp"]
    host: str = ""
    port: int = 0
    path: str = ""

    @property
    def framed_as_rtu(self) -> bool:
        """Whether frames carry a CRC (Modbus over Serial Line 1.02) instead of the MBAP header."""
        return self.scheme.startswith("rtu")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{self.path or f'{host}:{self.port}'}"


def parse(text: str) -> Address:
    """The address. ValueError says what to write instead."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"'{text}' is no address ({error}): write {EXAMPLES}") from error
    if parts.scheme == "rtu":
        if host or not parts.path.startswith("/"):
            raise ValueError(
                f"'{text}': a serial port has three slashes, as in rtu:///dev/ttyUSB0; over TCP: rtu+tcp://"
            )
        return Address("rtu", path=parts.path)
    if parts.scheme not in PORTS:
        guess = nearest(parts.scheme, (*PORTS, "rtu")) if parts.scheme and "://" in text else ""
        raise ValueError(f"'{text}' is no address of a bus: write {EXAMPLES}{guess if 'mean' in guess else ''}")
    if parts.username is not None or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"'{text}': nothing but host and port: write {EXAMPLES}; the unit goes into unit:")
    if not host or port == 0 or any(sign.isspace() for sign in text):
        raise ValueError(f"'{text}' has no host or no usable port: write {EXAMPLES}")
    scheme: Literal["tcp", "tls", "rtu+tcp"] = parts.scheme  # type: ignore[assignment]
    return Address(scheme, host, port or PORTS[scheme])
