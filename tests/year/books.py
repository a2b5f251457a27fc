"""The uplink's side of the outbox without a network; the books of what was recorded, delivered and declared lost."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence

from gateway.outbox.store import Outbox, Row
from gateway.outbox.values import Receipt

_ROWS, _BYTES = 1000, 1_000_000
"""What one claim of the uplink brings into memory."""


class Numbers:
    """A set of whole numbers, kept as ranges in order."""

    def __init__(self) -> None:
        self.ranges: list[list[int]] = []
        self.repeated = 0

    def add(self, first: int, last: int) -> None:
        at = bisect_right(self.ranges, [first, 1 << 62])
        if at and first <= self.ranges[at - 1][1]:
            self.repeated += min(last, self.ranges[at - 1][1]) - first + 1
        if at and first <= self.ranges[at - 1][1] + 1:
            at -= 1
            self.ranges[at][1] = max(self.ranges[at][1], last)
        else:
            self.ranges.insert(at, [first, last])
        while at + 1 < len(self.ranges) and self.ranges[at + 1][0] <= self.ranges[at][1] + 1:
            self.ranges[at][1] = max(self.ranges[at][1], self.ranges.pop(at + 1)[1])

    def upto(self) -> int:
        """All from 1 to this one are there."""
        return self.ranges[0][1] if self.ranges and self.ranges[0][0] == 1 else 0

    def missing(self, last: int) -> int:
        """How many of 1 to `last` are not there."""
        return last - sum(min(b, last) - a + 1 for a, b in self.ranges if a <= last)


class Books:
    """By epoch: an epoch's number is never used twice, whatever becomes of the file."""

    def __init__(self) -> None:
        self.recorded: dict[int, int] = {}
        self.delivered: dict[int, Numbers] = {}
        self.settled: dict[int, Numbers] = {}
        """Delivered, or declared lost."""
        self.events = self.lost = 0
        self.newest: Row | None = None

    def record(self, rows: Sequence[Row]) -> None:
        for row in rows:
            if row.sequence > self.recorded.get(row.epoch, 0):
                self.recorded[row.epoch] = row.sequence
                self.events += 1

    def deliver(self, rows: Sequence[Row]) -> None:
        first = rows[0]
        if rows[-1].epoch == first.epoch and rows[-1].sequence - first.sequence == len(rows) - 1:
            self._deliver(first.epoch, first.sequence, rows[-1].sequence)
        else:
            for row in rows:
                self.deliver_number(row.epoch, row.sequence)
        for row in rows:
            if row.channel == "loss":
                self.declare(json.loads(row.payload)["data"])
            elif row.channel == "epcis":
                self.newest = row

    def deliver_number(self, epoch: int, sequence: int) -> None:
        self._deliver(epoch, sequence, sequence)

    def _deliver(self, epoch: int, first: int, last: int) -> None:
        self.delivered.setdefault(epoch, Numbers()).add(first, last)
        self.settled.setdefault(epoch, Numbers()).add(first, last)

    def declare(self, loss: dict[str, int]) -> None:
        self.lost += loss["count"]
        self.settled.setdefault(loss["epoch"], Numbers()).add(loss["from"], loss["to"])

    @property
    def undeclared(self) -> int:
        """Recorded, and neither delivered nor declared."""
        return sum(self.settled.get(epoch, Numbers()).missing(last) for epoch, last in self.recorded.items())

    @property
    def repeated(self) -> int:
        return sum(numbers.repeated for numbers in self.delivered.values())


class Wire:
    """Claims and settles as the uplink does; says what has arrived as a centre does."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self.connected = False
        self._confirmed: dict[int, int] = {}

    async def drain(self, outbox: Outbox) -> None:
        """All that is pending goes out."""
        if not self.connected:
            await outbox.begin_live()
            self.connected = True
        for lane in ("live", "historical"):
            while rows := await outbox.claim(lane, _ROWS, _BYTES):
                self._books.deliver(rows)
                outbox.settle([row.rowid for row in rows])

    async def acknowledge(self, outbox: Outbox) -> None:
        """Of each epoch the outbox still names, all up to the first hole."""
        for epoch in await outbox.epochs():
            numbers = self._books.settled.get(epoch.epoch)
            if epoch.stream == outbox.stream and numbers is not None and numbers.upto() > epoch.confirmed:
                verdict = await outbox.acknowledge(Receipt(outbox.stream, epoch.epoch, numbers.upto()))
                assert verdict.ignored is None, verdict
