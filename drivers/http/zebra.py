"""Zebra's tag data as lines: IoT Connector of the fixed readers, `dataEVT` of the RFD sleds. Pure."""

from __future__ import annotations

import re

import msgspec

from drivers.lines import Line, RecordingError

_AIM = {
    "EAN13": "]E0",
    "EAN8": "]E4",
    "CODE39": "]A0",
    "CODE128": "]C0",
    "GS1128": "]C1",
    "EAN128": "]C1",
    "GS1DATABAR": "]e0",
    "DATAMATRIX": "]d1",
    "GS1DATAMATRIX": "]d2",
    "QR": "]Q1",
    "QRCODE": "]Q1",
    "GS1QRCODE": "]Q3",
}
"""Symbologies by name, without spaces and signs → AIM identifier (ISO/IEC 15424). Others have none."""


class Tag(msgspec.Struct, omit_defaults=True):
    """One tag since its last report, with what the operating mode asks for. RSSI in dBm, PC and TID in hex."""

    id_hex: str | None = msgspec.field(default=None, name="idHex")
    epc_id: str | None = msgspec.field(default=None, name="EPCid")
    antenna: int | str | None = None
    peak_rssi: float | None = msgspec.field(default=None, name="peakRssi")
    phase: float | None = None
    reads: int | None = None
    seen_count: int | None = msgspec.field(default=None, name="seenCount")
    pc: str | None = msgspec.field(default=None, name="PC")
    tid: str | None = msgspec.field(default=None, name="TID")


class Barcode(msgspec.Struct, omit_defaults=True):
    """One scan."""

    decoded_barcode: str = msgspec.field(name="decodedBarcode")
    symbology: str | None = None


class Data(Tag, omit_defaults=True):
    """The tag of an IoT Connector event, or the lists of a `dataEVT`."""

    tag_data: list[Tag] | None = msgspec.field(default=None, name="tagData")
    barcode_data: list[Barcode] | None = msgspec.field(default=None, name="barcodeData")


class ZebraEvent(msgspec.Struct, omit_defaults=True):
    """One event of a reader; those without tags and barcodes (heartbeats) are passed over."""

    data: Data
    timestamp: str | None = None
    type: str | None = None


def lines(event: ZebraEvent) -> list[Line]:
    """The reads in an event. Raises `RecordingError`."""
    data, time = event.data, event.timestamp
    tags = list(data.tag_data or ())
    if data.id_hex is not None or data.epc_id is not None:
        tags.append(data)
    return [_tag(tag, time) for tag in tags] + [_scan(scan, time) for scan in data.barcode_data or ()]


def _tag(tag: Tag, time: str | None) -> Line:
    epc = tag.id_hex if tag.id_hex is not None else tag.epc_id
    if epc is None:
        raise RecordingError("a tag has neither idHex nor EPCid: switch the EPC on in the reader's operating mode")
    count = tag.reads if tag.reads is not None else tag.seen_count
    return Line(
        time=time,
        antenna=tag.antenna,
        epc=epc,
        rssi=tag.peak_rssi,
        phase=tag.phase,
        count=1 if count is None else max(count, 1),
        pc=_word("PC", tag.pc),
        tid=tag.tid,
    )


def _scan(scan: Barcode, time: str | None) -> Line:
    name = re.sub(r"[^A-Z0-9]", "", (scan.symbology or "").upper())
    return Line(time=time, code=_AIM.get(name, "") + scan.decoded_barcode)


def _word(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9A-Fa-f]{1,4}", text):
        raise RecordingError(f"{name} {text[:40]!r} is no word of 4 hex digits")
    return int(text, 16)
