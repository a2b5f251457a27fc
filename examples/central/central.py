"""What the centre knows of every segment, and what it answers. No MQTT in here, no loop: `take` what comes, `tick`."""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .checks import Row, check, events, micros, row
from .databases import Postgres, Sqlite
from .kpis import Kpis
from .sequences import PATIENCE, Numbers
from .store import Store

ASK_EVERY = 5.0
"""Seconds between requests for snapshots while a segment is apart from us."""

REPEAT = 60.0
"""Seconds after which an ack is said again though nothing changed."""

Message = tuple[str, bytes]
Json = dict[str, Any]


class Central:
    """What the centre knows. `take` what comes; `tick` once a second, and publish what that returns."""

    def __init__(
        self, database: Sqlite | Postgres, clock: Callable[[], float] = time.time, patience: float = PATIENCE
    ) -> None:
        self.database = database
        self.store = Store(database)
        self.kpis = Kpis()
        self._clock = clock
        self._patience = patience
        self.numbers: defaultdict[tuple[str, int], Numbers] = defaultdict(Numbers)
        self._home_of: dict[str, str] = {}  # of each stream: the topics of the one segment that it is believed of
        self._acked: dict[tuple[str, int], tuple[float, object]] = {}
        self._zones: defaultdict[str, set[str]] = defaultdict(set)
        self._pages: dict[str, dict[int, Json]] = {}
        self._online: dict[str, bool] = {}
        self._away: dict[str, tuple[float, float, set[str]]] = {}  # since, asked, zones that are equal again

    async def start(self) -> None:
        """Make the tables where they are not, and remember what was stored before."""
        await self.store.open()
        for stream, epoch, first, last, topic in await self.store.islands():
            self.numbers[stream, epoch].add(first, last)
            self._home_of[stream] = _home(topic)
        for text in await self.store.losses():
            self._lost(json.loads(text)["data"])
        for topic in await self.store.zones():
            self._zones[_home(topic)].add(topic.rpartition("/")[2])

    async def take(self, messages: Iterable[Message]) -> None:
        """In one transaction. Only then is it counted, and said to be here."""
        told: list[tuple[str, Json]] = []
        here: list[tuple[Row, Json]] = []
        async with self.store.transaction():
            for topic, event in _apart(messages):
                try:
                    found = self._believed(topic, check(topic, event))
                    if "sequence" in found:
                        here.append((row(topic, found), found))
                    else:
                        told.append((topic, found))
                except ValueError as error:
                    self.kpis.count["rejected"] += 1
                    await self.store.reject(topic, str(error), event)
            stored = await self.store.put([one for one, _ in here])
            new = [pair for pair, fresh in zip(here, stored, strict=True) if fresh]
            await self.store.place([one for one, _ in new])
        self.kpis.count["repeated"] += len(here) - len(new)
        for one, _ in here:
            self.numbers[one.stream, one.epoch].add(one.sequence, one.sequence)
        for one, event in new:
            self._stored(one, event)
        for topic, event in told:
            await self._heard(topic, event)

    def _believed(self, topic: str, event: Json) -> Json:
        """A stream is of the segment that used it first, whoever else says so later."""
        for stream in {event.get("stream"), event["data"].get("stream")} - {None}:
            if self._home_of.setdefault(str(stream), _home(topic)) != _home(topic):
                raise ValueError(f"stream {stream} is one of {self._home_of[str(stream)]}")
        return event

    def _stored(self, one: Row, event: Json) -> None:
        self.kpis.count["stored"] += 1
        now = self._clock()
        if one.at is not None and one.transition != "corrected":
            decided = now - micros(event["time"]) / 1e6
            self.kpis.arrived(now - one.at / 1e6, decided, historical=event.get("historical", False))
        if one.transition == "corrected":
            self.kpis.count["corrected"] += 1
        if one.transition == "arrived":
            self._zones[_home(one.topic)].add(one.topic.rpartition("/")[2])
        if one.type == "readpoint.loss.v1":
            self._lost(event["data"])

    def _lost(self, data: Json) -> None:
        self.kpis.count["lost"] += data["count"]
        self.numbers[data["stream"], data["epoch"]].add(data["from"], data["to"])

    async def _heard(self, topic: str, event: Json) -> None:
        """What is not numbered: how a segment is, and its snapshots."""
        home, data = _home(topic), event["data"]
        if event["type"] == "readpoint.state.v1":
            online = data["state"] == "online"
            if online and not self._online.get(home):
                self._away[home] = (self._clock(), 0.0, set())
            self._online[home] = online
            for one in data["epochs"]:
                if one["pending"] == 0:
                    self.numbers[data["stream"], one["epoch"]].promise(one["last"])
        elif event["type"] == "readpoint.snapshot.v1":
            pages = self._pages.setdefault(topic, {})
            if any(page["snapshot"] != data["snapshot"] for page in pages.values()):
                pages.clear()
            pages[data["page"]] = data
            if len(pages) == data["pages"]:
                await self._compare(home, topic, event["source"], self._pages.pop(topic))

    async def _compare(self, home: str, topic: str, source: str, pages: dict[int, Json]) -> None:
        """A whole snapshot against our own state, of the same position."""
        said = {thing for page in pages.values() for thing in page["ids"]}
        position = pages[1]["asOf"]
        if self.numbers[position["stream"], position["epoch"]].holes(int(position["sequence"])):
            return  # it takes events into account that have yet to come
        held = await self.store.present(source, position, pages[1]["readPoint"])
        digest = hashlib.sha256(b"".join(one + b"\n" for one in sorted(thing.encode() for thing in held))).hexdigest()
        zone = topic.rpartition("/")[2]
        equal = digest == pages[1]["digest"]
        self.kpis.compared(source, zone, said, held)
        since, _, zones = self._away.get(home, (0.0, 0.0, set()))
        if equal and since:
            zones.add(zone)
            if zones >= self._zones[home]:
                self.kpis.converged(self._clock() - since)
                del self._away[home]

    def disconnected(self) -> None:
        """Who is online is heard again, and compared again."""
        self._online.clear()

    @property
    def online(self) -> int:
        """Segments that are."""
        return sum(self._online.values())

    @property
    def missing(self) -> int:
        """Numbers below others that are here, and neither here nor declared lost."""
        return sum(last - first + 1 for one in self.numbers.values() for first, last in one.holes(one.top))

    def tick(self) -> list[Message]:
        """Acks that are due, and requests for snapshots of segments that came back."""
        now, said = self._clock(), []
        for (stream, epoch), numbers in self.numbers.items():
            upto, missing = numbers.ack(now, self._patience)
            when, last = self._acked.get((stream, epoch), (0.0, None))
            changed, online = (upto, missing) != last, self._online.get(self._home_of.get(stream, ""), False)
            if (upto or missing) and online and (changed or missing or now - when >= REPEAT):
                self._acked[stream, epoch] = now, (upto, missing)
                ack = {"stream": stream, "epoch": epoch, "upto": upto, "missing": missing}
                said.append((f"{self._home_of[stream]}/ack", json.dumps(ack).encode()))
        for home, (since, asked, zones) in self._away.items():
            if now - asked >= ASK_EVERY and self._online.get(home):
                self._away[home] = (since, now, zones)
                asks = [json.dumps({"snapshot": zone}).encode() for zone in sorted(self._zones[home] - zones)]
                said += [(f"{home}/request", ask) for ask in asks]
        return said


def _home(topic: str) -> str:
    """The topics of a segment, up to its identity."""
    return "/".join(topic.split("/")[:5])


def _apart(messages: Iterable[Message]) -> Iterator[tuple[str, object]]:
    """Each event of each payload; a payload that is no JSON is one thing that is no event."""
    for topic, payload in messages:
        yield from ((topic, event) for event in events(payload))
