"""The line syntax of recordings and of posted reads: one JSON object, one read, signal or state. Pure."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from drivers.observations import Antenna, Observation, Read, Signal, Status

_KINDS = ("epc", "id", "code", "signal", "state")

_LAST = 253_402_300_800.0
"""The end of year 9999 (RFC 3339). Far beyond it two floats are so far apart that time would no longer pass."""


class RecordingError(ValueError):
    """A line is no line of a recording; the text says what is wrong and what to write."""


class Recorded(NamedTuple):
    """One line: what a device said, and when the gateway got it (Unix seconds)."""

    device: str
    observation: Observation
    received: float


class Line(msgspec.Struct, gc=False, omit_defaults=True):
    """The members of a line. A recording's has `time` and `device`; of what is posted, arrival and source say both."""

    time: float | str | None = None
    device: str | None = None
    antenna: Antenna | None = None
    epc: str | None = None
    id: str | None = None
    code: str | None = None
    rssi: float | None = None
    phase: float | None = None
    doppler: float | None = None
    count: int = 1
    channel: int | None = None
    pc: int | None = None
    tid: str | None = None
    signal: str | None = None
    value: bool | float | None = None
    state: Literal["online", "degraded", "stopped", "offline"] | None = None
    cause: str | None = None
    received: float | str | None = None


class _Recorded(Line, kw_only=True, gc=False, omit_defaults=True):
    time: float | str
    device: str


_decode = msgspec.json.Decoder(_Recorded).decode
_recorded = tuple.__new__
_unhex = bytes.fromhex
_encode = msgspec.json.Encoder().encode


def parse_line(text: str | bytes) -> Recorded:
    """One line of a recording. Raises `RecordingError`, whatever the line holds."""
    try:
        line = _decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RecordingError(f"no line of a recording: {error}") from None
    time = line.time if type(line.time) is float else seconds(line.time)
    received = time if line.received is None else seconds(line.received)
    if not -_LAST <= received <= _LAST:
        raise RecordingError(f"time {received!r} is no time of this age: write Unix seconds")
    if line.epc is not None and line.tid is None:
        # Nearly every line, and many of them: as `observed` has it, without the calls.
        try:
            value = _unhex(line.epc)
        except ValueError:
            value = from_hex("epc", line.epc)
        read = Read(
            "epc",
            value,
            time,
            line.antenna,
            line.rssi,
            line.phase,
            line.doppler,
            received,
            line.count,
            line.channel,
            line.pc,
        )
        return _recorded(Recorded, (line.device, read, received))
    return Recorded(line.device, observed(line, time, received), received)


def observed(line: Line, time: float, received: float) -> Observation:
    """What a line says, at that time (Unix seconds). Raises `RecordingError`."""
    if line.epc is not None:
        return _read(line, "epc", from_hex("epc", line.epc), time, received)
    if line.code is not None:
        # A code's 0x1D and bytes beyond ASCII are code points of the same number (ISO 8859-1), others UTF-8.
        return _read(line, "code", _code(line.code), time, received)
    if line.id is not None:
        return _read(line, "beacon", line.id.encode(), time, received)
    if line.signal is not None:
        if line.value is None:
            raise RecordingError(f"signal {line.signal!r} has no value: write true, false or a number")
        return Signal(line.signal, line.value, time)
    if line.state is not None:
        return Status(line.antenna, line.state, line.cause or "", time)
    raise RecordingError(f"a line needs one of {', '.join(_KINDS)}")


def _read(line: Line, scheme: Literal["epc", "code", "beacon"], value: bytes, time: float, received: float) -> Read:
    return Read(
        scheme,
        value,
        time,
        line.antenna,
        line.rssi,
        line.phase,
        line.doppler,
        received,
        line.count,
        line.channel,
        line.pc,
        from_hex("tid", line.tid) if line.tid is not None else None,
    )


def from_hex(name: str, text: str) -> bytes:
    """Raises `RecordingError` that says what stands at `name`."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise RecordingError(f"{name} {text!r} is no hex: write two digits a byte") from None


def _code(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def seconds(value: float | str) -> float:
    """Unix seconds of Unix seconds or of an RFC 3339 time. Raises `RecordingError`."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise RecordingError(f"time {value!r} is no RFC 3339 time, as 2026-11-21T17:42:03.218Z") from None
        if moment.tzinfo is None:
            raise RecordingError(f"time {value!r} has no offset: write Z or +01:00 at its end")
        return moment.timestamp()
    if not math.isfinite(value):
        raise RecordingError(f"time {value!r} is no time: write Unix seconds")
    return float(value)


def format_line(device: str, observation: Read | Signal | Status, received: float | None = None) -> str:
    """One line, without its end; measurements are no part of a recording."""
    # Times in full: one rounded digit can turn a decision that stands on a threshold.
    line = Line(time=observation.time, device=device)
    if received is not None and received != observation.time:
        line.received = received
    match observation:
        case Read():
            _fill(line, observation)
        case Signal():
            line.signal, line.value = observation.name, observation.value
        case Status():
            line.antenna, line.state, line.cause = observation.antenna, observation.state, observation.cause or None
    return _encode(line).decode()


def _fill(line: Line, read: Read) -> None:
    line.antenna, line.rssi, line.phase, line.doppler = read.antenna, read.rssi, read.phase, read.doppler
    line.count, line.channel, line.pc = read.count, read.channel, read.pc
    line.tid = read.tid.hex() if read.tid is not None else None
    match read.scheme:
        case "epc":
            line.epc = read.value.hex()
        case "code":
            line.code = read.value.decode("latin-1")
        case "beacon":
            line.id = read.value.decode(errors="replace")
