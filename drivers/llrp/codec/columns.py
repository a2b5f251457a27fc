"""The values of tag entries, and the reads they make: seconds, dBm, degrees, hertz."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

from drivers.llrp.codec.entry import Part
from drivers.observations import ProtocolViolation
from drivers.reads import FIELDS, Column, Reads

FORMATS = {"AntennaID": "H", "PeakRSSI": "b", "ChannelIndex": "H", "TagSeenCount": "H", "C1G2_PC": "H",
    "FirstSeenTimestampUTC": "Q", "FirstSeenTimestampUptime": "Q",
    "LastSeenTimestampUTC": "Q", "LastSeenTimestampUptime": "Q",
    "ImpinjRFPhaseAngle": "H", "ImpinjPeakRSSI": "h", "ImpinjRFDopplerFrequency": "h", "MotoTagPhase": "h",
}  # fmt: skip
_UNPACK = {name: struct.Struct(">" + kind).unpack_from for name, kind in FORMATS.items()}
_UTC = ("LastSeenTimestampUTC", "FirstSeenTimestampUTC")
_UPTIME = ("LastSeenTimestampUptime", "FirstSeenTimestampUptime")

_DBM = tuple(float(level) for level in (*range(128), *range(-128, 0)))
"""PeakRSSI as dBm, by its value, negative ones from the end: hundreds of thousands of reads share these."""

_OFTEN_EQUAL = tuple(map(FIELDS.index, ("antenna", "count", "channel", "pc")))


class Newest:
    """The greatest stamp so far by either clock, in microseconds."""

    __slots__ = ("uptime", "utc")

    def __init__(self) -> None:
        self.utc = self.uptime = -1

    @property
    def seconds(self) -> float | None:
        stamp = self.utc if self.utc >= 0 else self.uptime
        return stamp / 1e6 if stamp >= 0 else None


def wanted(names: set[str]) -> set[str]:
    """The values that make a read where all of `names` are there."""
    better = {_UTC[1]: _UTC[0], _UPTIME[1]: _UPTIME[0], "PeakRSSI": "ImpinjPeakRSSI"}
    return {name for name in names if better.get(name) not in names}


def _has_epc(names: Iterable[str]) -> bool:
    return sum(name.startswith("EPC") for name in names) == 1


def _padded(raw: bytes, spare: int) -> bytes:
    return raw[:-1] + bytes((raw[-1] >> spare << spare,)) if spare else raw


def values_of(data: bytes, parts: list[Part]) -> dict[str, Any]:
    """The values of one entry; of a parameter given twice the first. Raises `ProtocolViolation` without an EPC."""
    values: dict[str, Any] = {}
    for name, start, size in reversed(parts):
        if not name:
            continue
        unpack = _UNPACK.get(name)
        if unpack:
            (values[name],) = unpack(data, start)
        else:
            kind, _, bits = name.partition(":")
            values[kind] = _padded(data[start : start + size], -int(bits or 0) % 8)
    if not _has_epc(values):
        raise ProtocolViolation("a tag entry has no EPC, or two")
    return values


def reads_of(columns: Mapping[str, Column], offset: float, received: float, newest: Newest) -> Reads:
    """Reads from the columns of their values, none of them empty; what has no column is not known."""
    get = columns.get
    values = get("EPC_96") or columns["EPCData"]
    wide: list[Column | None] = [
        None,
        values,
        _times(columns, offset, newest),
        get("AntennaID"),
        _rssi(columns),
        _phase(columns),
        [value / 16 for value in columns["ImpinjRFDopplerFrequency"]]
        if "ImpinjRFDopplerFrequency" in columns
        else None,
        None,
        get("TagSeenCount"),
        get("ChannelIndex"),
        get("C1G2_PC"),
        get("ImpinjSerializedTID"),
    ]
    same: list[Any] = ["epc", b"", received, None, None, None, None, received, 1, None, None, None]
    for field in _OFTEN_EQUAL:
        column = wide[field]
        if column is not None and column.count(column[0]) == len(column):
            wide[field], same[field] = None, column[0]
    return Reads(wide, same, len(values))


def _times(columns: Mapping[str, Column], offset: float, newest: Newest) -> list[float] | None:
    for clock in (_UTC, _UPTIME):
        stamps = columns.get(clock[0]) or columns.get(clock[1])
        if stamps:
            latest = max(stamps)
            if clock is _UTC:
                newest.utc = max(newest.utc, latest)
            else:
                newest.uptime = max(newest.uptime, latest)
            return [stamp / 1000000 + offset for stamp in stamps]  # by an int: exact, and quicker
    return None


def _rssi(columns: Mapping[str, Column]) -> list[float] | None:
    """dBm: Impinj's in hundredths before the standard's whole ones."""
    fine = columns.get("ImpinjPeakRSSI")
    if fine:
        return [value / 100 for value in fine]
    return [*map(_DBM.__getitem__, columns["PeakRSSI"])] if "PeakRSSI" in columns else None


def _phase(columns: Mapping[str, Column]) -> list[float] | None:
    """Degrees: Impinj's turn has 4096 parts, Zebra's 65536 from -180 on."""
    angles = columns.get("ImpinjRFPhaseAngle")
    if angles:
        return [value * 360 / 4096 for value in angles]
    angles = columns.get("MotoTagPhase")
    return [value % 65536 * 360 / 65536 for value in angles] if angles else None
