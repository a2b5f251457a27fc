"""Tag reads accumulated into TagReportData, and RO_ACCESS_REPORT frames made of them (sections 14.2.3, 16.2.7.3).

The hot path of the simulator: the layout of an entry follows from the selector once, then a tag is one `struct` call.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import msgspec

from drivers.llrp.codec.values import Element
from simulators.air import Heard
from simulators.llrp_reader.selection import crc

RO_ACCESS_REPORT = 61
_TAG_REPORT_DATA, _EPC_DATA, _CUSTOM, _IMPINJ = 240, 241, 1023, 25882
_MOST_SEEN = 0xFFFF
FRAME_TAGS = 2000
"""A report message holds at most so many entries: readers send long lists in parts."""

Seen = list[
    Any
]  # heard, antenna, channel, spec index, inventory id, first stamp, last stamp, count, peak RSSI, results
Extra = Callable[[Heard, int], bytes]
"""The access results of a tag on an antenna, as encoded parameters."""


class Selector(msgspec.Struct, frozen=True, kw_only=True):
    """Which fields a report holds (TagReportContentSelector, C1G2EPCMemorySelector, ImpinjTagReportContentSelector)."""

    rospec: bool = False
    spec_index: bool = False
    inventory: bool = False
    antenna: bool = False
    channel: bool = False
    rssi: bool = False
    first: bool = False
    last: bool = False
    count: bool = False
    access: bool = False
    crc: bool = False
    pc: bool = False
    tid: bool = False
    phase: bool = False
    fine_rssi: bool = False
    doppler: bool = False


def selector(report: Element, *, extended: bool) -> Selector:
    """The fields a ROReportSpec asks for; Impinj's own only where its extensions are enabled."""
    content = report.child("TagReportContentSelector")
    memory = content.child("C1G2EPCMemorySelector") if content else None
    impinj = report.child("ImpinjTagReportContentSelector") if extended else None

    def asked(name: str) -> bool:
        return bool(content and content[f"Enable{name}"])

    def custom(name: str) -> bool:
        found = impinj.child(f"ImpinjEnable{name}") if impinj else None
        return bool(found and next(iter(found.fields.values())) == 1)

    return Selector(
        rospec=asked("ROSpecID"),
        spec_index=asked("SpecIndex"),
        inventory=asked("InventoryParameterSpecID"),
        antenna=asked("AntennaID"),
        channel=asked("ChannelIndex"),
        rssi=asked("PeakRSSI"),
        first=asked("FirstSeenTimestamp"),
        last=asked("LastSeenTimestamp"),
        count=asked("TagSeenCount"),
        access=asked("AccessSpecID"),
        crc=bool(memory and memory["EnableCRC"]),
        pc=bool(memory and memory["EnablePCBits"]),
        tid=custom("SerializedTID"),
        phase=custom("RFPhaseAngle"),
        fine_rssi=custom("PeakRSSI"),
        doppler=custom("RFDopplerFrequency"),
    )


class Reports:
    """The reads of one ROSpec since its last report. `every` entries make a report of their own (0: never)."""

    def __init__(self, selector: Selector, rospec: int, every: int, *, utc: bool, most: int) -> None:
        self._selector, self._rospec, self._every, self._most = selector, rospec, every, most
        self._utc = utc
        self._seen: dict[tuple[object, ...], Seen] = {}
        self._packers: dict[tuple[int, int], Callable[[Seen, bytes], bytes]] = {}
        self.lost = 0

    def __len__(self) -> int:
        return len(self._seen)

    def add(
        self,
        heard: Sequence[Heard],
        where: tuple[int, int, int, int],
        stamp: int,
        step: int,
        extra: Extra | None = None,
    ) -> list[tuple[bytes, int]]:
        """Reads of one round; `where`: antenna, channel, spec index, inventory id. Gives the reports (body, tags) due.

        Reads of a tag are one entry while the selected ids (antenna, spec, inventory, PC) and its access results are
        the same: first and last
        stamp, count, strongest RSSI. The n-th read is stamped `stamp + n * step` (microseconds).
        """
        seen, every, ready = self._seen, self._every, []
        antenna, channel, spec, inventory = where
        chosen, with_pc = self._selector, self._selector.pc
        apart = (
            antenna if chosen.antenna else 0,
            spec if chosen.spec_index else 0,
            inventory if chosen.inventory else 0,
        )
        for each in heard:
            results = extra(each, antenna) if extra is not None else b""
            key = (each.epc, each.pc if with_pc else 0, results, *apart)
            entry = seen.get(key)
            if entry is None:
                if len(seen) >= self._most:
                    self.lost += 1
                    continue
                entry = seen[key] = [each, antenna, channel, spec, inventory, stamp, stamp, 1, each.rssi, results]
            else:
                self._again(entry, each, stamp)
            stamp += step
            if len(seen) == every:
                ready.append((self._take(seen), len(seen)))
                seen.clear()
        return ready

    def flush(self) -> list[tuple[bytes, int]]:
        """Everything since the last report, as (body, tags)."""
        entries = list(self._seen.items())
        self._seen.clear()
        parts = (dict(entries[start : start + FRAME_TAGS]) for start in range(0, len(entries), FRAME_TAGS))
        return [(self._take(part), len(part)) for part in parts]

    def switch_to_uptime(self) -> list[tuple[bytes, int]]:
        """From now on stamps are uptimes; gives everything seen until now as reports with UTC stamps."""
        before = self.flush()
        self._utc = False
        self._packers.clear()
        return before

    @staticmethod
    def _again(entry: Seen, heard: Heard, stamp: int) -> None:
        entry[6] = stamp
        if entry[7] < _MOST_SEEN:
            entry[7] += 1
        entry[8] = max(entry[8], heard.rssi)

    def _take(self, seen: dict[tuple[object, ...], Seen]) -> bytes:
        parts = []
        for entry in seen.values():
            results = entry[9]
            if self._selector.tid and entry[0].tid:
                results += impinj_tid(entry[0].tid)
            shape = (len(entry[0].epc), len(results))
            packer = self._packers.get(shape)
            if packer is None:
                packer = self._packers[shape] = self._packer(*shape)
            parts.append(packer(entry, results))
        return b"".join(parts)

    def _packer(self, epc: int, results: int) -> Callable[[Seen, bytes], bytes]:
        """What encodes an entry with an EPC and access results of these lengths."""
        chosen, rospec = self._selector, self._rospec
        form, picks, constants = _layout(chosen, epc, results, utc=self._utc)
        layout, pick = struct.Struct(form), itemgetter(*picks)
        with_crc, impinj = chosen.crc, chosen.phase or chosen.fine_rssi or chosen.doppler

        def pack(entry: Seen, tail: bytes) -> bytes:
            heard, antenna, channel, spec, inventory, first, last, count, rssi, _ = entry
            values = [
                heard.epc,
                rospec,
                spec,
                inventory,
                antenna,
                _s8(rssi),
                channel,
                first,
                last,
                count,
                heard.pc,
                tail,
            ]
            values += constants
            if with_crc:
                values[_CRC] = crc(heard.pc.to_bytes(2, "big") + heard.epc)
            if impinj:
                values[_PHASE] = int(heard.phase * (4096 / 360)) & 0xFFF
                values[_FINE] = _s16(rssi * 100)
                values[_DOPPLER] = _s16(heard.doppler * 16)
            return layout.pack(*pick(values))

        return pack


_CRC, _PHASE, _FINE, _DOPPLER = 12, 13, 14, 15
_FIRST_CONSTANT = 12


def _layout(chosen: Selector, epc: int, results: int, *, utc: bool) -> tuple[str, list[int], list[int | bytes]]:
    """The `struct` format of an entry, which values go into it, and the constants that follow the changing ones.

    Values: 0 EPC, 1 ROSpecID, 2 SpecIndex, 3 InventoryParameterSpecID, 4 AntennaID, 5 PeakRSSI, 6 ChannelIndex,
    7 first, 8 last, 9 TagSeenCount, 10 PC, 11 results, 12 CRC, 13 phase, 14 fine RSSI, 15 Doppler.
    """
    form, picks = ["4s"], [_FIRST_CONSTANT + 4]
    constants: list[int | bytes] = [0, 0, 0, 0, b""]

    def put(head: bytes, code: str, value: int) -> None:
        constants.append(head)
        form.extend((f"{len(head)}s", code))
        picks.extend((_FIRST_CONSTANT + len(constants) - 1, value))

    if epc == 12:
        put(b"\x8d", "12s", 0)
    else:
        put(struct.pack(">HHH", _EPC_DATA, 6 + epc, epc * 8), f"{epc}s", 0)
    for wanted, number, code, value in _standard_fields(chosen, utc=utc):
        if wanted:
            put(bytes((0x80 | number,)), code, value)
    if results:
        form.append(f"{results}s")
        picks.append(11)
    for wanted, subtype, code, value in (
        (chosen.phase, 56, "H", _PHASE),
        (chosen.fine_rssi, 57, "h", _FINE),
        (chosen.doppler, 68, "h", _DOPPLER),
    ):
        if wanted:
            put(struct.pack(">HHII", _CUSTOM, 14, _IMPINJ, subtype), code, value)
    text = ">" + "".join(form)
    constants[4] = struct.pack(">HH", _TAG_REPORT_DATA, struct.calcsize(text))
    return text, picks, constants


def _standard_fields(chosen: Selector, *, utc: bool) -> tuple[tuple[bool, int, str, int], ...]:
    """TV parameters in their order: whether wanted, type, format, place among the values."""
    return (
        (chosen.rospec, 9, "I", 1),
        (chosen.spec_index, 14, "H", 2),
        (chosen.inventory, 10, "H", 3),
        (chosen.antenna, 1, "H", 4),
        (chosen.rssi, 6, "b", 5),
        (chosen.channel, 7, "H", 6),
        (chosen.first, 2 if utc else 3, "Q", 7),
        (chosen.last, 4 if utc else 5, "Q", 8),
        (chosen.count, 8, "H", 9),
        (chosen.pc, 12, "H", 10),
        (chosen.crc, 11, "H", 12),
    )


def frame(body: bytes, number: int, version: int) -> bytes:
    """A RO_ACCESS_REPORT message."""
    return struct.pack(">HII", version << 10 | RO_ACCESS_REPORT, 10 + len(body), number) + body


def impinj_tid(tid: bytes) -> bytes:
    """ImpinjSerializedTID."""
    return struct.pack(">HHIIH", _CUSTOM, 14 + len(tid), _IMPINJ, 55, len(tid) // 2) + tid


def _s8(rssi: float) -> int:
    return -128 if rssi < -128 else 127 if rssi > 127 else round(rssi)


def _s16(value: float) -> int:
    return max(-32768, min(32767, round(value)))
