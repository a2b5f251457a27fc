"""A site as the gateway runs it: frozen, complete, paths absolute, defaults filled in. Seconds and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from drivers.contract import Antenna, Settings
from gateway.identity.mapping import IdentityMap
from gateway.model import ReadPoint, Rules
from gateway.signals import Rule


class Tls(msgspec.Struct, frozen=True):
    """PEM files: the CA that signs the broker, our certificate and key. Without `ca` the system's CAs serve."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


class Uplink(msgspec.Struct, frozen=True):
    """Where a segment's events go, and how patiently."""

    host: str
    port: int
    secure: bool = True
    tls: Tls = Tls()
    bind: str | None = None
    protocol: Literal["5", "3.1.1"] = "5"
    window: int = 20
    batch: bool = True
    keepalive: float = 20.0
    connect_timeout: float = 10.0
    ack_timeout: float = 30.0
    backoff_min: float = 0.5
    backoff_max: float = 30.0
    takeover_backoff: float = 60.0
    refused_backoff: float = 5.0
    resend_rate: int = 2**20
    state_interval: float = 30.0
    snapshot_interval: float = 900.0
    grace: float = 5.0


WhenFull = Literal["keep", "drop_oldest", "refuse"]


class Outbox(msgspec.Struct, frozen=True):
    """The durable queue: its quota, how long sent rows stay, and how long the first waiting event waits for company."""

    max_size: int = 2 * 2**30
    keep_sent: float = 72 * 3600.0
    linger: float = 0.02
    epcis_when_full: WhenFull = "keep"
    telemetry_when_full: WhenFull = "drop_oldest"
    health_when_full: WhenFull = "drop_oldest"

    @property
    def when_full(self) -> dict[str, WhenFull]:
        """What each channel does when the quota is nearly used up."""
        return {
            "epcis": self.epcis_when_full,
            "telemetry": self.telemetry_when_full,
            "health": self.health_when_full,
        }


class Segment(msgspec.Struct, frozen=True):
    """A security zone: one uplink, one identity, one outbox."""

    name: str
    uplink: Uplink
    outbox: Outbox = Outbox()
    device_interface: str | None = None
    plain_devices: tuple[str, ...] = ()
    rules: Rules = Rules(read_points={}, ports=())
    identities: IdentityMap | None = None


class Device(msgspec.Struct, frozen=True):
    """One thing on the floor. `ports`: the driver's own settings of each antenna; `signals`: what its outputs show."""

    name: str
    driver: str
    segment: str
    settings: Settings
    ports: Mapping[Antenna, Settings] = {}
    signals: tuple[Rule, ...] = ()


class Metrics(msgspec.Struct, frozen=True):
    """Where this process shows how it is: an address (host, port), a folder for text files."""

    listen: tuple[str, int] | None = None
    textfile: Path | None = None


class Gateway(msgspec.Struct, frozen=True):
    """The box itself."""

    id: str
    site: str
    timezone: str = "UTC"
    identifiers: Literal["epc_urn", "digital_link"] = "epc_urn"
    state_dir: Path = Path("/var/lib/readpoint")
    run_dir: Path = Path("/run/readpoint")
    metrics: Metrics = Metrics()


class Site(msgspec.Struct, frozen=True):
    """A whole configuration file. `digest` is the SHA-256 of its text, in hex; `path` where it was read."""

    gateway: Gateway
    segments: Mapping[str, Segment]
    read_points: Mapping[str, ReadPoint]
    devices: Mapping[str, Device]
    path: Path = Path()
    digest: str = ""

    def identity(self, segment: str) -> str:
        """`{gateway}.{segment}`: certificate CN, MQTT Client ID, MQTT user and topic level of that segment."""
        return f"{self.gateway.id}.{segment}"
