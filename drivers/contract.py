"""All that the gateway and its drivers share: what a driver gives, what it takes, how it fails.

A driver turns one device into observations. It neither retries nor logs nor counts: the supervisor owns those.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any, NamedTuple, Protocol, runtime_checkable

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from drivers.observations import (
    Absent,
    Antenna,
    Batch,
    Disconnected,
    DriverError,
    Measurement,
    Observation,
    ProtocolViolation,
    Read,
    Rejected,
    Scheme,
    Signal,
    Status,
    Unreachable,
)

__all__ = [
    "Absent",
    "Antenna",
    "Batch",
    "Context",
    "Disconnected",
    "Driver",
    "DriverError",
    "DriverFactory",
    "Duration",
    "Measurement",
    "Needed",
    "Observation",
    "Outputs",
    "Place",
    "Positive",
    "ProtocolViolation",
    "Read",
    "Rejected",
    "Scheme",
    "SecretRef",
    "Settings",
    "Signal",
    "Size",
    "Status",
    "Unreachable",
    "parse_duration",
    "parse_secret",
    "parse_size",
]


class Driver(Protocol):
    """Enter: the device answered. Iterate: what it sees, in batches. Exit: the device is released.

    Constructors do no I/O. `open` raises `DriverError`, from entering or from iterating; nothing else is expected.
    """

    def open(self) -> AbstractAsyncContextManager[AsyncIterator[Batch]]: ...


@runtime_checkable
class Outputs(Protocol):
    """What `Driver.open` yields is this too where the device has outputs that can be written.

    They are off when the device is released, as far as it can still be told.
    """

    def write(self, states: Mapping[int, bool]) -> None:
        """Turn these outputs, by number, on (True) or off; others stay as they are.

        Never waits and never fails: what is not written yet is overtaken by what is newer, and a device that refuses
        is told as a `Status`.
        """
        ...


def _no_secrets(ref: str) -> str:
    raise Rejected(f"{ref}: nobody here resolves secrets")


class Context(msgspec.Struct, frozen=True):
    """What a driver knows of its surroundings: the device's name, the interface its sockets are bound to, the clock.

    `clock` gives Unix seconds. `base` is the folder of the configuration file: paths in settings are relative to it.
    `secret` resolves a `SecretRef`, anew every time; it raises `Rejected` with what to do, `Absent` where the file is
    gone. `outputs` will be written: a device that has not all of them is `Rejected`.
    """

    device: str
    interface: str | None = None
    base: str = "."
    clock: Callable[[], float] = time.time
    secret: Callable[[str], str] = _no_secrets
    outputs: frozenset[int] = frozenset()


class DriverFactory(Protocol):
    """The class a registry entry names."""

    def __call__(self, settings: Any, ports: Mapping[Antenna, Any], context: Context) -> Driver: ...


Place = tuple[int | str, ...]
"""Where something stands: keys from the outer to the inner."""


class Needed(NamedTuple):
    """A file a device needs: the place below the device that makes it so, its name, and what to do without it."""

    place: Place
    file: str
    remedy: str


class Settings(BaseModel):
    """Base of every driver's settings, per device and per port: unknown keys are errors, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    @property
    def plain(self) -> str | None:
        """Of a device: the key of the address to which it talks without TLS beyond this machine. None: it does not."""
        return None

    @property
    def serial_ports(self) -> Mapping[str, str]:
        """Of a device: the serial ports of this machine that it needs, by the keys that name them."""
        return {}

    def flaws(self, device: str, ports: Mapping[Antenna, Any]) -> Iterable[tuple[Place, str]]:  # noqa: ARG002 - same
        """What does not fit between a device of that name and its antennas: where below the device, and what to do."""
        return ()

    def needed(self, device: str) -> Iterable[Needed]:  # noqa: ARG002 - same
        """Files that must be there although the configuration does not name them."""
        return ()

    def signal_names(self, antennas: Collection[Antenna]) -> Collection[str] | None:  # noqa: ARG002 - for those that do
        """Of a device: the signals it gives when so configured, with these antennas. None: it does not say."""
        return None


_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+)(B|KiB|MiB|GiB)")
_SIZE_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SECRET = re.compile(r"\$\{(file|env|credential):([^}]+)\}")


def parse_duration(value: object) -> object:
    """`500ms`, `5s`, `10m`, `72h`, `1d` → seconds. A number is refused: its unit would be a guess."""
    if isinstance(value, str):
        found = _DURATION.fullmatch(value)
        if found:
            return float(found[1]) * _DURATION_UNITS[found[2]]
        raise ValueError(f"{value!r} is no duration: write a number with ms, s, m, h or d, as in 500ms or 10m")
    if isinstance(value, bool) or not isinstance(value, float):
        raise ValueError(f"{value!r} has no unit: write a duration such as 5s")  # noqa: TRY004 - pydantic wants ValueError
    return value


def parse_size(value: object) -> object:
    """`64MiB`, `2GiB` → bytes. A bare number from YAML is refused by the configuration's strict types."""
    if isinstance(value, str):
        found = _SIZE.fullmatch(value)
        if found:
            return int(found[1]) * _SIZE_UNITS[found[2]]
        raise ValueError(f"{value!r} is no size: write a whole number with KiB, MiB or GiB, as in 64MiB")
    return value


def parse_secret(value: object) -> object:
    """`${file:PATH}`, `${env:NAME}`, `${credential:NAME}`: a reference, never the secret itself."""
    if isinstance(value, str) and not _SECRET.fullmatch(value):
        text = "secrets never stand in this file: write ${file:PATH}, ${env:NAME} or ${credential:NAME}"
        raise PydanticCustomError("secret-inline", "{text}", {"text": text})
    return value


def _written(value: object, info: ValidationInfo) -> object:
    """In a file (validation context `file`) a bare number has no unit; in code it is seconds or bytes."""
    if info.context and info.context.get("file") and isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit: write a duration such as 500ms, 5s, 10m, or a size such as 64MiB, 2GiB")
    return value


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    BeforeValidator(_written),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(\.\d+)?(ms|s|m|h|d)$", "examples": ["500ms", "5s", "10m"]}),
]
"""Seconds; written `500ms`, `5s`, `10m`, `72h`."""


def _positive(value: float) -> float:
    if value <= 0:
        raise ValueError("must be longer than zero")
    return value


Positive = Annotated[Duration, AfterValidator(_positive)]
"""A duration longer than zero."""

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    BeforeValidator(_written),
    WithJsonSchema({"type": "string", "pattern": r"^\d+(B|KiB|MiB|GiB)$", "examples": ["64MiB", "2GiB"]}),
]
"""Bytes; written `64MiB`, `2GiB`."""

SecretRef = Annotated[
    str,
    BeforeValidator(parse_secret),
    WithJsonSchema({"type": "string", "pattern": r"^\$\{(file|env|credential):[^}]+\}$"}),
]
"""A reference to a secret, resolved by the process that needs it."""
