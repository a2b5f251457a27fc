"""RO_ACCESS_REPORT to reads, fast: equal tag entries in a row are checked and unpacked together.

The shape of an entry (which parameters, in which order, how long) is found once by `entry.scan` and kept as a template:
a mask over its unvarying bytes and a `struct` for the values between them. A run of entries is compared with the
template as one large number; it ends at the first entry that differs. What no template fits is read on its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Any, NamedTuple

from drivers.llrp.codec.columns import Newest, reads_of, values_of
from drivers.llrp.codec.definitions import MESSAGES_BY_NAME
from drivers.llrp.codec.entry import TAG_REPORT_DATA, Part, scan
from drivers.llrp.codec.framing import HEADER
from drivers.llrp.codec.template import CHUNK, Template
from drivers.observations import ProtocolViolation, Read
from drivers.reads import Reads

_REPORT = MESSAGES_BY_NAME["RO_ACCESS_REPORT"].number
_LONGEST = 256
"""Longer entries are read on their own: templates keep masks of up to this times `CHUNK` bytes."""

_NEW_TEMPLATES = 16
"""New templates one report may cost: a hostile one of ever new shapes must not become slow."""


_Kind = Template | tuple[str, ...]
"""What entries read together share: their shape, or only the names of their values."""


class Report(NamedTuple):
    """The reads of one report; how many tag entries could not be read; the newest stamp in the reader's own seconds."""

    reads: Sequence[Read]
    bad: int
    newest: float | None


class ReportDecoder:
    """Decodes the reports of one connection and remembers the shapes of its tag entries.

    `tid_op_specs`: the OpSpecIDs of this client's C1G2Read operations on the TID bank; their results become `Read.tid`.
    `shapes`: how many shapes to remember; with 0 each entry is read on its own.
    """

    def __init__(self, tid_op_specs: Collection[int] = (), *, shapes: int = 32) -> None:
        self._tid_op_specs = frozenset(tid_op_specs)
        self._shapes = shapes
        self._templates: dict[int, list[Template]] = {}
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

    def like(self, data: bytes, start: int, length: int, most: int) -> tuple[Template, int] | None:
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
        self._templates.setdefault(length, []).append(Template(data[start : start + length], start, parts))

    def scan(self, data: bytes, start: int, end: int) -> list[Part]:
        """The parts of one entry. Raises `ProtocolViolation`."""
        return scan(data, start, end, self._tid_op_specs)


class _Pass:
    """One pass through one report: entries are sorted by template, decoded together, and put in order again."""

    def __init__(self, decoder: ReportDecoder, frame: bytes, offset: float, received: float) -> None:
        self.decoder = decoder
        self.frame = frame
        self.offset = offset
        self.received = received
        self.singles: dict[tuple[str, ...], list[dict[str, Any]]] = {}  # values of entries without a template, by names
        self.runs: list[tuple[_Kind, int, int]] = []  # kind, position, entries
        self.bad = 0
        self.newest = Newest()
        self.lessons = _NEW_TEMPLATES
        self.guess = CHUNK

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
        self.guess = min(CHUNK, 2 * count)
        self.runs.append((template, position, count))
        return count

    def single(self, position: int, length: int) -> None:
        try:
            parts = self.decoder.scan(self.frame, position + 4, position + length)
            values = values_of(self.frame, parts)
        except ProtocolViolation:
            self.bad += 1
            return
        if self.lessons:
            self.lessons -= 1
            self.decoder.learn(self.frame, position, length, parts)
        names = tuple(values)
        self.singles.setdefault(names, []).append(values)
        self.runs.append((names, position, 1))

    def in_order(self) -> Sequence[Read]:
        together: dict[Template, list[bytes]] = {}
        for kind, start, count in self.runs:
            if isinstance(kind, Template):
                together.setdefault(kind, []).append(self.frame[start : start + count * kind.length])
        found: dict[_Kind, Reads] = {}
        for template, bodies in together.items():
            found[template] = self.decoded(template, b"".join(bodies))
        for names, rows in self.singles.items():
            columns = {name: [row[name] for row in rows] for name in names}
            found[names] = reads_of(columns, self.offset, self.received, self.newest)
        if len(found) == 1:
            return next(iter(found.values()))
        streams = {kind: iter(reads) for kind, reads in found.items()}
        return [read for kind, _, count in self.runs for read in islice(streams[kind], count)]

    def decoded(self, template: Template, entries: bytes) -> Reads:
        step = CHUNK * template.length
        pieces = (entries[at : at + step] for at in range(0, len(entries), step))
        return Reads.joined(
            [reads_of(template.columns(piece), self.offset, self.received, self.newest) for piece in pieces]
        )
