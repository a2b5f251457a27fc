"""Rules of zones to hold against each other, each from reads to what it tells: EdgeX's, and three in our engine."""

from __future__ import annotations

import math
from collections import deque
from statistics import fmean

from drivers.observations import Observation, Read, Status
from gateway.location.engine import Engine, Outcome
from gateway.location.floor import Floor, Place
from gateway.location.radiomap import RadioMap
from gateway.location.zone import Tag, ZoneRule
from gateway.model import Identity, Port, ReadPoint, Rules
from tests.bench.worlds import READER, START, Told, World


class _Deaf(RadioMap):
    """Learns nothing: the strongest mean wins."""

    def learn(self, cell: str, ports: str, levels: object) -> None:
        """Nothing."""


class Mean(ZoneRule):
    """Time-decayed means shrunk to a floor, with hysteresis and dwell."""

    def __init__(self, floor: Floor) -> None:
        super().__init__(floor)
        self._map = _Deaf()
        self.replace(floor)


class Filter(ZoneRule):
    """A hidden Markov filter over the cells: each read is tempered evidence, on the levels that the map has learned."""

    SPREAD, TEMPER, LEAK, SURE = 6.0, 0.15, 0.002, math.log(9.0)

    def __init__(self, floor: Floor) -> None:
        super().__init__(floor)
        self._beliefs: dict[str, dict[str, float]] = {}

    def hear(self, tag: Tag, place: Place, level: float, step: float) -> None:
        """Each cell becomes as likely as it makes this read; all leak into each other."""
        super().hear(tag, place, level, step)
        belief = self._beliefs.setdefault(tag.identity.uri, {})
        at, seen = self._map._cells.index(place.letter), level - self._floor
        for cell in self._map._cells:
            miss = (seen - self._map._mean(cell)[at]) / self.SPREAD
            belief[cell] = belief.get(cell, 0.0) - 0.5 * self.TEMPER * miss * miss
        top = max(belief.values())
        shares = {cell: math.exp(value - top) for cell, value in belief.items()}
        leak = self.LEAK * sum(shares.values()) / len(shares)
        for cell, share in shares.items():
            belief[cell] = math.log(share * (1.0 - self.LEAK) + leak)

    def _leader(self, tag: Tag, here: int) -> tuple[int, float]:
        belief = self._beliefs[tag.identity.uri]
        cell = max(belief, key=lambda each: belief[each])
        zone = self._zone_of[cell]
        if zone == here or here < 0:
            return zone, 0.0
        own = max((value for each, value in belief.items() if self._zone_of[each] == here), default=-math.inf)
        return zone, (belief[cell] - own) * self.zones[zone].hysteresis_db / self.SURE


def run(world: World, rule: type[ZoneRule]) -> list[Told]:
    """What the engine tells with that rule, the same defaults everywhere."""
    names = sorted({mount.zone for mount in world.mounts if mount.zone})
    points = {name: ReadPoint(name, f"urn:epc:id:sgln:9521141.12345.{name}", "zone") for name in names}
    ports = tuple(Port(READER, mount.antenna, mount.zone) for mount in world.mounts if mount.zone)
    known: dict[bytes, Identity] = {}

    def resolve(read: Read) -> Identity:
        return known.setdefault(read.value, Identity(read.value.hex(), "sgtin", "instance"))

    engine = Engine(Rules(points, ports), resolve)
    engine._zones._rule = rule(engine._floor)
    told: list[Told] = []

    def take(outcomes: list[Outcome]) -> None:
        for one in outcomes:
            if one.transition is not None:
                zone = None if one.transition.kind == "departed" else one.transition.read_point
                said = one.transition
                told.append(Told(said.time - START, said.object.uri, zone, said.decided - START))

    for time, seen in _story(world):
        while (due := engine.deadline) is not None and due <= time:
            take(engine.advance(due))
        take(engine.feed(READER, (seen,), time))
    take(engine.finish())
    return told


def _story(world: World) -> list[tuple[float, Observation]]:
    story: list[tuple[float, Observation]] = [(read.time, read) for read in world.reads]
    states = [(START + world.floor.duration, "online")]
    for begin, end in world.floor.outages:
        states += [(START + begin, "offline"), (START + end, "online")]
    story += [(time, Status(None, state, "", time)) for time, state in states]
    return sorted(story, key=lambda one: one[0])


class _Heard:
    """Of one tag, as EdgeX keeps it: where it is, when it was read, and the last levels of each antenna."""

    def __init__(self) -> None:
        self.here: int | None = None
        self.last: dict[int, float] = {}
        self.levels: dict[int, deque[float]] = {}

    def read(self, antenna: int, time: float, level: float) -> bool:
        """Whether it moved there."""
        self.levels.setdefault(antenna, deque(maxlen=20)).append(level)
        self.last[antenna] = time
        if self.here is None:
            self.here = antenna
            return True
        if antenna == self.here or len(self.levels[antenna]) < 2:
            return False
        silent = (time - self.last[self.here]) * 1000.0
        margin = min(6.0, 6.0 - 0.008 * (silent - 500.0))
        if fmean(self.levels[antenna]) <= fmean(self.levels[self.here]) + margin:
            return False
        self.here = antenna
        return True


def edgex(world: World) -> list[Told]:
    """The rule of EdgeX Foundry's app-rfid-llrp-inventory: the mean of 20 reads, ahead by 6 dB that shrink in silence;
    gone when unread for 30 s. https://github.com/edgexfoundry/app-rfid-llrp-inventory
    """
    zone_of = {mount.antenna: mount.zone for mount in world.mounts}
    tags: dict[bytes, _Heard] = {}
    told: list[Told] = []

    def expire(now: float) -> None:
        for value in [value for value, tag in tags.items() if now - max(tag.last.values()) > 30.0]:
            del tags[value]
            told.append(Told(now, value.hex(), None, now))

    tick = 1.0
    for read in world.reads:
        time, antenna = read.time - START, int(read.antenna or 0)
        while time >= tick:
            expire(tick)
            tick += 1.0
        tag = tags.setdefault(read.value, _Heard())
        before = zone_of.get(tag.here or 0)
        if tag.read(antenna, time, read.rssi or 0.0) and zone_of[antenna] != before:
            told.append(Told(time, read.value.hex(), zone_of[antenna], time))
    while tick < world.floor.duration:
        expire(tick)
        tick += 1.0
    return told
