"""What a technician may set for hardware that posts its reads. Only `listen` is needed; the rest has safe defaults."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from drivers.addresses import is_loopback
from drivers.contract import Antenna, Needed, Place, Positive, SecretRef, Size
from drivers.contract import Settings as Strict

SHORTEST_TOKEN = 16
"""Characters: 32 hex digits have 128 bits, and nobody guesses half of that."""

_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):(\d{1,5})")

_FILE = re.compile(r"\$\{file:([^}]+)\}")


def split(listen: str) -> tuple[str, int]:
    """`10.10.0.1:8443`, `[fd00::1]:8443` → address and port. ValueError says what to write."""
    found = _LISTEN.fullmatch(listen)
    if not found:
        raise ValueError(
            f"'{listen}' is no address to listen on: write this machine's own with a port, as in 10.10.0.1:8443"
        )
    host, port = found[1] or found[2], int(found[3])
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"'{host}' is no IP address: write this machine's own, as in 10.10.0.1:8443") from None
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"{host} is no network of this segment: write the machine's own address in it (ip addr)")
    if not 1 <= port <= 65535:
        raise ValueError(f"port {port} does not exist: 1 to 65535, as in {host}:8443")
    return host, port


def _listen(text: str) -> str:
    split(text)
    return text


SourceName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,24}$")]
CommonName = Annotated[str, Field(min_length=1, max_length=64)]
Rate = Annotated[float, Field(gt=0, le=100_000)]


class Tls(Strict):
    """Who we are, and whose certificates sources may show."""

    cert: str
    """PEM file of this listener's certificate, with the chain up to its CA."""
    key: str
    """PEM file of its key."""
    ca: str | None = None
    """PEM file of the CA that signs the sources' certificates; only with `common_name`."""


class Source(Strict):
    """One who posts: a handheld, a reader in its vendor's IoT mode, a script."""

    token: SecretRef | None = None
    """What it shows as `Authorization: Bearer TOKEN`, or as Basic password with any user."""
    common_name: CommonName | None = None
    """CN of its client certificate, signed by `tls.ca`. With a token it needs both."""
    rate: Rate = 1000.0
    """Reads a second, on average over 10 s; what comes faster is told to wait (429)."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.token is None and self.common_name is None:
            raise ValueError(
                "without token and common_name anybody could be this source: write token: ${file:NAME.token} "
                "(openssl rand -hex 32 > NAME.token), or the common_name of its client certificate"
            )
        return self


class PortSettings(Strict):
    """A source of a listener with several, or one antenna of a source: `SOURCE` or `SOURCE/ANTENNA`."""


class Settings(Strict):
    """A listener for hardware that posts its reads (HTTP)."""

    listen: Annotated[str, AfterValidator(_listen)]
    """Address and port to listen on, and nowhere else: `10.10.0.1:8443`."""
    tls: Tls | Literal[False] | None = None
    """Certificate and key. Default: on loopback none, else `DEVICE.pem` and `DEVICE.key` beside the file.

    `false`: plain HTTP; beyond this machine only where the segment's `plain_devices` has `http`."""
    sources: Annotated[dict[SourceName, Source], Field(max_length=1000)] = Field({})
    """Who may post, by name. Default: one, named as the device."""
    token: SecretRef | None = None
    """Token of the only source. Default: `${file:DEVICE.token}`."""
    common_name: CommonName | None = None
    """CN of the only source's client certificate."""
    rate: Rate | None = None
    """Reads a second of the only source. Default 1000."""
    max_body: Annotated[Size, Field(ge=2**10, le=2**24)] = 2**20
    """The longest post."""
    request_timeout: Positive = 10.0
    """How long TLS, and then a request with its body, may take to arrive."""
    store_timeout: Positive = 10.0
    """How long a post waits until it is stored before it is told to try again (503)."""
    connections: Annotated[int, Field(ge=2, le=10_000)] = 100
    """Connections at a time; one address has half of them at most."""
    remember: Annotated[int, Field(ge=1, le=100_000)] = 1000
    """How many batch ids of a source are remembered, so that a repeated batch is stored once."""
    max_age: Positive = 72 * 3600.0
    """Reads older than this come from a clock that is wrong: they count as of their arrival."""

    @property
    def address(self) -> tuple[str, int]:
        """Where to listen."""
        return split(self.listen)

    @property
    def _loopback(self) -> bool:
        return is_loopback(self.address[0])

    @property
    def plain(self) -> str | None:
        """Without TLS beyond this machine: by `listen`."""
        return "listen" if self.tls is False and not self._loopback else None

    def encryption(self, device: str) -> Tls | None:
        """Certificate and key as they are used; None is plain HTTP."""
        if self.tls is None:
            return None if self._loopback else Tls(cert=f"{device}.pem", key=f"{device}.key")
        return self.tls or None

    def known(self, device: str) -> Mapping[str, Source]:
        """Who may post, by name."""
        if self.sources:
            return self.sources
        token = self.token
        if token is None and self.common_name is None:
            token = f"${{file:{device}.token}}"
        rate = {} if self.rate is None else {"rate": self.rate}
        return {device: Source(token=token, common_name=self.common_name, **rate)}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        alone = [key for key in ("token", "common_name", "rate") if getattr(self, key) is not None]
        if self.sources and alone:
            raise ValueError(f"{alone[0]} belongs to one source: with sources write it there, sources: {{NAME: {{…}}}}")
        names = self.common_name is not None or any(source.common_name for source in self.sources.values())
        if names and not (self.tls and self.tls.ca):
            raise ValueError("common_name: who signs the certificates? write tls: {cert: FILE, key: FILE, ca: FILE}")
        return self

    def flaws(self, device: str, ports: Mapping[Antenna, object]) -> Iterator[tuple[Place, str]]:  # noqa: ARG002 - of the contract
        """Two sources that nobody could tell apart; antennas of no source."""
        for key in ("token", "common_name"):
            seen: dict[str, str] = {}
            for name, source in self.sources.items():
                value = getattr(source, key)
                if value is not None and seen.setdefault(value, name) != name:
                    text = (
                        f"source '{seen[value]}' has the same {key}: give each its own, or nobody can tell them apart"
                    )
                    yield ("sources", name, key), text
        for antenna in ports if self.sources else ():
            if str(antenna).partition("/")[0] not in self.sources:
                names = ", ".join(self.sources)
                text = f"'{antenna}' is no source; write one of {names}, or SOURCE/ANTENNA for an antenna of a reader"
                yield ("antennas", antenna), text

    def needed(self, device: str) -> Iterable[Needed]:
        """Files that serve where the file says nothing."""
        tls = self.encryption(device)
        if tls is not None and self.tls is None:
            text = "TLS needs a certificate and its key: put them there, or write tls: {cert: FILE, key: FILE}"
            yield Needed(("listen",), tls.cert, text)
            yield Needed(("listen",), tls.key, text)
        if not self.sources and self.token is None and self.common_name is None:
            text = f"who may post? openssl rand -hex 32 > {device}.token, or write token: or common_name:"
            yield Needed(("listen",), f"{device}.token", text)
        tokens = {("token",): self.token} | {
            ("sources", name, "token"): one.token for name, one in self.sources.items()
        }
        for place, token in tokens.items():
            file = _FILE.fullmatch(token or "")
            if file:
                yield Needed(place, file[1], f"the source's token stands there: openssl rand -hex 32 > {file[1]}")
