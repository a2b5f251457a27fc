"""What a technician may set for an LLRP reader and each of its antennas. The defaults serve; only `host` is needed."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from drivers.contract import Positive
from drivers.contract import Settings as Strict
from drivers.tls_settings import Tls

PLAIN_PORT = 5084
TLS_PORT = 5085
"""IANA: llrp and encrypted-llrp (LLRP 1.0.1, section 9.1)."""


def _hex(text: str) -> str:
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        raise ValueError("write a mask as whole bytes in hex, in quotes, as in '30' or '3034257b'")
    return text.lower()


Hex = Annotated[str, AfterValidator(_hex)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Filter(Strict):
    """A Gen2 Select mask (LLRP C1G2Filter): only tags whose memory has these bits take part, or all but those."""

    mask: Hex
    """The bits, in hex."""
    bank: Literal["epc", "tid", "user"] = "epc"
    """Where they stand."""
    pointer: Annotated[int, Field(ge=0, le=65535)] | None = None
    """The first bit's address in the bank; default 32 in epc (after CRC and PC: the EPC itself), else 0."""
    bits: Annotated[int, Field(ge=1, le=65535)] | None = None
    """How many bits of the mask count; default all."""
    action: Literal["include", "exclude"] = "include"
    """What happens to the tags that match."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.bits is not None and self.bits > len(self.mask) * 4:
            raise ValueError(f"bits: the mask has only {len(self.mask) * 4}")
        return self


class Gpi(Strict):
    """An input of the reader that starts the inventory; it ends when the input turns back or after `duration`."""

    port: Port
    """Number of the input, from 1."""
    level: Literal["high", "low"] = "high"
    """The level that starts it."""
    duration: Positive | None = None
    """Ends it after this time even if the input stays; without it, only the input's turning back ends it."""


class GpiStart(Strict):
    """Inventory while an input of the reader says so."""

    gpi: Gpi
    """Which input, and its level."""


class Report(Strict):
    """When the reader sends what it has read: after so many tags, after so much time, whichever comes first."""

    tags: Annotated[int, Field(ge=0, le=65535)] = 1
    """After so many tag entries; 1: every read at once; 0: by `interval` alone."""
    interval: Positive | None = None
    """At least this often: the reports are fetched (GET_REPORT), inventory is not interrupted."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.tags == 0 and self.interval is None:
            raise ValueError("with tags: 0 give an interval: else the reader would never report")
        return self


class PortSettings(Strict):
    """One antenna of an LLRP reader."""

    power_dbm: float | None = None
    """Transmit power; the reader's nearest level not above it is used. Default: the reader's highest."""
    deafness_db: Annotated[float, Field(ge=0)] | None = None
    """Make the receiver so many dB less sensitive than its best (LLRP gives no absolute level); nearest not above."""
    channel: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Channel of this antenna where the region has fixed channels; default the device's."""


class Settings(Strict):
    """An RFID reader that speaks LLRP 1.0.1 or 1.1 (EPCglobal/GS1)."""

    host: Annotated[str, Field(min_length=1)]
    """The reader's name or address."""
    port: Port | None = None
    """TCP port; default 5084, with TLS 5085."""
    tls: Tls | None = None
    """TLS to the reader. Without it the zone must accept plain llrp (`plain_devices`)."""
    region: Literal["fcc", "etsi", "japan", "china", "korea", "australia", "brazil", "taiwan", "india"] | None = None
    """The region the reader must be set to; refused if the reader says another. Default: whatever it is set to."""
    hop_table: Annotated[int, Field(ge=1, le=255)] | None = None
    """Hop table where the region hops; default the reader's first."""
    channel: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Channel where the region has fixed channels; default the reader's first."""
    mode: int | str | None = None
    """Reader mode: its identifier in the reader's table, or an Impinj name such as AutoSetDenseReaderDeepScan."""
    session: Annotated[int, Field(ge=0, le=3)] = 1
    """Gen2 session. 0 and 1 let a tag answer again soon, 2 and 3 keep it quiet while it is powered."""
    population: Annotated[int, Field(ge=1, le=65535)] = 32
    """How many tags are before an antenna at a time, about."""
    search_mode: Literal["dual_target", "single_target", "tag_focus"] | None = None
    """Impinj search mode. Default: the reader's own."""
    filters: Annotated[tuple[Filter, ...], Field(strict=False)] = ()
    """Masks: which tags take part. Default all."""
    start: Literal["immediate"] | GpiStart = "immediate"
    """When inventory runs: always, or by an input."""
    report: Report = Report()
    """When the reader sends what it has read."""
    phase: bool = False
    """Report the RF phase angle (Impinj)."""
    doppler: bool = False
    """Report the Doppler frequency (Impinj)."""
    fine_rssi: bool = False
    """Report RSSI in 1/100 dB instead of whole dB (Impinj)."""
    tid: bool = False
    """Report each tag's TID (Impinj FastID; elsewhere a read of the TID bank, which slows inventory down)."""
    keepalive: Positive = 3.0
    """How often the reader must send a sign of life; two missed: the link is dead (2.5 times this).

    Keep that below the presence timeouts: tags must not depart before it shows that nobody was looking."""
    connect_timeout: Positive = 5.0
    """How long connecting, TLS and the reader's greeting may take, each."""
    response_timeout: Positive = 10.0
    """How long the reader may take for an answer."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as they are used."""
        return self.host, self.port or (TLS_PORT if self.tls else PLAIN_PORT)

    @property
    def secure(self) -> bool:
        """Whether the link is encrypted and the reader proves who it is."""
        return self.tls is not None
