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
from collections.abc import Callable, Sequence
from typing import Any

import aiomqtt

from .broker import CHANNELS, always, arguments
from .checks import WRONG, check, digest, events, home_of, source_of, topic_of
from .databases import Postgres, Sqlite, connect
from .kpis import Kpis
from .metrics import Figures, shown
from .rows import Row, numbered, row
from .segments import Segment, Segments
from .sequences import PATIENCE
from .store import Store
from .streams import Streams

MOST = 200  # messages in one transaction

Message = tuple[str, bytes]
Json = dict[str, Any]


class Central:
    """What the centre knows. `take` what comes; `tick` once a second, and publish what that returns."""

    def __init__(
        self,
        database: Sqlite | Postgres,
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.database, self.store, self.kpis, self.streams = database, Store(database), Kpis(), Streams()
        self._clock, self.steady, self._patience = clock, steady, patience  # what is due waits for no clock set back
        self.segments = Segments()  # by what their topics begin with

    async def start(self) -> None:
        """Make the tables where they are not, and remember what was stored before."""
        await self.store.open()
        for stream, epoch, first, last, topic in await self.store.islands():
            self.streams.of(home_of(topic), stream).epochs[epoch].add(first, last)
        for topic, text in await self.store.losses():
            self.kpis.count["lost"] += self.streams.lost(home_of(topic), json.loads(text)["data"])
        for home, stream, epoch, sequence in await self.store.refused():
            self.streams.of(home, stream).epochs[epoch].add(sequence, sequence)
        for topic in await self.store.zones():
            self.segments[home_of(topic)].meet(topic)

    async def take(self, messages: Sequence[Message]) -> None:
        """In one transaction; only then does it count, and is said to be here. What is seen again changes nothing."""
        told: list[tuple[str, Json]] = []
        here: list[tuple[Row, Json]] = []
        async with self.store.transaction():
            for topic, event in ((topic, one) for topic, payload in messages for one in events(payload)):
                try:
                    valid = check(topic, event)
                    rows = [row(topic, valid)] if numbered(valid) else []
                    self.streams.believe(home_of(topic), valid)
                    here += [(one, valid) for one in rows]
                    told += [] if rows else [(topic, valid)]
                except WRONG as error:
                    await self._refuse(topic, str(error), event)
            stored = await self.store.put([one for one, _ in here])
            await self.store.place([one for (one, _), is_new in zip(here, stored, strict=True) if is_new])
        for (one, event), is_new in zip(here, stored, strict=True):
            self._stored(one, event, is_new=is_new)
        for topic, event in told:
            self._heard(home_of(topic), topic, event)
        for topic, payload in messages:
            if topic.endswith("/state") and not payload:  # whoever clears it says that there is none any more
                if self.segments.pop(home_of(topic), None):
                    self.kpis.forget(source_of(topic))
                self.streams.forget(home_of(topic))
        for home in {home_of(topic) for topic, _ in messages} & self.segments.keys():
            await self._compare(home, self.segments[home])

    async def _refuse(self, topic: str, why: str, event: object) -> None:
        """It is kept apart, and its number is not asked for again."""
        new = await self.store.reject(topic, why, event, self.streams.refused(home_of(topic), event))
        self.kpis.count["rejected" if new else "repeated"] += 1

    def _stored(self, one: Row, event: Json, *, is_new: bool) -> None:
        given_up = self.streams.stored(one)
        self.kpis.count["repeated"] += not is_new
        if not is_new:
            return
        self.kpis.stored(one, event, self._clock(), given_up=given_up)
        if one.transition in ("arrived", "moved"):
            self.segments[home_of(one.topic)].meet(one.topic)
        if one.type == "readpoint.loss.v1":
            self.kpis.count["lost"] += self.streams.lost(home_of(one.topic), event["data"])

    def _heard(self, home: str, topic: str, event: Json) -> None:
        """What is not numbered: how a segment is, and its snapshots."""
        data, now = event["data"], self.steady()
        if event["type"] == "readpoint.state.v1":
            self.streams.state(home, data)
            self.segments[home].is_now(data["state"] == "online", now)
        elif event["type"] == "readpoint.snapshot.v1" and data["asOf"]["stream"] in self.streams.known:
            self.segments[home].page(topic, data, now)

    async def _compare(self, home: str, segment: Segment) -> None:
        """The snapshots that wait, of those that take no event into account that has yet to come."""
        for name, [page, *more] in segment.waiting():
            if self.streams.complete(page["asOf"]):
                held = await self.store.present(source_of(home), page["asOf"], page["readPoint"])
                said = {thing for one in (page, *more) for thing in one["ids"]}
                self.kpis.compared(source_of(home), name, said, held)
                segment.compared(name, digest(held) == page["digest"], self.steady(), self.kpis.converged)

    def disconnected(self) -> None:
        """Who is online is heard again, and compared again."""
        for segment in self.segments.values():
            segment.is_now(False, self.steady())

    def report(self) -> Json:
        """All figures; `missing` are numbers below others that are here, and neither here nor declared lost."""
        online = sum(segment.online for segment in self.segments.values())
        return {**self.kpis.report(), "missing": sum(self.streams.missing().values()), "online": online}

    def tick(self) -> list[Message]:
        """Acks, with what is missing, and requests for snapshots."""
        now = self.steady()
        online = {home: segment for home, segment in self.segments.items() if segment.online}
        said = [(f"{home}/ack", ack) for home, ack in self.streams.acks(online, now, self._patience)]
        for home, segment in online.items():
            for zone in segment.give_up(now, self.kpis.converged):
                self.kpis.forget(source_of(home), zone)
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
