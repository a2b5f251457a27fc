"""What a technician may set for a barcode scanner. The defaults serve most; only `port` is needed."""

from __future__ import annotations

import codecs
from collections.abc import Collection
from typing import Annotated, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from drivers.addresses import is_loopback
from drivers.contract import Antenna, Duration, Positive
from drivers.contract import Settings as Strict

NAMES = {"none": "", "CR": "\r", "LF": "\n", "CRLF": "\r\n", "TAB": "\t", "STX": "\x02", "ETX": "\x03", "ENQ": "\x05",
         "ACK": "\x06", "NAK": "\x15"}  # fmt: skip
"""Control characters by name; any other text stands for itself, in double quotes also as "\\x02"."""


class Address(NamedTuple):
    """Of a serial server, or of a scanner that speaks TCP itself."""

    host: str
    port: int


def parse_port(text: str) -> Address | None:
    """`socket://HOST:PORT` → address, a path → None. ValueError for anything else."""
    if "://" not in text:
        if not text.startswith("/"):
            raise ValueError(f"'{text}' is no port: write /dev/serial/by-id/NAME, or socket://HOST:PORT")
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"'{text}' is no address ({error}): write socket://HOST:PORT") from error
    if parts.scheme != "socket" or not host or not port or parts.path not in ("", "/") or parts.username:
        raise ValueError(f"'{text}' is no address: write socket://HOST:PORT, as in socket://10.10.0.31:4001")
    return Address(host, port)


def _port(text: str) -> str:
    parse_port(text)
    return text


def _bytes(text: str) -> str:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ValueError(f"{text!r}: a frame is made of single bytes, up to \\xff") from error
    return text


def _encoding(name: str) -> str:
    try:
        ascii_too = bytes(range(128)).decode(name) == bytes(range(128)).decode("ascii")
        codec = codecs.lookup(name)
    except (LookupError, UnicodeError) as error:
        raise ValueError(f"there is no encoding '{name}': write utf-8, latin-1, cp1252, shift_jis …") from error
    if not ascii_too:
        raise ValueError(f"{name}: control characters and digits must be those of ASCII in it")
    return codec.name


Control = Annotated[str, AfterValidator(_bytes), Field(max_length=16)]
"""A short text of control characters, by name (`CR`, `STX` …) or as they are."""


class GunAddress(Strict):
    """How a base for many cordless guns says which gun a frame is of: in front of the data."""

    length: Annotated[int, Field(ge=1, le=16)] | None = None
    """The address is always so many characters long."""
    until: Annotated[Control, Field(min_length=1)] | None = None
    """The address ends with this text, as in `until: ":"`."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.length is None) == (self.until is None):
            raise ValueError("give either length or until, as the base's programming guide says")
        return self


class PortSettings(Strict):
    """One gun of a base; its name is its address as it stands in the frame. Nothing is to be set."""


class Settings(Strict):
    """A barcode scanner on a serial port, behind a serial server, or on the network."""

    port: Annotated[str, AfterValidator(_port)]
    """Serial port by its lasting name, `/dev/serial/by-id/…`, or `socket://HOST:PORT`."""
    baud: Annotated[int, Field(ge=50, le=4_000_000)] = 9600
    """Bits a second; USB scanners take any."""
    bytesize: Literal[5, 6, 7, 8] = 8
    """Data bits."""
    parity: Literal["none", "even", "odd", "mark", "space"] = "none"
    """Parity bit."""
    stopbits: Literal[1, 2] = 1
    """Stop bits."""
    flow: Literal["none", "rtscts", "xonxoff"] = "none"
    """Flow control."""
    prefix: Control = "none"
    """What stands before every scan, and is no part of it."""
    suffix: Control | None = None
    """What ends a scan: CR, LF, CRLF, TAB, a text, or none.

    Default: CR, LF or both, whichever comes; with `stx_etx` none. Nothing else is taken away from a scan."""
    stx_etx: bool = False
    """Scans stand between STX (0x02) and ETX (0x03); prefix and suffix, where given, inside."""
    gun_address: GunAddress | None = None
    """Every scan begins, behind the prefix, with the address of the gun; `antennas` says where each gun is."""
    max_length: Annotated[int, Field(ge=1, le=65_536)] = 8_192
    """Bytes a scan may have; more are no scan."""
    idle_timeout: Positive | None = None
    """After this silence a scan is over: without suffix that ends it, else what has no end is thrown away.

    Default 1s, without suffix 50ms."""
    encoding: Annotated[str, AfterValidator(_encoding)] = "utf-8"
    """Character encoding the scanner sends; another than UTF-8 is put into UTF-8."""
    ack: Control = "none"
    """Sent to the scanner once a scan is stored, for scanners that wait for it: ACK, or a text."""
    connect_timeout: Positive = 5.0
    """How long `socket://` may take to connect."""
    fault_interval: Duration = 5.0
    """A device whose line is disturbed says so at most this often; so long without, it is well again."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.address is not None:
            useless = sorted({"baud", "bytesize", "parity", "stopbits", "flow"} & self.model_fields_set)
            if useless:
                raise ValueError(f"{', '.join(useless)}: no effect with socket://, set it in the serial server")
        if self.flow == "xonxoff" and {"\x11", "\x13"} & set(self.prefix + (self.suffix or "") + self.ack):
            raise ValueError("flow: xonxoff takes the bytes 0x11 and 0x13 for itself")
        return self

    @property
    def address(self) -> Address | None:
        """Of a `socket://`; None for a serial port."""
        return parse_port(self.port)

    @property
    def plain(self) -> str | None:
        """What a serial server sends anybody between may read and forge."""
        where = self.address
        return None if where is None or is_loopback(where.host) else "port"

    def signal_names(self, antennas: Collection[Antenna]) -> Collection[str]:  # noqa: ARG002 - whichever
        """A scanner gives none."""
        return ()

    @property
    def serial_ports(self) -> dict[str, str]:
        """The port, where it is one of this machine."""
        return {} if self.address is not None else {"port": self.port}

    @property
    def idle(self) -> float:
        """`idle_timeout` as it is used."""
        if self.idle_timeout is not None:
            return self.idle_timeout
        return 0.05 if self.suffix is not None and not control(self.suffix) and not self.stx_etx else 1.0


def control(text: str) -> bytes:
    """The bytes of a `Control`."""
    return NAMES.get(text, text).encode("latin-1")
