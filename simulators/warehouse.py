"""A warehouse with known truth: tags stand, move and leave under antennas of any number of readers.

Pure: positions in metres, times in seconds of the clock that the readers use. Everything random comes from the seed.

>>> floor = Warehouse(*aisles(("aisle-a", "aisle-b"), reader="reader-1"), seed=1)
>>> tag = bytes.fromhex("302db319a000004000000001")
>>> floor.place(tag, "aisle-a", at=100.0)
>>> floor.move(tag, "aisle-b", at=160.0, speed=1.2)
>>> floor.remove(tag, at=300.0)
>>> reads = [floor.hear("reader-1", antenna, now / 10) for now in range(1000, 3010) for antenna in (1, 2)]
>>> [change.zone for change in floor.truth()]
['aisle-a', 'aisle-b', None]
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Literal, NamedTuple

import msgspec

from simulators.air import Heard
from simulators.radio import Radio, doppler, phase, spread

Position = tuple[float, float]


class Mount(NamedTuple):
    """An antenna of a reader, where it hangs, and the zone it stands for (None at a dock door)."""

    reader: str
    antenna: int
    x: float
    y: float
    zone: str | None = None


class Door(NamedTuple):
    """A dock door: an opening across the way at `x`; smaller x is outside. `width` m around `y`."""

    name: str
    x: float
    y: float
    width: float = 4.0


class Change(NamedTuple):
    """The truth: at `time` this tag came into `zone` (None: it left); through a door, `direction` says which way."""

    time: float
    epc: bytes
    zone: str | None
    direction: Literal["in", "out"] | None = None

    def line(self) -> str:
        """One line of a truth file (JSON)."""
        return json.dumps({**self._asdict(), "epc": self.epc.hex()})


class Leg(NamedTuple):
    """A straight way from one place to another between two times."""

    start: float
    end: float
    origin: Position
    goal: Position

    def at(self, now: float) -> Position:
        share = min(max((now - self.start) / max(self.end - self.start, 1e-9), 0.0), 1.0)
        (x0, y0), (x1, y1) = self.origin, self.goal
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


class Link(NamedTuple):
    """How one antenna hears one still tag, on average."""

    rssi: float
    phase: float


class _Tag(msgspec.Struct):
    epc: bytes
    pc: int
    tid: bytes | None
    place: Position
    zone: str | None = None
    shadow: list[float] = []
    leg: Leg | None = None
    blocked: float = 0.0
    stay: float | None = None


def aisles(
    names: Sequence[str], reader: str, *, spacing: float = 6.0, first_antenna: int = 1, origin: Position = (0.0, 0.0)
) -> tuple[list[Mount], list[Door]]:
    """One antenna over each aisle, `spacing` metres apart, all of one reader; no doors."""
    x, y = origin
    return [Mount(reader, first_antenna + i, x + i * spacing, y, name) for i, name in enumerate(names)], []


def dock(
    name: str, reader: str, *, outside: int = 1, inside: int = 2, at: Position = (-14.0, 0.0), apart: float = 3.0
) -> tuple[list[Mount], list[Door]]:
    """A dock door with one antenna outside and one inside of it, `apart` metres from each other."""
    x, y = at
    return [Mount(reader, outside, x - apart / 2, y + 1.5), Mount(reader, inside, x + apart / 2, y + 1.5)], [
        Door(name, x, y)
    ]


class Warehouse:
    """Tags on a floor of antennas (`Air`), and the truth about them."""

    def __init__(
        self, mounts: Sequence[Mount], doors: Sequence[Door] = (), *, radio: Radio | None = None, seed: int = 0
    ) -> None:
        self.mounts, self.doors, self.radio = tuple(mounts), tuple(doors), radio or Radio()
        self._random = Random(seed)  # noqa: S311 - a simulation has to be repeatable
        self._gain = spread(self._random, self.radio.gain_error, len(self.mounts))
        self._index = {(mount.reader, mount.antenna): i for i, mount in enumerate(self.mounts)}
        self._still: list[dict[bytes, Link]] = [{} for _ in self.mounts]
        self._tags: dict[bytes, _Tag] = {}
        self._moving: dict[bytes, _Tag] = {}
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._truth: list[Change] = []
        self._told = -math.inf

    # what is to happen

    def place(
        self,
        epc: bytes,
        position: str | Position,
        at: float,
        *,
        pc: int | None = None,
        tid: bytes | None = None,
        stay: float | None = None,
    ) -> None:
        """From `at` on the tag stands at a point, or somewhere in a zone.

        With `stay` it wanders by itself: it moves to another zone after that many seconds on average. ValueError for
        a zone that no antenna has.
        """
        self._known(position)
        word = len(epc) // 2 << 11 if pc is None else pc
        self._at(at, lambda now: self._appear(_Tag(epc, word, tid, (0.0, 0.0), stay=stay), position, now))

    def move(self, epc: bytes, to: str | Position, at: float, speed: float = 1.2) -> None:
        """At `at` the tag sets out for `to` in a straight line, `speed` m/s. A tag that is not there does not move."""
        self._known(to)
        self._at(at, lambda now: self._set_out(epc, to, now, speed))

    def remove(self, epc: bytes, at: float) -> None:
        """At `at` the tag is taken away; nothing hears it any more."""
        self._at(at, lambda now: self._vanish(epc, now))

    def pallet(
        self,
        epcs: Iterable[bytes],
        door: str,
        direction: Literal["in", "out"],
        at: float,
        *,
        speed: float = 1.2,
        run: float = 6.0,
    ) -> None:
        """A load (one SSCC and its cases) passes the door: it starts `run` metres before and is gone `run` behind."""
        gate = next((each for each in self.doors if each.name == door), None)
        if gate is None:
            raise ValueError(f"no door is called {door!r}")
        way = run if direction == "in" else -run
        for epc in epcs:
            dx, dy = self._random.uniform(-0.6, 0.6), self._random.uniform(-0.5, 0.5)
            self.place(epc, (gate.x - way + dx, gate.y + dy), at)
            self.move(epc, (gate.x + way + dx, gate.y + dy), at, speed)
            self.remove(epc, at + 2 * run / speed + 0.5)

    # what is heard

    def hear(self, reader: str, antenna: int, now: float) -> Sequence[Heard]:
        """What one antenna hears in a round at `now`; unknown antennas hear nothing. `now` should not run backwards."""
        self.advance(now)
        index = self._index.get((reader, antenna))
        if index is None:
            return ()
        heard = self._hear_still(index, now)
        if self._moving:
            heard += self._hear_moving(index, now)
        return heard

    def advance(self, now: float) -> None:
        """Lets everything happen that is due at `now`."""
        while self._due and self._due[0][0] <= now:
            time, _, happen = heapq.heappop(self._due)
            happen(time)

    def truth(self) -> list[Change]:
        """All changes so far, and those a tag on its way is bound to make, in order of time."""
        return sorted(self._truth, key=lambda change: change.time)

    def tell(self, now: float) -> list[Change]:
        """The changes up to `now` that were not told before, in order: for a truth file that grows (`Change.line`)."""
        self.advance(now)
        told, self._told = self._told, max(now, self._told)
        return [change for change in self.truth() if told < change.time <= now]

    def present(self) -> Iterator[tuple[bytes, str | None]]:
        """Each tag that is there, with its zone, as of the last round."""
        return ((tag.epc, tag.zone) for tag in self._tags.values())

    # how it happens

    def _at(self, time: float, happen: Callable[[float], None]) -> None:
        heapq.heappush(self._due, (time, next(self._order), happen))

    def _known(self, position: str | Position) -> None:
        if isinstance(position, str) and all(mount.zone != position for mount in self.mounts):
            raise ValueError(f"no antenna stands for a zone called {position!r}")

    def _point(self, position: str | Position) -> Position:
        if not isinstance(position, str):
            return position
        mount = self._random.choice([mount for mount in self.mounts if mount.zone == position])
        return mount.x + self._random.uniform(-1.5, 1.5), mount.y + self._random.uniform(0.5, 2.5)

    def _appear(self, tag: _Tag, position: str | Position, now: float) -> None:
        self._forget(tag.epc, now)
        tag.place = self._point(position)
        self._tags[tag.epc] = tag
        self._note(tag, self._zone_at(tag.place), now)
        self._stand(tag, now)

    def _stand(self, tag: _Tag, now: float) -> None:
        """Fixes what the antennas hear of a tag until it moves again."""
        tag.leg = None
        tag.shadow = spread(self._random, self.radio.shadowing, len(self.mounts))
        for index, mount in enumerate(self.mounts):
            distance = math.dist(tag.place, (mount.x, mount.y))
            rssi = self.radio.mean(distance) + self._gain[index] + tag.shadow[index]
            if self.radio.audible(rssi):
                self._still[index][tag.epc] = Link(rssi, phase(distance, self._random.uniform(0, 360)))
        others = sorted({mount.zone for mount in self.mounts if mount.zone} - {tag.zone})
        if tag.stay is not None and others:
            self.move(tag.epc, self._random.choice(others), now + self._random.expovariate(1 / tag.stay))

    def _set_out(self, epc: bytes, to: str | Position, now: float, speed: float) -> None:
        tag = self._tags.get(epc)
        if tag is None:
            return
        origin = tag.leg.at(now) if tag.leg else tag.place
        self._forget(epc, now, keep=True)
        goal = self._point(to)
        leg = Leg(now, now + math.dist(origin, goal) / speed, origin, goal)
        tag.leg, tag.place = leg, goal
        self._moving[epc] = tag
        self._cross(tag, leg)
        self._at(leg.end, lambda end: self._arrive(epc, leg, end))

    def _arrive(self, epc: bytes, leg: Leg, now: float) -> None:
        tag = self._moving.get(epc)
        if tag is not None and tag.leg is leg:
            del self._moving[epc]
            self._stand(tag, now)

    def _vanish(self, epc: bytes, now: float) -> None:
        tag = self._tags.get(epc)
        if tag is not None:
            self._forget(epc, now)
            if tag.zone is not None:
                self._truth.append(Change(now, epc, None))

    def _forget(self, epc: bytes, now: float, *, keep: bool = False) -> None:
        """Ends a stand or a way at `now`: what the tag would have done after it does not come true."""
        tag = self._tags.get(epc) if keep else self._tags.pop(epc, None)
        if self._moving.pop(epc, None) is not None and tag is not None:
            self._truth = [change for change in self._truth if change.epc != epc or change.time <= now]
            zones = [change.zone for change in self._truth if change.epc == epc and change.direction is None]
            tag.zone = zones[-1] if zones else None
        for links in self._still:
            links.pop(epc, None)

    def _zone_at(self, place: Position) -> str | None:
        """The zone of the nearest antenna, out to 6 m; between doors and aisles there is none."""
        nearest = min(self.mounts, key=lambda mount: math.dist(place, (mount.x, mount.y)))
        return nearest.zone if math.dist(place, (nearest.x, nearest.y)) <= 6.0 else None

    def _note(self, tag: _Tag, zone: str | None, time: float) -> None:
        if zone is not None and zone != tag.zone:
            self._truth.append(Change(time, tag.epc, zone))
            tag.zone = zone

    def _cross(self, tag: _Tag, leg: Leg) -> None:
        """Writes down every border and door on the way, to 20 ms."""
        steps = max(math.ceil((leg.end - leg.start) / 0.02), 1)
        before = leg.origin
        for step in range(1, steps + 1):
            time = leg.start + (leg.end - leg.start) * step / steps
            here = leg.at(time)
            for door in self.doors:
                if (before[0] < door.x) != (here[0] < door.x) and abs(here[1] - door.y) <= door.width / 2:
                    self._pass(tag, door, "in" if here[0] >= door.x else "out", time)
            self._note(tag, self._zone_at(here), time)
            before = here

    def _pass(self, tag: _Tag, door: Door, direction: Literal["in", "out"], time: float) -> None:
        self._truth.append(Change(time, tag.epc, door.name, direction))
        if direction == "out" and tag.zone is not None:
            self._truth.append(Change(time, tag.epc, None))
            tag.zone = None

    def _hear_still(self, index: int, now: float) -> list[Heard]:
        random, gauss, chance = self._random.random, self._random.gauss, self.radio.chance
        fading, tags = self.radio.fading, self._tags
        heard = []
        for epc, link in self._still[index].items():
            rssi = gauss(link.rssi, fading)
            if random() >= chance(rssi):
                continue
            tag = tags[epc]
            if self.radio.blocked and self._is_blocked(tag, now):
                continue
            heard.append(Heard(epc, rssi, (link.phase + gauss(0, 3.0)) % 360.0, gauss(0, 0.3), tag.pc, tag.tid))
        return heard

    def _hear_moving(self, index: int, now: float) -> list[Heard]:
        mount, radio, random = self.mounts[index], self.radio, self._random
        heard = []
        for tag in self._moving.values():
            assert tag.leg is not None
            distance = math.dist(tag.leg.at(now), (mount.x, mount.y))
            mean = radio.mean(distance) + self._gain[index]
            if not radio.audible(mean) or (radio.blocked and self._is_blocked(tag, now)):
                continue
            rssi = random.gauss(mean, radio.carried_fading)
            if random.random() < radio.chance(rssi):
                closing = (distance - math.dist(tag.leg.at(now + 0.1), (mount.x, mount.y))) / 0.1
                heard.append(
                    Heard(tag.epc, rssi, phase(distance, random.gauss(0, 5)), doppler(closing), tag.pc, tag.tid)
                )
        return heard

    def _is_blocked(self, tag: _Tag, now: float) -> bool:
        if now >= tag.blocked and self._random.random() < self.radio.blocked:
            tag.blocked = now + self._random.uniform(3, 25)
        return now < tag.blocked
