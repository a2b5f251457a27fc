"""The central side: takes every event once, keeps where each object is, says what it has, and finds what it lacks.

    python -m examples.central.subscriber --broker HOST:8883 --certificates FOLDER --database central.sqlite3

The folder holds ca.pem, central.pem and central.key; the database is an SQLite file or `postgresql://…`.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import aiomqtt

from .broker import CHANNELS, always, arguments
from .checks import WRONG, check, digest, events, home_of, topic_of
from .databases import Postgres, Sqlite, connect
from .kpis import Kpis
from .metrics import Figures, shown
from .rows import Row, numbered, row, streams
from .segments import Segment
from .sequences import PATIENCE, Numbers
from .store import Store

MOST = 200  # messages in one transaction

Message = tuple[str, bytes]
Json = dict[str, Any]


class Central:
    """What the centre knows. `take` what comes; `tick` once a second, and publish what that returns."""

    def __init__(
        self, database: Sqlite | Postgres, clock: Callable[[], float] = time.time, patience: float = PATIENCE
    ) -> None:
        self.database, self.store, self.kpis = database, Store(database), Kpis()
        self.numbers: defaultdict[tuple[str, int], Numbers] = defaultdict(Numbers)
        self._clock, self._patience = clock, patience
        self.segments: defaultdict[str, Segment] = defaultdict(Segment)  # by what their topics begin with
        self.home_of: dict[str, str] = {}  # of each stream: the one segment that it is believed of

    async def start(self) -> None:
        """Make the tables where they are not, and remember what was stored before."""
        await self.store.open()
        for stream, epoch, first, last, topic in await self.store.islands():
            self.numbers[stream, epoch].add(first, last)
            self.home_of[stream] = home_of(topic)
        for text in await self.store.losses():
            self._lost(json.loads(text)["data"])
        for topic in await self.store.zones():
            self.segments[home_of(topic)].meet(topic)

    async def take(self, messages: Iterable[Message]) -> None:
        """In one transaction; only then does it count, and is said to be here. What is seen again changes nothing."""
        told: list[tuple[str, Json]] = []
        here: list[tuple[Row, Json]] = []
        async with self.store.transaction():
            for topic, event in ((topic, one) for topic, payload in messages for one in events(payload)):
                try:
                    valid = check(topic, event)
                    rows = [row(topic, valid)] if numbered(valid) else []
                    self._believe(topic, streams(valid))
                    here += [(one, valid) for one in rows]
                    told += [] if rows else [(topic, valid)]
                except WRONG as error:
                    self.kpis.count["rejected"] += 1
                    await self.store.reject(topic, str(error), event)
            stored = await self.store.put([one for one, _ in here])
            new = [pair for pair, is_new in zip(here, stored, strict=True) if is_new]
            await self.store.place([one for one, _ in new])
        self.kpis.count["repeated"] += len(here) - len(new)
        for one, _ in here:
            self.numbers[one.stream, one.epoch].add(one.sequence, one.sequence)
        for one, event in new:
            self._stored(one, event)
        for topic, event in told:
            await self._heard(topic, event)

    def _believe(self, topic: str, said: set[str]) -> None:
        """A stream is of the segment that used it first, whoever else says so later."""
        for stream in said:
            if self.home_of.setdefault(stream, home_of(topic)) != home_of(topic):
                raise ValueError(f"stream {stream} is one of {self.home_of[stream]}")

    def _stored(self, one: Row, event: Json) -> None:
        self.kpis.stored(one, event, self._clock())
        if one.transition == "arrived":
            self.segments[home_of(one.topic)].meet(one.topic)
        if one.type == "readpoint.loss.v1":
            self._lost(event["data"])

    def _lost(self, data: Json) -> None:
        """Numbers that will never come are no holes."""
        self.kpis.count["lost"] += data["count"]
        self.numbers[data["stream"], data["epoch"]].add(data["from"], data["to"])

    async def _heard(self, topic: str, event: Json) -> None:
        """What is not numbered: how a segment is, and its snapshots."""
        segment, data = self.segments[home_of(topic)], event["data"]
        if event["type"] == "readpoint.state.v1":
            segment.is_now(data["state"] == "online", self._clock(), data["stream"])
            for one in data["epochs"]:
                if one["pending"] == 0:  # then all has been sent: what does not come is missing, at the end too
                    self.numbers[data["stream"], one["epoch"]].promise(one["last"])
        elif event["type"] == "readpoint.snapshot.v1" and (said := segment.whole(topic, data)) is not None:
            as_of = data["asOf"]
            if self.numbers[as_of["stream"], as_of["epoch"]].holes(int(as_of["sequence"])):
                return  # it takes events into account that have yet to come
            held = await self.store.present(event["source"], as_of, data["readPoint"])
            self.kpis.compared(event["source"], data["readPoint"], said, held)
            segment.compared(topic, digest(held) == data["digest"], self._clock(), self.kpis.converged)

    def disconnected(self) -> None:
        """Who is online is heard again, and compared again."""
        for segment in self.segments.values():
            segment.is_now(False, self._clock())

    def report(self) -> Json:
        """All figures; `missing` are numbers below others that are here, and neither here nor declared lost."""
        online = sum(segment.online for segment in self.segments.values())
        missing = sum(one.missing for one in self.numbers.values())
        return {**self.kpis.report(), "missing": missing, "online": online}

    def tick(self) -> list[Message]:
        """Acks, with what is missing, and requests for snapshots of segments that came back."""
        now, said = self._clock(), []
        online = {home: segment for home, segment in self.segments.items() if segment.online}
        streams = {segment.stream for segment in online.values()}
        for (stream, epoch), numbers in self.numbers.items():
            home = self.home_of.get(stream)
            ack = numbers.due(now, self._patience, heard=home in online, current=stream in streams)
            if ack is not None:
                said.append((f"{home}/ack", {"stream": stream, "epoch": epoch, "upto": ack[0], "missing": ack[1]}))
        for home, segment in online.items():
            said += [(f"{home}/request", {"snapshot": zone}) for zone in segment.asks(now)]
        return [(topic, json.dumps(what).encode()) for topic, what in said]


async def follow(client: aiomqtt.Client, central: Central, figures: Figures | None) -> None:
    """Store what comes, as much at once as there is."""
    messages = aiter(client.messages)
    while True:
        batch = [await anext(messages)]
        while len(client.messages) and len(batch) < MOST:
            batch.append(await anext(messages))
        await central.take([(topic_of(one.topic.value), bytes(one.payload)) for one in batch])
        if figures is not None:
            figures.hear(batch)


async def speak(client: aiomqtt.Client, central: Central, every: float) -> None:
    """Acks and requests once a second, the figures as often as asked."""
    due = time.monotonic() + every
    while True:
        for topic, payload in central.tick():
            await client.publish(topic, payload, qos=1)
        if time.monotonic() >= due:
            due += every
            report(central)
        await asyncio.sleep(1)


def report(central: Central) -> None:
    """The figures on stdout, what is wrong on stderr."""
    print(json.dumps(central.report()), flush=True)
    for alarm in central.kpis.alarms():
        print(f"ALARM: {alarm}", file=sys.stderr, flush=True)


async def serve(asked: argparse.Namespace) -> None:
    """Until cancelled; the broker keeps what comes while this is away, up to a day."""
    database = await connect(asked.database)
    central = Central(database, patience=asked.patience)
    await central.start()

    async def talk(client: aiomqtt.Client) -> None:
        await client.subscribe([(channel, 1) for channel in CHANNELS])
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(follow(client, central, figures))
            tasks.create_task(speak(client, central, asked.every))

    try:
        with shown(asked.metrics, central) as figures:
            await always(asked, talk, central.disconnected)
    finally:
        report(central)
        await database.close()


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(serve(arguments(__doc__)))
