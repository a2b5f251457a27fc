"""Where the values of one TagReportData lie (LLRP 1.0.1, section 16.2.7.3, with Impinj's and Zebra's extensions)."""

from __future__ import annotations

from collections.abc import Collection

from drivers.llrp.codec import tables_impinj, tables_zebra
from drivers.llrp.codec.definitions import CUSTOM, CUSTOM_PARAMETERS, PARAMETERS, PARAMETERS_BY_NAME
from drivers.observations import ProtocolViolation

TAG_REPORT_DATA = PARAMETERS_BY_NAME["TagReportData"].number

_TV = 0x80
_VALUES = frozenset((
    "EPC_96", "AntennaID", "PeakRSSI", "ChannelIndex", "TagSeenCount", "C1G2_PC",
    "FirstSeenTimestampUTC", "FirstSeenTimestampUptime", "LastSeenTimestampUTC", "LastSeenTimestampUptime",
))  # fmt: skip
_TV_VALUES = {
    number | _TV: (found.name if found.name in _VALUES else None, found.layout.size or 0)
    for number, found in PARAMETERS.items()
    if number < _TV
}
_UNKNOWN = (None, 0x10000)
_EPC_DATA = PARAMETERS_BY_NAME["EPCData"].number
_READ_RESULT = PARAMETERS_BY_NAME["C1G2ReadOpSpecResult"].number
_EPC_BITS = 496
"""31 words, all that 5 bits can count (Gen2, 6.3.2.1.2.2). A longer one would be garbage, kept for as long as it is."""
_TID_BYTES = 64
_SCALARS = ("ImpinjRFPhaseAngle", "ImpinjPeakRSSI", "ImpinjRFDopplerFrequency", "MotoTagPhase")
_TID = "ImpinjSerializedTID"
_VENDOR_VALUES = {
    vendor.to_bytes(4, "big") + number.to_bytes(4, "big"): found.name
    for (vendor, number), found in CUSTOM_PARAMETERS.items()
    if vendor in {tables_impinj.VENDOR, tables_zebra.VENDOR} and found.name in {*_SCALARS, _TID}
}


Part = tuple[str | None, int, int]
"""Name, start and size of bytes that may differ between tags: a value, or, without a name, what no read needs.

All other bytes of the entry are its shape: markers, lengths, ids.
"""


def scan(data: bytes, start: int, end: int, tid_op_specs: Collection[int]) -> list[Part]:
    """The parts of the entry whose parameters lie from `start` to `end`. Raises `ProtocolViolation`."""
    parts: list[Part] = []
    while start < end:
        first = data[start]
        if first & _TV:
            name, size = _TV_VALUES.get(first, _UNKNOWN)
            start += 1
            if start + size > end:
                raise ProtocolViolation(f"TV parameter {first & 0x7F} in a tag entry is not known or too long for it")
            parts.append((name, start, size))
            start += size
        else:
            length = int.from_bytes(data[start + 2 : start + 4], "big")
            if length < 4 or start + length > end:
                raise ProtocolViolation(f"a parameter of {length} bytes in the {end - start} left of a tag entry")
            parts += _tlv(data, start, start + length, tid_op_specs)
            start += length
    return parts


def _tlv(data: bytes, start: int, end: int, tid_op_specs: Collection[int]) -> list[Part]:
    number = int.from_bytes(data[start : start + 2], "big") & 0x3FF
    if number == _EPC_DATA:
        return _epc(data, start + 4, end)
    if number == CUSTOM and end - start >= 14:
        name = _VENDOR_VALUES.get(data[start + 4 : start + 12])
        if name == _TID:
            return _words(data, start + 12, end)
        return [(name, start + 12, 2), *_rest(start + 14, end)] if name else _rest(start + 12, end)
    if number == _READ_RESULT and end - start >= 9:
        op_spec = int.from_bytes(data[start + 5 : start + 7], "big")
        done = data[start + 4] == 0
        return _words(data, start + 7, end) if done and op_spec in tid_op_specs else _rest(start + 9, end)
    return _rest(start + 4, end)


def _epc(data: bytes, start: int, end: int) -> list[Part]:
    bits = int.from_bytes(data[start : start + 2], "big")
    size = (bits + 7) // 8
    if bits > _EPC_BITS:
        raise ProtocolViolation(f"an EPC of {bits} bits: a tag's PC word can announce {_EPC_BITS} at most")
    if start + 2 + size > end:
        raise ProtocolViolation(f"an EPC of {bits} bits in the {end - start - 2} bytes of its parameter")
    return [("EPCData" if bits % 8 == 0 else f"EPCData:{bits}", start + 2, size), *_rest(start + 2 + size, end)]


def _words(data: bytes, start: int, end: int) -> list[Part]:
    size = 2 * int.from_bytes(data[start : start + 2], "big")
    if size > _TID_BYTES:
        raise ProtocolViolation(f"a TID of {size} bytes: {_TID_BYTES} at most are kept")
    if start + 2 + size > end:
        raise ProtocolViolation(f"{size // 2} words in the {end - start - 2} bytes of their parameter")
    return [(_TID, start + 2, size), *_rest(start + 2 + size, end)]


def _rest(start: int, end: int) -> list[Part]:
    return [(None, start, end - start)] if end > start else []
