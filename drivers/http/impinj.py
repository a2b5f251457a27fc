"""Impinj's reader events (IoT device interface 1.x, `tagInventory`) as lines. Pure."""

from __future__ import annotations

import base64
import binascii

import msgspec

from drivers.lines import Line, RecordingError


class TagInventory(msgspec.Struct, rename="camel", omit_defaults=True):
    """What was read: `epc`, `tid` and `pc` in base64, the others of their names in hex; RSSI in 1/100 dBm."""

    epc: str | None = None
    epc_hex: str | None = None
    tid: str | None = None
    tid_hex: str | None = None
    pc: str | None = None
    antenna_port: int | None = None
    antenna_name: str | None = None
    peak_rssi_cdbm: float | None = None
    phase_angle: float | None = None
    last_seen_time: str | None = None


class ImpinjEvent(msgspec.Struct, rename="camel", omit_defaults=True):
    """One event of a reader; those that are no `tagInventory` are passed over."""

    timestamp: str | None = None
    event_type: str | None = None
    hostname: str | None = None
    tag_inventory_event: TagInventory | None = None


def lines(event: ImpinjEvent) -> list[Line]:
    """The read in an event, if it is one. Raises `RecordingError`."""
    tag = event.tag_inventory_event
    if tag is None:
        return []
    epc = tag.epc_hex if tag.epc_hex is not None else _hex("epc", tag.epc)
    if epc is None:
        raise RecordingError("tagInventoryEvent has neither epcHex nor epc: switch one on in the reader's eventConfig")
    pc = _hex("pc", tag.pc)
    line = Line(
        time=tag.last_seen_time or event.timestamp,
        antenna=tag.antenna_port if tag.antenna_port is not None else tag.antenna_name,
        epc=epc,
        rssi=None if tag.peak_rssi_cdbm is None else tag.peak_rssi_cdbm / 100,
        phase=tag.phase_angle,
        pc=int(pc, 16) if pc else None,
        tid=tag.tid_hex if tag.tid_hex is not None else _hex("tid", tag.tid),
    )
    return [line]


def _hex(name: str, text: str | None) -> str | None:
    """Base64 of either alphabet (RFC 4648, sections 4 and 5), padded or not."""
    if text is None:
        return None
    standard = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True).hex()
    except (binascii.Error, ValueError):
        raise RecordingError(f"{name} {text[:40]!r} is no base64") from None
