"""RO_ACCESS_REPORT to reads, fast: equal tag entries in a row are checked and unpacked together.

The shape of an entry (which parameters, in which order, how long) is found once by `entry.scan` and kept as a template:
a mask over its unvarying bytes and a `struct` for the values between them. A run of entries is compared with the
template as one large number; it ends at the first entry that differs. What no template fits is read on its own.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice, repeat
from typing import Any, NamedTuple

from drivers.observations import ProtocolViolation, Read
from drivers.llrp.codec.definitions import MESSAGES_BY_NAME
from drivers.llrp.codec.entry import TAG_REPORT_DATA, Part, scan
from drivers.llrp.codec.framing import HEADER

_REPORT = MESSAGES_BY_NAME["RO_ACCESS_REPORT"].number
_CHUNK = 64
"""Entries taken at once: bounds what templates keep for each count."""

_LONGEST = 256
"""Longer entries are read on their own: templates keep masks of up to this times `_CHUNK` bytes."""

_NEW_TEMPLATES = 16
"""New templates one report may cost: a hostile one of ever new shapes must not become slow."""

_FORMATS = {"AntennaID": "H", "PeakRSSI": "b", "ChannelIndex": "H", "TagSeenCount": "H", "C1G2_PC": "H",
    "FirstSeenTimestampUTC": "Q", "FirstSeenTimestampUptime": "Q",
    "LastSeenTimestampUTC": "Q", "LastSeenTimestampUptime": "Q",
    "ImpinjRFPhaseAngle": "H", "ImpinjPeakRSSI": "h", "ImpinjRFDopplerFrequency": "h", "MotoTagPhase": "h",
}  # fmt: skip
_UNPACK = {name: struct.Struct(">" + kind).unpack_from for name, kind in _FORMATS.items()}
_UTC = ("LastSeenTimestampUTC", "FirstSeenTimestampUTC")
_UPTIME = ("LastSeenTimestampUptime", "FirstSeenTimestampUptime")

_Column = Sequence[Any]


class Report(NamedTuple):
    """The reads of one report; how many tag entries could not be read; the newest stamp in the reader's own seconds."""

    reads: list[Read]
    bad: int
    newest: float | None


class _Newest:
    """The greatest stamp so far by either clock, in microseconds."""

    __slots__ = ("uptime", "utc")

    def __init__(self) -> None:
        self.utc = self.uptime = -1

    @property
    def seconds(self) -> float | None:
        stamp = self.utc if self.utc >= 0 else self.uptime
        return stamp / 1e6 if stamp >= 0 else None


class ReportDecoder:
    """Decodes the reports of one connection and remembers the shapes of its tag entries.

    `tid_op_specs`: the OpSpecIDs of this client's C1G2Read operations on the TID bank; their results become `Read.tid`.
    `shapes`: how many shapes to remember; with 0 each entry is read on its own.
    """

    def __init__(self, tid_op_specs: Collection[int] = (), *, shapes: int = 32) -> None:
        self._tid_op_specs = frozenset(tid_op_specs)
        self._shapes = shapes
        self._templates: dict[int, list[_Template]] = {}
        self._known = 0

    def decode(self, frame: bytes, *, offset: float, received: float) -> Report:
        """The reads of a whole RO_ACCESS_REPORT frame, in its order.

        A read's time is its last-seen stamp, else its first-seen one, plus `offset`; without a stamp it is `received`.
        Entries that cannot be read are counted. Raises `ProtocolViolation` if this is no such frame.
        """
        if len(frame) < HEADER or int.from_bytes(frame[2:6], "big") != len(frame):
            raise ProtocolViolation(f"a report of {len(frame)} bytes whose header says otherwise")
        if int.from_bytes(frame[:2], "big") & 0x3FF != _REPORT:
            raise ProtocolViolation("this frame is no RO_ACCESS_REPORT")
        return _Pass(self, frame, offset, received).run()

    def like(self, data: bytes, start: int, length: int, most: int) -> tuple[_Template, int] | None:
        """The known shape of the entry at `start`, and how many of the next `most` entries share it."""
        for template in self._templates.get(length, ()):
            count = template.fits(data, start, most)
            if count:
                return template, count
        return None

    def learn(self, data: bytes, start: int, length: int, parts: list[Part]) -> None:
        """Keep the shape of this entry, if it is one that a template can tell from others."""
        names = [name for name, _, _ in parts if name]
        if len(set(names)) != len(names) or any(":" in name for name in names):
            return
        if not self._shapes or length > _LONGEST:
            return
        if self._known >= self._shapes:
            self._templates.clear()
            self._known = 0
        self._known += 1
        self._templates.setdefault(length, []).append(_Template(data[start : start + length], start, parts))

    def scan(self, data: bytes, start: int, end: int) -> list[Part]:
        """The parts of one entry. Raises `ProtocolViolation`."""
        return scan(data, start, end, self._tid_op_specs)


def _has_epc(names: Iterable[str]) -> bool:
    return sum(name.startswith("EPC") for name in names) == 1


class _Pass:
    """One pass through one report: entries are sorted by template, decoded together, and put in order again."""

    def __init__(self, decoder: ReportDecoder, frame: bytes, offset: float, received: float) -> None:
        self.decoder = decoder
        self.frame = frame
        self.offset = offset
        self.received = received
        self.singles: list[Read] = []
        self.runs: list[tuple[_Template | None, int, int]] = []  # template (None: of `singles`), position, entries
        self.bad = 0
        self.newest = _Newest()
        self.lessons = _NEW_TEMPLATES
        self.guess = _CHUNK

    def run(self) -> Report:
        frame, position, end = self.frame, HEADER, len(self.frame)
        while position < end:
            length = int.from_bytes(frame[position + 2 : position + 4], "big")
            if frame[position] & 0x80 or length < 4 or position + length > end:
                self.bad += 1  # nothing says where the next parameter begins
                break
            if int.from_bytes(frame[position : position + 2], "big") & 0x3FF == TAG_REPORT_DATA:
                position += length * self.entries(position, length)
            else:
                position += length  # RF surveys and vendors' parameters hold no reads
        return Report(self.in_order(), self.bad, self.newest.seconds)

    def entries(self, position: int, length: int) -> int:
        """Take the entry at `position` and those like it behind it; how many these were."""
        most = min(self.guess, (len(self.frame) - position) // length)
        found = self.decoder.like(self.frame, position, length, most)
        if found is None:
            self.single(position, length)
            return 1
        template, count = found
        self.guess = min(_CHUNK, 2 * count)
        self.runs.append((template, position, count))
        return count

    def single(self, position: int, length: int) -> None:
        try:
            parts = self.decoder.scan(self.frame, position + 4, position + length)
            values = _values(self.frame, parts)
        except ProtocolViolation:
            self.bad += 1
            return
        if self.lessons:
            self.lessons -= 1
            self.decoder.learn(self.frame, position, length, parts)
        self.runs.append((None, position, 1))
        self.singles += _reads(
            {name: (value,) for name, value in values.items()}, self.offset, self.received, self.newest
        )

    def in_order(self) -> list[Read]:
        together: dict[_Template, list[bytes]] = {}
        for template, start, count in self.runs:
            if template is not None:
                together.setdefault(template, []).append(self.frame[start : start + count * template.length])
        streams: dict[_Template | None, Iterator[Read]] = {None: iter(self.singles)}
        for each, bodies in together.items():
            streams[each] = self.decoded(each, b"".join(bodies))
        reads: list[Read] = []
        for template, _, count in self.runs:
            reads += islice(streams[template], count)
        return reads

    def decoded(self, template: _Template, entries: bytes) -> Iterator[Read]:
        step = _CHUNK * template.length
        for at in range(0, len(entries), step):
            columns = template.columns(entries[at : at + step])
            yield from _reads(columns, self.offset, self.received, self.newest)


def _wanted(names: set[str]) -> set[str]:
    """The values that make a read where all of `names` are there."""
    better = {_UTC[1]: _UTC[0], _UPTIME[1]: _UPTIME[0], "PeakRSSI": "ImpinjPeakRSSI"}
    return {name for name in names if better.get(name) not in names}


class _Template:
    """One shape of entry, `length` bytes: which bytes never differ, and how to unpack the others."""

    __slots__ = ("_counts", "_format", "_mask", "_names", "_want", "length")

    def __init__(self, sample: bytes, start: int, parts: list[Part]) -> None:
        self.length = len(sample)
        wanted = _wanted({name for name, _, _ in parts if name})
        named = [(name, begin - start, size) for name, begin, size in parts if name in wanted]
        mask = bytearray(b"\xff" * self.length)
        for _, begin, size in parts:
            mask[begin - start : begin - start + size] = bytes(size)
        self._mask = bytes(mask)
        self._want = sample
        layout, at = "", 0
        for name, begin, size in named:
            layout += f"{begin - at}x{_FORMATS.get(name, f'{size}s')}"
            at = begin + size
        self._format = f"{layout}{self.length - at}x"
        self._names = [name for name, _, _ in named]
        self._counts: dict[int, tuple[int, int, struct.Struct]] = {}

    def _for(self, count: int) -> tuple[int, int, struct.Struct]:
        """Mask, wanted bytes and unpacker for `count` entries in a row."""
        known = self._counts.get(count)
        if known is None:
            mask = int.from_bytes(self._mask * count, "big")
            want = int.from_bytes(self._want * count, "big") & mask
            known = self._counts[count] = (mask, want, struct.Struct(">" + self._format * count))
        return known

    def fits(self, data: bytes, start: int, count: int) -> int:
        """How many of the `count` entries from `start` on have this shape, up to the first that has not."""
        mask, want, _ = self._for(count)
        size = count * self.length
        differs = int.from_bytes(data[start : start + size], "big") & mask ^ want
        return (size * 8 - differs.bit_length()) // (self.length * 8) if differs else count

    def columns(self, entries: bytes) -> dict[str, _Column]:
        """The values of entries of this shape, by name, in order."""
        flat = self._for(len(entries) // self.length)[2].unpack(entries)
        names = self._names
        return {name: flat[at :: len(names)] for at, name in enumerate(names)}


def _padded(raw: bytes, spare: int) -> bytes:
    return raw[:-1] + bytes((raw[-1] >> spare << spare,)) if spare else raw


def _values(data: bytes, parts: list[Part]) -> dict[str, Any]:
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


def _reads(columns: Mapping[str, _Column], offset: float, received: float, newest: _Newest) -> Iterator[Read]:
    """Reads from the columns of their values; what has no column is not known."""
    none = repeat(None)
    get = columns.get
    return map(
        Read,
        repeat("epc"),
        get("EPC_96") or columns["EPCData"],
        _times(columns, offset, newest) or repeat(received),
        get("AntennaID", none),
        _rssi(columns) or none,
        _phase(columns) or none,
        [value / 16 for value in columns["ImpinjRFDopplerFrequency"]]
        if "ImpinjRFDopplerFrequency" in columns
        else none,
        repeat(received),
        get("TagSeenCount") or repeat(1),
        get("ChannelIndex", none),
        get("C1G2_PC", none),
        get("ImpinjSerializedTID", none),
    )


def _times(columns: Mapping[str, _Column], offset: float, newest: _Newest) -> list[float] | None:
    for clock in (_UTC, _UPTIME):
        stamps = columns.get(clock[0]) or columns.get(clock[1])
        if stamps:
            latest = max(stamps)
            if clock is _UTC:
                newest.utc = max(newest.utc, latest)
            else:
                newest.uptime = max(newest.uptime, latest)
            return [stamp / 1e6 + offset for stamp in stamps]
    return None


def _rssi(columns: Mapping[str, _Column]) -> Iterable[float] | None:
    """dBm: Impinj's in hundredths before the standard's whole ones."""
    fine = columns.get("ImpinjPeakRSSI")
    if fine:
        return [value / 100 for value in fine]
    return map(float, columns["PeakRSSI"]) if "PeakRSSI" in columns else None


def _phase(columns: Mapping[str, _Column]) -> list[float] | None:
    """Degrees: Impinj's turn has 4096 parts, Zebra's 65536 from -180 on."""
    angles = columns.get("ImpinjRFPhaseAngle")
    if angles:
        return [value * 360 / 4096 for value in angles]
    angles = columns.get("MotoTagPhase")
    return [value % 65536 * 360 / 65536 for value in angles] if angles else None
