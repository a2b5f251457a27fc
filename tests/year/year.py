"""A year of a gateway's life, day by day, and what of it still grows."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.outbox.inspect import stopped
from gateway.outbox.migrations import scripts
from tests.brokers import Mosquitto
from tests.year import census, damage
from tests.year.books import Books, Wire
from tests.year.box import Box
from tests.year.broker import listening
from tests.year.clock import Clock
from tests.year.floor import Floor

ZONE = ZoneInfo("Europe/Madrid")
_COUNT_EVERY = 5
_ACKNOWLEDGE_EVERY = 4


class Length(NamedTuple):
    """How long a year is, and how busy: `tags` new ones a day, in `steps` of a day."""

    begin: datetime
    days: int
    tags: int
    steps: int

    @property
    def upgraded(self) -> int:
        """The day on which the outbox is one of an older version."""
        return self.days // 2

    @property
    def rotten(self) -> int:
        """The day on which it is damaged."""
        return self.days * 5 // 8

    @property
    def kept(self) -> int:
        """Events of a day: sent ones stay as long, however late a busy machine has them confirmed."""
        return 12 * self.tags


FULL = Length(datetime(2027, 1, 1, tzinfo=UTC), 365, 2800, 48)
SHORT = Length(datetime(2027, 3, 1, tzinfo=UTC), 40, 12, 4)
"""Over a change of the clocks, too."""


class Year:
    """Runs one, and has its figures."""

    def __init__(self, folder: Path, length: Length, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.length = length
        self._say = say
        self.clock = Clock(length.begin.timestamp())
        self._broker = Mosquitto(folder / "broker")
        self.books = Books()
        self._wire = Wire(self.books)
        self.box = Box(folder / "box", self.clock, self._broker.port, self.books)
        self._floor = Floor(length.tags, length.steps)
        self.series = census.Series(length.days, {"events": length.kept, "outbox.db": length.kept * 2048})
        self._luck = random.Random(4)
        self.starts: list[float] = []
        self.cpu: list[float] = []
        """Microseconds of processor an event took, by day."""
        self.offsets: set[str] = set()
        self.upgrades = self.rotten = self.connects = self.pending = 0

    async def run(self) -> None:
        self.box.configure(self.length.begin.month)
        await self._start()
        for day in range(self.length.days):
            await self._day(day)
        await self._drain()
        await self.box.stop()
        with stopped(self.box.state) as rows:
            self.pending = rows.count()["pending"]
            # What was stored as it ended nobody has told the books of.
            last = rows.look(
                lambda file: file.execute("SELECT epoch, max(sequence) FROM events GROUP BY epoch").fetchall()
            )
        for epoch, sequence in last:
            self.books.recorded[epoch] = max(sequence, self.books.recorded.get(epoch, 0))

    async def _start(self) -> None:
        await self.box.start()
        self.starts.append(self.box.started)
        self._wire.connected = False

    async def _day(self, day: int) -> None:
        today = self.length.begin + timedelta(days=day)
        self.clock.reach(today.timestamp())
        await self._befall(day, today)
        begin, events = time.process_time(), self.books.events
        real = day == 0 or today.day == 15
        out = range(self.length.steps) if real else self._outage()
        for step in range(self.length.steps):
            plan = self._floor.step(today.timestamp() + step * self._floor.length, step)
            await self.box.read(plan)
            self.clock.reach(today.timestamp() + (step + 1) * self._floor.length - 1.0)
            if step in out:
                self._wire.connected = False
            else:
                await self._drain(acknowledge=step % _ACKNOWLEDGE_EVERY == 0)
        self.cpu.append((time.process_time() - begin) / max(1, self.books.events - events) * 1e6)
        if real:
            await self._deliver()
        await self.box.read(None)
        await self._count(day)
        if day == 0:
            await self._keep("day-1")
        if today.month != (today + timedelta(days=1)).month or day == self.length.days - 1:
            self._report(day)

    def _outage(self) -> range:
        """Hours of the day without a broker."""
        third = self.length.steps // 3
        return range(third, third + max(1, self.length.steps // 8))

    async def _befall(self, day: int, today: datetime) -> None:
        """What is done to it before that day begins."""
        if day == self.length.upgraded:
            await self.box.stop()
            damage.make_older(self.box.state, 1)
            assert damage.version(self.box.state) == 1
            await self._start()
            self.upgrades = max(scripts()) - 1
        elif day == self.length.rotten:
            await self.box.stop()
            damage.rot(self.box.state, self._luck)
            await self._start()
            parts = self.box.parts
            assert parts is not None
            await self.box.until(lambda: "is saved" in (parts.outbox.stats.saved or ""))
            self.rotten += 1
        elif day and day % 7 == 0:
            await self.box.stop()
            self.series.note(day, "table", census.tables(self.box.state))
            await self._start()
        if today.day == 1 and day:
            await self.box.reconfigure(today.month)

    async def _drain(self, *, acknowledge: bool = True) -> None:
        parts = self.box.parts
        assert parts is not None
        await self._wire.drain(parts.outbox)
        if acknowledge:
            await self._wire.acknowledge(parts.outbox)
        row = self.books.newest
        if row is not None:
            data = json.loads(row.payload)["data"]
            happened = datetime.fromisoformat(data["eventTime"]).astimezone(ZONE)
            assert data["eventTimeZoneOffset"] == _offset(happened), data
            self.offsets.add(data["eventTimeZoneOffset"])

    async def _deliver(self) -> None:
        """The day's backlog over a real broker, by the uplink itself."""
        parts = self.box.parts
        assert parts is not None
        with listening(self._broker) as heard:
            self.clock.reach(self.clock() + 60.0)
            await self.box.until(lambda: parts.uplink.status.state == "online")
            self.connects += 1

            def arrived() -> bool:
                heard.take(self.books)
                return self.books.undeclared == 0

            await self.box.until(arrived, 300.0)
        await self.box.until(lambda: parts.uplink.status.state != "online")
        self._wire.connected = False
        await self._drain()

    async def _count(self, day: int) -> None:
        note = self.series.note
        note(day, "memory", {"resident": census.resident()})
        note(day, "file", census.files(self.box.folder / "state"))
        if day % _COUNT_EVERY == 0 or day >= self.length.days - _COUNT_EVERY:
            note(day, "container", census.containers())

    async def _keep(self, name: str) -> None:
        """A copy of the folder as it is at this moment, at rest."""
        await self.box.stop()
        shutil.copytree(self.box.folder, self.folder / name)
        (self.folder / name / "now").write_text(repr(self.clock()))
        await self._start()

    def _report(self, day: int) -> None:
        books, month = self.books, (self.length.begin + timedelta(days=day)).strftime("%B %Y")
        size = sum(census.files(self.box.state).values())
        self._say(
            f"{month}: {books.events:,} events, {self.tags:,} tags, {books.lost} declared lost,"
            f" {census.resident() / 2**20:.1f} MiB resident, {size / 2**20:.1f} MiB of files,"
            f" start {self.starts[-1] * 1e3:.0f} ms, {self.cpu[-1]:.0f} us CPU an event"
        )

    @property
    def tags(self) -> int:
        return self.length.tags * len(self.cpu)


def _offset(moment: datetime) -> str:
    """As EPCIS writes it: +01:00."""
    written = moment.strftime("%z")
    return f"{written[:3]}:{written[3:]}"
