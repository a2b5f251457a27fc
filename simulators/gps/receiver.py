"""A receiver that drives a route and tells it in NMEA 0183, with the faults that receivers and cables have."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from simulators.gps.lines import Line
from simulators.gps.route import Pose, Route
from simulators.gps.sentences import Blind, blind, cycle


class Behaviour(msgspec.Struct, frozen=True):
    """`rate` cycles a second; the route is driven `haste` times as fast as it is told.

    `damage` and `noise`: share of sentences with a wrong byte, of cycles followed by bytes that are none. In the last
    `outage` of every `outages` seconds it has no fix, and says so `blind`.
    """

    rate: float = 1.0
    haste: float = 1.0
    damage: float = 0.0
    noise: float = 0.0
    outage: float = 0.0
    outages: float = 0.0
    blind: Blind = "empty"
    seed: int = 1


class Receiver:
    """Use `driving`. What is set takes effect with the next cycle."""

    def __init__(self, route: Route, line: Line, behaviour: Behaviour, clock: Callable[[], float] = time.time) -> None:
        self.line = line
        self.fixed = True
        self.mute = False
        self.hdop = 0.9
        self.place: tuple[float, float] | None = None
        """Where it stands instead of driving its route."""
        self._route = route
        self._behaviour = behaviour
        self._clock = clock
        self._started = clock()
        self._chance = random.Random(behaviour.seed)  # noqa: S311 - a simulation, no secret

    def pose(self) -> Pose:
        """Where it is now."""
        if self.place is not None:
            return Pose(*self.place, speed=0.0, course=0.0)
        return self._route.at((self._clock() - self._started) * self._behaviour.haste)

    def tell(self) -> None:
        """One cycle."""
        if self.mute:
            return
        how, now = self._behaviour, self._clock()
        out = how.outages > 0.0 and (now - self._started) % how.outages > how.outages - how.outage
        sees = self.fixed and not out
        said = cycle(self.pose(), now, hdop=self.hdop) if sees else blind(self.pose(), now, how.blind)
        self.line.send(b"".join(self._damaged(sentence) for sentence in said))
        if self._chance.random() < how.noise:
            self.noise()

    def noise(self, size: int = 60) -> None:
        """Bytes that are no sentence."""
        self.line.send(self._chance.randbytes(size) + b"\r\n$GNRMC,no checksum\r\n")

    async def flood(self, seconds: float) -> None:
        """Sentences as fast as the line takes them, each of another time."""
        loop = asyncio.get_running_loop()
        ends, now = loop.time() + seconds, self._clock()
        while loop.time() < ends:
            for _ in range(20):
                now += 0.01
                self.line.send(b"".join(cycle(self.pose(), now)))
            await asyncio.sleep(0)

    def _damaged(self, sentence: bytes) -> bytes:
        if self._chance.random() >= self._behaviour.damage:
            return sentence
        at = self._chance.randrange(1, len(sentence) - 5)
        return sentence[:at] + bytes([sentence[at] ^ 0x01]) + sentence[at + 1 :]

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self.tell()
            await asyncio.sleep(1.0 / self._behaviour.rate)


@asynccontextmanager
async def driving(route: Route, line: Line, behaviour: Behaviour | None = None) -> AsyncIterator[Receiver]:
    """A receiver that is plugged in and speaks; at the end it is gone."""
    receiver = Receiver(route, line, behaviour or Behaviour())
    await line.plug()
    task = asyncio.create_task(receiver.run(), name="gps receiver")
    try:
        yield receiver
    finally:
        task.cancel()
        await asyncio.wait({task})
        await line.unplug()
