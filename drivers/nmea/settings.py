"""What a technician may set for a GPS receiver and its geofences. Only the line is needed, and for fences `object`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from typing import Annotated, Any, Literal, NamedTuple, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from drivers.addresses import is_loopback
from drivers.contract import Antenna, Duration, Place, Positive
from drivers.contract import Settings as Strict
from drivers.nmea.geometry import Area
from drivers.uris import object_uri

_SMALLEST = 1.0
"""Square metres a fence must have: less is a slip of the pen."""

_EXAMPLE = "as in polygon: [[40.4168, -3.7038], [40.4168, -3.7030], [40.4160, -3.7030]]"


class Address(NamedTuple):
    """Parts of `url`."""

    scheme: Literal["tcp", "udp"]
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def local(self) -> bool:
        """Whether nobody beyond this machine can listen or speak there."""
        return is_loopback(self.host)


def parse_url(text: str) -> Address:
    """`tcp://HOST:PORT` or `udp://ADDRESS:PORT`. ValueError says what else it is."""
    parts = urlsplit(text)
    if parts.scheme not in ("tcp", "udp"):
        raise ValueError("write tcp://HOST:PORT, or udp://ADDRESS:PORT with an address of this machine (0.0.0.0: all)")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or not port or parts.path not in ("", "/") or parts.query or parts.username:
        raise ValueError(f"write a host and a port from 1 to 65535, as in {parts.scheme}://10.20.0.40:10110")
    return Address("tcp" if parts.scheme == "tcp" else "udp", parts.hostname, port)


def _url(text: str) -> str:
    parse_url(text)
    return text


def _corners(corners: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    """Corners of an area that has an inside; one that closes the ring by repeating the first is dropped."""
    if len(corners) > 1 and corners[0] == corners[-1]:
        corners = corners[:-1]
    if len(corners) < 3:
        raise ValueError(f"an area has three corners at least, this one {len(corners)}: {_EXAMPLE}")
    for number, (latitude, longitude) in enumerate(corners, start=1):
        if abs(latitude) > 90.0:
            raise ValueError(f"corner {number}: a latitude is from -90 to 90, not {latitude:g}; it comes first")
        if abs(longitude) > 180.0:
            raise ValueError(f"corner {number}: a longitude is from -180 to 180, not {longitude:g}; it comes second")
    area = Area(corners)
    knot = area.knot()
    if knot is not None:
        raise ValueError(
            f"the borders that begin at corners {knot[0]} and {knot[1]} cross: list them in their order around the area"
        )
    if area.size < _SMALLEST:
        raise ValueError(f"the area has {area.size:.2g} square metres: its corners lie on one line, or are one place")
    return corners


Degrees = Annotated[float, Field(strict=False)]
Corners = Annotated[
    tuple[Annotated[tuple[Degrees, Degrees], Field(strict=False)], ...],
    AfterValidator(_corners),
    Field(strict=False, max_length=200),
]


class PortSettings(Strict):
    """A geofence: an area on the ground, drawn by its corners. Its name is the antenna's, and that of its signal."""

    polygon: Corners = ()
    """Its corners in order, each `[latitude, longitude]` in degrees (WGS 84); the last is joined to the first."""


class Report(Strict):
    """Which positions become telemetry."""

    distance_m: Annotated[float, Field(ge=0, strict=False)] = 20.0
    """As soon as the vehicle is so many metres from where it was told last."""
    min_interval: Duration = 1.0
    """But not sooner than this after the last."""
    max_interval: Positive = 60.0
    """And after this in any case, also where it stands."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_interval > self.max_interval:
            raise ValueError("min_interval is longer than max_interval: it is the shortest time between two positions")
        return self


class Settings(Strict):
    """A GPS (GNSS) receiver of a vehicle, crane or yard truck that speaks NMEA 0183."""

    port: Annotated[str, Field(pattern="^/")] | None = None
    """Serial port, by its lasting name: `/dev/serial/by-id/…`. Or give `url`."""
    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 9600
    """Bits a second of the serial port; many receivers use 4800, 9600 or 38400."""
    url: Annotated[str, AfterValidator(_url)] | None = None
    """`tcp://HOST:PORT` of a serial server or router, or `udp://ADDRESS:PORT`: where it sends to on this machine."""
    object: Annotated[str, AfterValidator(object_uri), Field(max_length=200)] | None = None
    """The vehicle's own id as a URI (a GIAI, for instance): it is what arrives in a geofence and departs."""
    hysteresis_m: Annotated[float, Field(ge=0, le=1000, strict=False)] = 5.0
    """A vehicle has left a fence when it is so many metres outside: noise at the border is no traffic."""
    confirm: Annotated[int, Field(ge=1, le=60)] = 2
    """So many positions in a row must say that it has entered or left."""
    max_hdop: Annotated[float, Field(gt=0, le=100, strict=False)] = 5.0
    """Positions with a greater HDOP (horizontal dilution of precision) decide nothing; they are still telemetry."""
    fix_timeout: Positive = 5.0
    """Without a usable fix for this long, presence in the fences is frozen. Keep it below presence_timeout."""
    silence: Positive = 10.0
    """After so long without a sentence the receiver counts as gone."""
    connect_timeout: Positive = 5.0
    """How long connecting by TCP may take."""
    report: Report = Report()
    """Which positions become telemetry."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.port is None) == (self.url is None):
            raise ValueError("give either port (a serial port) or url (tcp:// or udp://)")
        if self.url is not None and "baud" in self.model_fields_set:
            raise ValueError("baud has no effect with url: the serial server has its own")
        return self

    @property
    def address(self) -> Address | None:
        """The parts of `url`."""
        return None if self.url is None else parse_url(self.url)

    @property
    def plain(self) -> str | None:
        """NMEA 0183 has no TLS: whoever is on that network can read and forge it."""
        return None if self.address is None or self.address.local else "url"

    @property
    def serial_ports(self) -> dict[str, str]:
        """The port, where it is one of this machine."""
        return {} if self.port is None else {"port": self.port}

    def flaws(self, device: str, ports: Mapping[Antenna, Any]) -> Iterator[tuple[Place, str]]:
        """Fences without an area, without a vehicle, or with ground in common."""
        fences = {name: Area(port.polygon) for name, port in ports.items() if port.polygon}
        for name in ports.keys() - fences.keys():
            yield ("antennas", name), f"where is it? draw its area, {_EXAMPLE}"
        if fences and self.object is None:
            yield ("antennas",), f"object is missing: the id of what arrives there, as in {device}: {{object: urn:…}}"
        for (one, area), (other, second) in combinations(fences.items(), 2):
            if area.overlaps(second):
                text = f"overlaps '{one}': a vehicle is in one zone at most; let them touch at a border"
                yield ("antennas", other, "polygon"), text

    def signal_names(self, antennas: Collection[Antenna]) -> Collection[str]:
        """Each fence gives a signal of its name: whether the vehicle is inside."""
        return [str(antenna) for antenna in antennas]
