"""What a technician may set for BLE tags. Nothing is needed where there is one adapter; naming what to hear helps."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from drivers.ble.frames import FORMATS, LONGEST_NAME, Format
from drivers.contract import Antenna, Place, Positive, SecretRef
from drivers.contract import Settings as Strict


def _address(text: str) -> str:
    """`AC:23:3F:A0:00:01`, with or without separators, as printed on tags → 12 hex digits."""
    digits = text.replace(":", "").replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{12}", digits):
        raise ValueError("a Bluetooth address has 12 hex digits, in quotes, as in 'AC:23:3F:A0:00:01'")
    return digits


def _adapter(text: str) -> str:
    if not re.fullmatch(r"hci\d{1,3}", text):
        raise ValueError(
            "adapters are called hci0, hci1, …: `bluetoothctl list` and `ls /sys/class/bluetooth` show them"
        )
    return text


def _name(text: str) -> str:
    if not text.strip("*?") or len(text.encode()) > LONGEST_NAME:
        raise ValueError(f"a tag's name, at most {LONGEST_NAME} bytes, with * and ? where names differ, as in 'P ID *'")
    return text


Address = Annotated[str, AfterValidator(_address)]
Name = Annotated[str, AfterValidator(_name)]


class Telemetry(Strict):
    """When a tag's measurements are told: when they changed by the deadband, and now and then if they did not."""

    deadband: dict[str, Annotated[float, Field(ge=0)]] = Field(default_factory=dict)
    """By measurement, in its own unit, as in {temperature: 0.5, battery: 5}; beside the defaults."""
    min_interval: Positive = 10.0
    """A measurement of a tag is told at most this often; on and off at once."""
    max_interval: Positive = 600.0
    """And at least this often while the tag is heard; so are the driver's own counters."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max_interval < self.min_interval:
            raise ValueError("max_interval is shorter than min_interval: nothing could be told in time")
        return self


class PortSettings(Strict):
    """One Bluetooth adapter, where a device has several: its antennas are named hci0, hci1, …"""


class Settings(Strict):
    """BLE tags and beacons, by what they advertise; no device is ever connected to."""

    adapter: Annotated[str, AfterValidator(_adapter)] | None = None
    """The Bluetooth adapter; default hci0. For several write antennas: {hci0: NAME, hci1: NAME} instead."""
    scanning: Literal["active", "passive"] = "active"
    """Passive asks tags for nothing, which saves batteries; it needs BlueZ 5.56 with --experimental and Linux 5.10."""
    formats: Annotated[tuple[Format, ...], Field(strict=False)] = FORMATS
    """Which formats are tags of this site; default all. What is in none of them and on no list is not kept."""
    addresses: Annotated[tuple[Address, ...], Field(strict=False)] = ()
    """Tags of other formats, by their address."""
    names: Annotated[tuple[Name, ...], Field(strict=False)] = ()
    """Tags of other formats, by the name they advertise; * and ? stand for what differs."""
    keys: dict[Address, SecretRef] = Field(default_factory=dict)
    """Encrypted BTHome: address → where its key of 32 hex digits is, as in {'54:48:E6:8F:80:A5': '${file:tag.key}'}."""
    silence: Positive = 90.0
    """After so long without any advertisement, strangers' too, the scanner is taken for deaf and built anew."""
    telemetry: Telemetry = Field(default_factory=Telemetry)
    """When measurements are told."""
    max_tags: Annotated[int, Field(ge=100, le=100_000)] = 10_000
    """Tags remembered at a time; the one not heard for longest is forgotten for a new one."""

    @model_validator(mode="after")
    def _hears_something(self) -> Self:
        if not (self.formats or self.addresses or self.names):
            raise ValueError(f"nothing to hear: name formats ({', '.join(FORMATS)}), addresses or names")
        if self.keys and "bthome" not in self.formats:
            raise ValueError("keys are for BTHome: add bthome to formats, or remove keys")
        if self.scanning == "passive" and self.addresses:
            raise ValueError(
                "a passive scan listens for formats and names, not for addresses: write scanning: active, or names"
            )
        if self.scanning == "passive" and any(name[0] in "*?[" for name in self.names):
            raise ValueError(
                "a passive scan needs the beginning of a name: write scanning: active, or 'P ID *' for '*ID*'"
            )
        return self

    def flaws(self, device: str, ports: Mapping[Antenna, Any]) -> Iterable[tuple[Place, str]]:  # noqa: ARG002 - contract
        """Antennas are adapters."""
        for port in ports:
            try:
                _adapter(str(port))
            except ValueError as error:
                yield ("antennas", port), str(error)
        if self.adapter is not None and ports and self.adapter not in ports:
            yield ("adapter",), f"its antennas are {', '.join(map(str, ports))}: remove adapter"

    def signal_names(self, antennas: Collection[Antenna]) -> Collection[str] | None:  # noqa: ARG002 - contract
        """None at all: a gate on a beacon would never open."""
        return ()
