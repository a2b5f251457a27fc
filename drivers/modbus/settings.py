"""What a technician may set for a Modbus bus, its units and their points. Only `url` and what to read are needed."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from drivers.addresses import is_loopback
from drivers.contract import Antenna, Duration, Place, Positive
from drivers.contract import Settings as Strict
from drivers.modbus import address, profiles
from drivers.modbus.bus import checked, point, refuse_overlaps, stations
from drivers.modbus.registers import MOST_REGISTERS, Order, Table, Type
from drivers.tls_settings import Tls
from drivers.uris import object_uri


def _url(text: str) -> str:
    address.parse(text)
    return text


def _profile(name: str) -> str:
    if name not in profiles.names():
        raise ValueError(f"there is no profile '{name}'{profiles.nearest(name, profiles.names())}")
    return name


def _register(number: int) -> int:
    if not 0 <= number <= 0xFFFF:
        text = "addresses go from 0 to 65535, as on the wire"
        raise ValueError(f"{number}: {text}; numbered 1, 30001 or 40001 in a manual is address 0 of its table")
    return number


_UOM = {
    "V": "VLT", "A": "AMP", "W": "WTT", "kW": "KWT", "kWh": "KWH", "Wh": "WHR", "VA": "D46", "var": "D44", "Hz": "HTZ",
    "C": "CEL", "°C": "CEL", "%": "P1", "bar": "BAR", "mm": "MMT", "m": "MTR", "kg": "KGM", "t": "TNE", "s": "SEC",
    "h": "HUR", "m/s": "MTS", "m/s2": "MSK", "m/s²": "MSK", "g": "K40", "rpm": "RPM", "l": "LTR", "m3": "MTQ",
    "Pa": "PAL",
}  # fmt: skip


def _uom(text: str) -> str:
    """A code of UN/ECE Recommendation 20."""
    if not re.fullmatch(r"[A-Z0-9]{1,3}", text) or text in _UOM:
        guess = f"; did you mean {_UOM[text]!r}?" if text in _UOM else ", as in VLT, AMP, KWH, CEL"
        raise ValueError(f"'{text}' is no unit's code of UN/ECE Recommendation 20{guess}")
    return text


def _deadband(value: float | str) -> float | str:
    if isinstance(value, str) and not re.fullmatch(r"\d+(\.\d+)?%", value):
        raise ValueError(f"'{value}' is no deadband: write a number in the point's unit, or a percentage such as 2%")
    if not isinstance(value, str) and value < 0:
        raise ValueError("a deadband is not negative")
    return value


_CLASS = re.compile(
    r"https?://\S+/01/\d{14}(/10/\S+)?|urn:epc:class:lgtin:\d+\.\d+\.\S+|urn:epc:idpat:sgtin:\d+\.\d+\.\*"
)


def _epc_class(text: str) -> str:
    if not _CLASS.fullmatch(text):
        forms = "https://id.gs1.org/01/09521141123454, urn:epc:idpat:sgtin:9521141.012345.* or urn:epc:class:lgtin:…"
        raise ValueError(f"'{text}' is no class of objects: write {forms}")
    gtin = re.search(r"/01/(\d{14})", text)
    if gtin is not None and sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(gtin[1])) % 10:
        raise ValueError(f"the check digit of GTIN {gtin[1]} is wrong: copy it again")
    return text


Number = Annotated[int, Field(ge=0, le=255)]
Profile = Annotated[str, AfterValidator(_profile), Field(json_schema_extra={"enum": list(profiles.names())})]
Only = Annotated[tuple[str, ...], Field(strict=False)]
Uri = Annotated[str, AfterValidator(object_uri)]


class AlarmSettings(Strict):
    """Limits of what is well: beyond them a measurement says `exception: ALARM_CONDITION`."""

    low: float | None = None
    """Below this is an alarm."""
    high: float | None = None
    """Above this is an alarm."""
    hysteresis: Annotated[float, Field(ge=0)] = 0.0
    """An alarm ends so far inside of the limit."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.low is None and self.high is None:
            raise ValueError("give low, high or both")
        if self.low is not None and self.high is not None and self.low + self.hysteresis >= self.high - self.hysteresis:
            raise ValueError("between low and high nothing is left that ends an alarm: lower the hysteresis")
        return self


class Limits(Strict):
    """What can be; a value beyond is bad."""

    min: float | None = None
    """The least value that can be."""
    max: float | None = None
    """The greatest value that can be."""


class Observe(Strict):
    """A bit's change is a read of an object: a twist-lock that closes, a door that opens."""

    object: Uri
    """The object's URI, as in `urn:epc:id:giai:9521141.crane1`."""
    on: Literal["rising", "falling", "both"] = "rising"
    """Which change counts."""


class VibrationSettings(Strict):
    """Figures of an acceleration over windows: `NAME_rms`, `NAME_peak`, `NAME_crest`."""

    window: Positive = 1.0
    """Length of a window."""
    level: bool = True
    """Take the mean off first: gravity is no vibration."""
    rms: AlarmSettings | None = None
    """Alarm limits of the root mean square."""
    peak: AlarmSettings | None = None
    """Alarm limits of the peak."""
    crest: AlarmSettings | None = None
    """Alarm limits of the crest factor, peak / RMS: it rises when a bearing begins to fail."""


class PointSettings(Strict):
    """One value of a unit: where it stands, what it means, when it is told."""

    table: Table = "holding"
    """Which table: coil (function 1), discrete (2), holding (3) or input (4)."""
    address: Annotated[int, AfterValidator(_register)]
    """Address as on the wire, from 0: 40001 in a manual is often holding 0."""
    type: Type | None = None
    """bool, int16, uint16, int32, uint32, int64, uint64, float32, float64 or string. Default: bool in coil and discrete
    and where `bit` is given, else uint16."""
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    """Bit of the register, 0 the least."""
    length: Annotated[int, Field(ge=1, le=MOST_REGISTERS)] = 1
    """Registers of a string, two signs each."""
    samples: Annotated[int, Field(ge=1, le=MOST_REGISTERS)] = 1
    """So many values one after the other: the buffer of a vibration sensor."""
    byte_order: Order = "big"
    """Order of the bytes in a register."""
    word_order: Order = "big"
    """Order of the registers of a value: big is the standard's, little is frequent."""
    scale: float = 1.0
    """The value is raw x scale + offset."""
    offset: float = 0.0
    """Added after scaling."""
    uom: Annotated[str, AfterValidator(_uom)] | None = None
    """Unit of measure, a UN/ECE Rec 20 code: VLT, AMP, KWH, CEL, …"""
    invalid: Annotated[tuple[int, ...], Field(strict=False)] | None = None
    """Raw values (unsigned) that mean "not implemented"; default the least of a signed type, 0x8000 of int16."""
    limits: Limits | None = None
    """What can be; a value beyond is bad."""
    alarm: AlarmSettings | None = None
    """What is well; a value beyond is an alarm."""
    deadband: Annotated[float | str, AfterValidator(_deadband)] = 0.0
    """Tell a change only from here on: in the point's unit, or in per cent of the value told last (`2%`)."""
    min_interval: Duration = 0.0
    """Tell changes at most this often."""
    max_interval: Positive = 600.0
    """Tell the value at least this often, changed or not."""
    interval: Positive | None = None
    """How often it is read; default the unit's."""
    signal: bool = False
    """It gates a read point: changes are signals of this name."""
    epc_class: Annotated[str, AfterValidator(_epc_class)] | None = None
    """A counter of objects of this class: each step is an observation with a quantity."""
    max_rate: Annotated[float, Field(gt=0)] | None = None
    """The counter's fastest pace, a second: tells a wrap-around from a restart."""
    observe: Observe | None = None
    """A bit whose change is a read of an object."""
    vibration: VibrationSettings | None = None
    """An acceleration: told as figures of windows, not by itself."""

    @property
    def kind(self) -> Type:
        """The type, given or not."""
        bit = self.table in {"coil", "discrete"} or self.bit is not None
        return self.type or ("bool" if bit else "uint16")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        registers = self.table in {"holding", "input"}
        if not registers and (self.kind != "bool" or self.bit is not None):
            raise ValueError(f"table {self.table} has bits alone: no type but bool, and no bit")
        if registers and (self.kind == "bool") != (self.bit is not None):
            raise ValueError("a bool of a register needs bit: 0 to 15, and bit: means type bool")
        if self.samples > 1 and self.vibration is None:
            raise ValueError("samples: belongs to vibration:")
        size = point("it", self).size
        if size > MOST_REGISTERS or self.address + size > 0x10000:
            raise ValueError(f"it takes {size} registers from {self.address} on: at most 125 are read, up to 65535")
        self._meaning()
        return self

    def _meaning(self) -> None:
        number = self.kind not in {"bool", "string"}
        if self.observe is not None and self.kind != "bool":
            raise ValueError("observe: needs a bit: a coil, a discrete input, or bit: of a register")
        if self.epc_class is not None and (not self.kind.startswith("uint") or self.scale != 1 or self.offset != 0):
            raise ValueError("epc_class: needs a counter: type uint16, uint32 or uint64, not scaled")
        if self.max_rate is not None and self.epc_class is None:
            raise ValueError("max_rate: belongs to a counter with epc_class:")
        if self.signal and self.kind == "string":
            raise ValueError("signal: needs a bit or a number")
        if self.vibration is not None and (not number or self.signal or self.alarm or self.epc_class):
            raise ValueError("vibration: needs a number alone; its alarms stand in rms:, peak: and crest:")
        if not number and (self.alarm or self.limits):
            raise ValueError("alarm: and limits: need a number")


def _apart(points: dict[str, PointSettings]) -> dict[str, PointSettings]:
    refuse_overlaps([point(name, one) for name, one in points.items()])
    return points


Points = Annotated[dict[Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,48}$")], PointSettings], AfterValidator(_apart)]


class Serial(Strict):
    """How a serial line speaks; the defaults are those of Modbus over Serial Line 1.02, section 3.2."""

    baud: Annotated[int, Field(ge=300, le=4_000_000)] = 19200
    """Bits a second; many meters leave the factory with 9600."""
    parity: Annotated[str, Field(pattern="^(even|odd|none)$")] = "even"
    """Parity: even, odd or none."""
    stop_bits: Annotated[int, Field(ge=1, le=2)] | None = None
    """Stop bits; default 1, without parity 2, as the standard wants; many devices use 1 there, too."""


class UnitSettings(Strict):
    """One station of the bus: a meter, a drive, a PLC."""

    unit: Number
    """Its number on the bus (1 to 247; 0 and 255 where a TCP device wants them)."""
    profile: Profile | None = None
    """Its register map by name, instead of typing points; `sunspec` asks the device."""
    only: Only = ()
    """Which points of the profile; default all."""
    points: Points = Field({})
    """Points by name, beside those of the profile."""
    interval: Positive | None = None
    """How often its points are read; default the device's."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        checked(self)
        return self


class PortSettings(Strict):
    """A point that reads objects, at its read point. Its name is the antenna's."""


class Settings(Strict):
    """A Modbus bus: one device, or several units behind one serial line or gateway. It only ever reads."""

    url: Annotated[str, AfterValidator(_url)]
    """Where it is: `tcp://HOST:502`, `tls://HOST:802`, `rtu+tcp://HOST:PORT` (RTU frames through a serial server) or
    `rtu:///dev/serial/by-id/…`."""
    serial: Serial = Serial()
    """How the serial line speaks, with `rtu://`."""
    tls: Tls | None = None
    """Certificates, with `tls://`. Without TLS the zone must accept plain modbus (`plain_devices`)."""
    unit: Number = 1
    """The unit's number, where there is one unit."""
    profile: Profile | None = None
    """Its register map by name, instead of typing points; `sunspec` asks the device."""
    only: Only = ()
    """Which points of the profile; default all."""
    points: Points = Field({})
    """Points by name, beside those of the profile."""
    units: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,24}$")], UnitSettings] = Field({})
    """Several units of one bus by name, instead of `unit`, `profile` and `points`: their points are `UNIT.POINT`."""
    interval: Positive = 1.0
    """How often points are read."""
    timeout: Positive = 1.0
    """How long a unit may take for its answer."""
    connect_timeout: Positive = 5.0
    """How long connecting and TLS may take."""
    pause: Duration = 0.0
    """Silence between an answer and the next request, beyond what the serial line needs."""
    gap: Annotated[int, Field(ge=0, le=100)] = 0
    """Read across so many registers that no point names, to save requests. 0: never, for many devices refuse that."""
    most: Annotated[int, Field(ge=1, le=MOST_REGISTERS)] = MOST_REGISTERS
    """Registers read at once at most; a profile may know a lower number."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        where = address.parse(self.url)
        if where.scheme == "tls" and self.tls is None:
            raise ValueError(
                "tls:// needs tls: with ca or fingerprint, and cert and key where the device asks for ours"
            )
        if where.scheme != "tls" and self.tls is not None:
            raise ValueError("tls: has no effect: write url: tls://HOST:802")
        if where.scheme != "rtu" and "serial" in self.model_fields_set:
            raise ValueError("serial: has no effect: only url: rtu:///dev/… is a serial line")
        if self.units:
            self._several()
        else:
            checked(self)
        return self

    def _several(self) -> None:
        alone = sorted({"unit", "profile", "points", "only"} & self.model_fields_set)
        if alone:
            raise ValueError(f"units: and {alone[0]}: exclude each other: write {alone[0]} into one of the units")
        numbers: dict[int, str] = {}
        for name, one in self.units.items():
            first = numbers.setdefault(one.unit, name)
            if first != name:
                raise ValueError(f"units {first} and {name} are both number {one.unit}: give each its own")

    @property
    def address(self) -> address.Address:
        """The url's parts."""
        return address.parse(self.url)

    @property
    def plain(self) -> str | None:
        """`url`, where it leads over a network without TLS."""
        where = self.address
        if where.scheme in {"rtu", "tls"} or is_loopback(where.host):
            return None
        return "url"

    @property
    def serial_ports(self) -> dict[str, str]:
        """The serial port, by the key that names it."""
        return {"url": self.address.path} if self.address.path else {}

    def signal_names(self, antennas: Collection[Antenna]) -> Collection[str]:  # noqa: ARG002 - the base's signature
        """The points with `signal: true`."""
        return [watched.point.name for one in stations(self) for watched, _ in one.points if watched.signal]

    def flaws(self, device: str, ports: Mapping[Antenna, object]) -> Iterable[tuple[Place, str]]:  # noqa: ARG002 - same
        """Antennas that are no points, and points that read objects at no antenna."""
        reading = [watched.point.name for one in stations(self) for watched, _ in one.points if watched.reads]
        there = f"those are {', '.join(reading)}" if reading else "there is none"
        for antenna in ports:
            if antenna not in reading:
                text = f"'{antenna}' is no point that reads objects (observe: or epc_class:): {there}"
                yield ("antennas", antenna), text
        for name in reading:
            if ports and name not in ports:
                yield ("antennas",), f"point '{name}' reads objects, but where? add {name}: READ_POINT"
