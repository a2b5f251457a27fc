"""What a simulated reader is told before it starts."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Family = Literal["impinj-speedway", "impinj-r700", "zebra-fx", "plain"]
FAMILIES: tuple[Family, ...] = get_args(Family)

GPOS = 4
"""Outputs, numbered from 1, as real readers of every family have them."""


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """PEM files of a reader that speaks LLRP over TLS (port 5085); with `client_ca` it asks clients for theirs."""

    cert: str
    key: str
    client_ca: str | None = None


class ReaderOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One reader. Times in seconds."""

    name: str = "reader"
    """What the air calls it, too."""
    family: Family = "impinj-speedway"
    host: str = "127.0.0.1"
    port: int = 0
    """0: a free port, shown by `LlrpReader.port`."""
    antennas: int = 4
    gpis: int = 4
    period: float = 0.05
    """How long an antenna inventories before the next one takes its turn."""
    holding: bool | None = None
    """Whether it can hold events and reports for a client that comes back; None: as its family."""
    utc: bool = True
    """False: a reader without a UTC clock, which stamps everything with its uptime."""
    buffer: int = 65536
    """Tag reports it keeps for a client that is away or slow; more are lost, and it says so."""
    link_down: int = 0
    """Unanswered keepalives after which it takes its client for gone (0: never); Impinj's link monitor sets it."""
    control_port: int | None = None
    """Where faults are ordered (newline JSON on loopback, see `control`); 0: a free port; None: nowhere."""
    tls: Tls | None = None

    def __post_init__(self) -> None:
        """ValueError for a reader that cannot be."""
        if self.family not in FAMILIES:
            raise ValueError(f"no family is called {self.family!r}; there are {', '.join(FAMILIES)}")
        if self.antennas < 1 or self.gpis < 0 or self.buffer < 1 or self.period <= 0:
            raise ValueError("a reader has at least one antenna, a buffer of one report and a period above 0 s")
