"""The keys of a site file. Each class is one mapping of the YAML; the docstring below a key is its help text."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from drivers.contract import Duration, Positive, Settings, Size
from gateway.config.values import (
    Address,
    BizStep,
    BrokerUrl,
    Disposition,
    Interface,
    Listen,
    Name,
    One,
    PathText,
    Pattern,
    Presence,
    Timezone,
    Uri,
    either_way,
)

WhenFull = Literal["keep", "drop_oldest", "refuse"]
Patterns = Annotated[tuple[Pattern, ...], Field(strict=False)]
Decibel = Annotated[float, Field(ge=-40, le=40)]
Dbm = Annotated[float, Field(ge=-120, le=30)]


class Metrics(Settings):
    """Where a process shows how it is; without these, nowhere."""

    listen: Listen | None = Field(None, examples=["127.0.0.1:9464"])
    """Address and port of `/metrics` and `/healthz`, in plain HTTP, for everybody who can reach it."""
    textfile: PathText | None = Field(None, examples=["/var/lib/prometheus/node-exporter"])
    """The folder of a node-exporter's textfile collector: `readpoint.prom` is written there every 15 s."""


class Gateway(Settings):
    """The box itself."""

    id: Name
    """The gateway's name, unique among all sites whose certificates one CA signs; `{id}.{segment}` is an identity."""
    site: Name
    """The site's name: a level of every topic."""
    timezone: Timezone = "UTC"
    """IANA name of the local time; gives `eventTimeZoneOffset`."""
    identifiers: Literal["epc_urn", "digital_link"] = "epc_urn"
    """What stands in `epcList`: the EPC as a URN, or GS1 Digital Link."""
    state_dir: PathText = "/var/lib/readpoint"
    """A folder in here for each segment: outbox, lock, quarantine."""
    run_dir: PathText = "/run/readpoint"
    """The local control socket of each segment stands here."""
    metrics: Metrics = Metrics()
    """Where this gateway shows how it is, for Prometheus."""


class Tls(Settings):
    """PEM files, relative to this file."""

    ca: PathText | None = None
    """The CA that signs the broker's certificate; default the system's CAs."""
    cert: PathText | None = None
    """This segment's certificate; its CN is `{gateway}.{segment}`."""
    key: PathText | None = None
    """The certificate's key: readable by the gateway's user alone."""


class Uplink(Settings):
    """Where a segment's events go."""

    url: BrokerUrl = Field(examples=["mqtts://broker.example:8883"])
    """The broker: `mqtts://HOST:8883`; `mqtt://` only on this machine, or with `insecure_ok: true`."""
    tls: Tls = Tls()
    """Who the broker is, and who we are."""
    insecure_ok: bool = False
    """Send in plain text to another machine: whoever listens reads along, and may forge events."""
    bind: Address | None = None
    """Source address of this uplink; default the system's choice."""
    protocol: Literal["5", "3.1.1"] = "5"
    """MQTT version. With 3.1.1 a broker's answer proves only that it answered."""
    window: int = Field(20, ge=1, le=1000)
    """Publishes that may wait for their acknowledgement at a time."""
    batch: bool = True
    """Send waiting events together as one CloudEvents batch, up to 100 kB."""
    keepalive: Positive = 20.0
    """MQTT keep-alive: a broker that is silent for 1.5 times as long is gone."""
    connect_timeout: Positive = 10.0
    """How long a connection may take to be made."""
    ack_timeout: Positive = 30.0
    """How long an acknowledgement may take before the connection is given up."""
    backoff_min: Positive = 0.5
    """The first pause after a lost connection."""
    backoff_max: Positive = 30.0
    """The longest pause after a refusal; a broker out of reach is tried again within 1.5 s."""
    takeover_backoff: Positive = 60.0
    """The pause when another box uses this identity."""
    refused_backoff: Positive = 5.0
    """The longest pause before an event the broker refused is sent again; the first is `backoff_min`."""
    resend_rate: Size = 2**20
    """Bytes a second, at most, of events that were sent before and that the centre asks for again."""
    state_interval: Positive = 30.0
    """How often `state` says that the segment is online."""
    snapshot_interval: Positive = 900.0
    """How often each zone says what is present there, for the centre to compare."""
    grace: Positive = 5.0
    """How long a shutdown waits for what is still to be sent."""

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.backoff_min > self.backoff_max:
            raise ValueError("backoff_min is longer than backoff_max")
        return self


class Outbox(Settings):
    """The durable queue of a segment."""

    max_size: Annotated[Size, Field(ge=2**20)] = 2 * 2**30
    """The most it may take on disk; from 85 % of it on, what was sent goes early."""
    keep_sent: Duration = 72 * 3600.0
    """How long events stay after they were sent, so that the centre can ask for them again."""
    linger: Duration = 0.02
    """How long the first waiting event waits for company before both are stored in one go."""
    epcis_when_full: WhenFull = "keep"
    """At 95 % of `max_size`: `keep` lets new events wait in memory, `drop_oldest` and `refuse` lose some, declared."""
    telemetry_when_full: WhenFull = "drop_oldest"
    """The same for measurements."""
    health_when_full: WhenFull = "drop_oldest"
    """The same for changes of devices' states."""


class Segment(Settings):
    """A security zone: devices that share one uplink, one identity, one outbox."""

    uplink: Uplink
    """Where its events go."""
    outbox: Outbox = Outbox()
    """How they wait until they are there."""
    device_interface: Interface | None = None
    """Network interface to which the sockets of this segment's devices are bound; default any."""
    plain_devices: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Drivers whose devices may talk without TLS beyond this machine, as in `[llrp]`."""
    accept: Patterns = ()
    """GS1 schemes or URI patterns of the identifiers that count here; default all."""
    raw: Literal["report", "drop"] = "report"
    """What happens to identifiers that nobody can decode."""
    identities: PathText | None = Field(None, examples=["identities.csv"])
    """A CSV or YAML file that gives identifiers their GS1 ids."""


class Locations(Settings):
    """A business location by direction of passage."""

    into: Uri | None = Field(None, alias="in")
    """After a passage inwards."""
    out: Uri | None = None
    """After a passage outwards."""


class BizSteps(Settings):
    """A business step by direction of passage."""

    into: BizStep | None = Field(None, alias="in")
    """Of a passage inwards."""
    out: BizStep | None = None
    """Of a passage outwards."""


class Dispositions(Settings):
    """A disposition by direction of passage."""

    into: Disposition | None = Field(None, alias="in")
    """After a passage inwards."""
    out: Disposition | None = None
    """After a passage outwards."""


LocationEitherWay = Annotated[Locations, BeforeValidator(either_way, json_schema_input_type=Uri | Locations)]
BizStepEitherWay = Annotated[BizSteps, BeforeValidator(either_way, json_schema_input_type=BizStep | BizSteps)]
DispositionEitherWay = Annotated[
    Dispositions, BeforeValidator(either_way, json_schema_input_type=Disposition | Dispositions)
]


class Gate(Settings):
    """Reads count only while a signal is on: a photo-eye, a door contact."""

    device: str
    """The device that gives the signal."""
    signal: str = Field(min_length=1)
    """The signal's name."""
    hold: Duration = 0.0
    """How long reads still count after the signal went off."""


class ReadPoint(Settings):
    """A place where reads are taken."""

    uri: Uri
    """The place as events name it: a GS1 SGLN, or another URI."""
    kind: Literal["zone", "portal", "checkpoint"]
    """`zone`: objects stay here. `portal`: they pass, in or out. `checkpoint`: each is seen once."""
    location: LocationEitherWay = Locations()
    """`bizLocation` of its events; at a portal also by direction: `{in: …, out: …}`."""
    biz_step: BizStepEitherWay = BizSteps()
    """`bizStep`: a word of GS1's CBV 2.0 or a URI; at a portal also by direction."""
    disposition: DispositionEitherWay = Dispositions()
    """`disposition`: a word of GS1's CBV 2.0 or a URI; at a portal also by direction."""
    gate: Gate | None = None
    """At a portal or a checkpoint: reads count only while this signal is on."""
    neighbours: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """At a portal: other portals near it; who is heard better there has not passed here. At a checkpoint: others."""
    presence_timeout: Presence = None
    """In a zone: unseen for this long, an object has departed; `auto` is 30 s, for a beacon ten of its intervals."""
    dwell: Duration = 1.0
    """In a zone: how long a neighbour must hear a tag better before the object has moved there."""
    hysteresis_db: float = Field(4.0, ge=0, le=40)
    """In a zone: how much better that is, in dB."""
    min_reads: int = Field(1, ge=1, le=1000)
    """Reads before an object counts as here."""
    rssi_floor_dbm: Dbm | None = None
    """Reads weaker than this do not count."""
    freeze_max: Positive = 86400.0
    """How long presence is kept while the antennas that heard the object do not observe."""
    dedup: Duration = 5.0
    """At a checkpoint: an instance (EPC, SSCC, serial number) is new again when unseen for this long."""
    dedup_class: Duration = 0.0
    """At a checkpoint: the same for a class (GTIN, lot) or another code, for fixed scanners that repeat."""
    peak_wait: Presence = None
    """At a checkpoint: how long an object may wait for its strongest signal, which orders a belt; `auto` learns it."""
    accept: Patterns = ()
    """GS1 schemes or URI patterns of the identifiers that count here; default all."""
    ignore: Patterns = ()
    """GS1 schemes or URI patterns of the identifiers that do not count here."""


class PortKeys(Settings):
    """Where an antenna stands."""

    read_point: str
    """The read point it feeds."""
    side: Literal["inside", "outside"] | None = None
    """At a portal: on which side it stands."""
    rssi_offset_db: Decibel = 0.0
    """Added to every level this antenna reports, to make unequal antennas equal."""
    rssi_floor_dbm: Dbm | None = None
    """Reads of this antenna weaker than this do not count."""


class DeviceKeys(Settings):
    """One thing on the floor: what every driver's devices have."""

    driver: str
    """Which driver talks to it."""
    segment: str
    """The security zone it belongs to."""
    read_point: str | None = None
    """The read point that all of it feeds; or give `antennas`."""
    side: Literal["inside", "outside"] | None = None
    """At a portal: on which side it stands."""
    antennas: dict[int | str, Any] | None = None
    """Which read point each antenna feeds: a name, or a mapping."""


class Site(Settings):
    """A site: one gateway, its security zones, the places where it reads, the devices that do."""

    version: One
    """Version of this format."""
    gateway: Gateway
    """The box itself."""
    segments: Annotated[dict[Name, Segment], Field(min_length=1)]
    """Security zones by name: devices that share one uplink, one identity, one outbox."""
    read_points: dict[Name, ReadPoint] = Field({})
    """Places where reads are taken, by name."""
    devices: dict[Name, Any] = Field({})
    """What stands on the floor, by name."""
    drivers: Annotated[tuple[str, ...], Field(strict=False)] = ()
    """Drivers of other distributions that this site trusts, by name, as in `[acme]`; readpoint's own need no line."""
