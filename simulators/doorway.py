"""Doors with known truth: tags are carried past antennas on two sides of a door line, or stand near it.

Pure: positions in metres, times in seconds. `x` runs through the doors: below 0 is outside, above it inside; doors lie
side by side along `y`. One reader serves its antennas in turn, a slot each, and a slot holds so many reads and no more:
who comes with a hundred others is read less often. Everything random comes from the seed.

>>> door = Doorway([Antenna("reader", 1, "dock", -1.5, 1.5), Antenna("reader", 2, "dock", 1.5, 1.5)], seed=1)
>>> door.carry({"a": (0.0, 0.0)}, [(10.0, -8.0, 0.0), (14.0, 8.0, 0.0)])
>>> [(crossing.tag, crossing.direction, crossing.time) for crossing in door.truth()]
[('a', 'in', 12.0)]
>>> {heard.antenna for heard in door.heard()}
{1, 2}
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Literal, NamedTuple

import msgspec

from simulators.radio import Radio, doppler, phase

Waypoint = tuple[float, float, float]
"""When, x, y: in between the way is straight and its speed even."""


class Antenna(NamedTuple):
    """An antenna of a reader at a door. It hears `beam` dB less behind it than where it looks (`facing`, degrees)."""

    reader: str
    antenna: int
    door: str
    x: float
    y: float
    facing: float = 0.0
    beam: float = 0.0


class Heard(NamedTuple):
    """One read: dBm, degrees, and Hz (positive: it comes nearer)."""

    time: float
    reader: str
    antenna: int
    tag: str
    rssi: float
    phase: float
    doppler: float


class Crossed(NamedTuple):
    """The truth: a tag went through the door line. All that one load carried through it share `load`."""

    time: float
    tag: str
    door: str
    direction: Literal["in", "out"]
    load: int


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How a reader works: seconds an antenna is on at a time, reads that fit into that, share of reads lost."""

    slot: float = 0.05
    room: int = 20
    lost: float = 0.0


class _Carried(msgspec.Struct):
    """A tag on its way: where it sits in its load, how well it answers, and its fading, which changes with the way."""

    tag: str
    load: int
    offset: tuple[float, float]
    way: Sequence[Waypoint]
    gain: float
    fading: dict[int, tuple[float, float, float]]
    blocked: float = -math.inf

    def at(self, time: float) -> tuple[float, float] | None:
        """Where it is; None before and after its way."""
        for (begin, x0, y0), (end, x1, y1) in pairwise(self.way):
            if begin <= time < end:
                share = (time - begin) / (end - begin)
                return x0 + (x1 - x0) * share + self.offset[0], y0 + (y1 - y0) * share + self.offset[1]
        return None


class Doorway:
    """Doors, their antennas, and what is carried through them."""

    def __init__(
        self,
        antennas: Sequence[Antenna],
        *,
        doors: Mapping[str, float] | None = None,
        width: float = 4.0,
        radio: Radio | None = None,
        pace: Pace | None = None,
        seed: int | str = 0,
    ) -> None:
        """`doors`: the middle of each along y, 0 unless said; an opening is `width` metres."""
        self.antennas = tuple(antennas)
        self.radio, self.pace = radio or Radio(), pace or Pace()
        self.doors = dict(doors or {antenna.door: 0.0 for antenna in antennas})
        self._width = width
        self._random = Random(f"{seed}")  # noqa: S311 - a simulation has to be repeatable
        self._gain = [self._random.gauss(0, self.radio.gain_error) for _ in self.antennas]
        self._carried: list[_Carried] = []
        self._loads = 0

    def carry(self, tags: Mapping[str, tuple[float, float]], way: Sequence[Waypoint]) -> None:
        """A load of tags, each at its place in it (m), goes this way. Before and after it nobody hears it."""
        self._loads += 1
        for tag, offset in tags.items():
            gain = self._random.gauss(0, self.radio.shadowing)
            self._carried.append(_Carried(tag, self._loads, offset, tuple(way), gain, {}))

    def truth(self) -> list[Crossed]:
        """All crossings of door lines, in order of time."""
        return sorted(crossing for one in self._carried for crossing in self._crossings(one))

    def _crossings(self, one: _Carried) -> Iterator[Crossed]:
        for (begin, x0, y0), (end, x1, y1) in pairwise(one.way):
            before, after = x0 + one.offset[0], x1 + one.offset[0]
            if (before < 0.0) == (after < 0.0):
                continue
            share = -before / (after - before)
            y = y0 + (y1 - y0) * share
            for door, middle in self.doors.items():
                if abs(y - middle) <= self._width / 2:
                    way: Literal["in", "out"] = "in" if after > before else "out"
                    yield Crossed(begin + (end - begin) * share, one.tag, door, way, one.load)

    def heard(self) -> list[Heard]:
        """All reads of all readers, in order of time."""
        return sorted(heard for reader in {one.reader: None for one in self.antennas} for heard in self._rounds(reader))

    def _rounds(self, reader: str) -> Iterator[Heard]:
        turns = [index for index, antenna in enumerate(self.antennas) if antenna.reader == reader]
        pending = sorted(self._carried, key=lambda one: one.way[0][0])
        present: list[_Carried] = []
        time, turn = -math.inf, 0
        while pending or present:
            if not present:
                time = max(time, pending[0].way[0][0])
            while pending and pending[0].way[0][0] <= time:
                present.append(pending.pop(0))
            present = [one for one in present if one.way[-1][0] > time]
            yield from self._slot(turns[turn % len(turns)], present, time)
            time, turn = time + self.pace.slot, turn + 1

    def _slot(self, index: int, present: Sequence[_Carried], begin: float) -> Iterator[Heard]:
        """One antenna's turn: each tag answers once at most, and so many as there is room for."""
        answers = [
            one for one in present if (level := self._level(index, one, begin)) is not None and self._hears(level)
        ]
        answers = self._random.sample(answers, min(len(answers), self.pace.room))
        for place, one in enumerate(answers):
            time = begin + self.pace.slot * (place + self._random.random()) / self.pace.room
            level = self._level(index, one, begin)
            if level is not None:
                yield self._read(index, one, time, level)

    def _hears(self, level: float) -> bool:
        return self._random.random() < self.radio.chance(level) * (1.0 - self.pace.lost)

    def _level(self, index: int, one: _Carried, time: float) -> float | None:
        """dBm at this antenna; None if the tag is not there or something stands before it."""
        here = one.at(time)
        if here is None or self._is_blocked(one, time):
            return None
        antenna = self.antennas[index]
        across, along = here[1] - antenna.y, here[0] - antenna.x
        away = math.radians(antenna.facing) - math.atan2(across, along)
        mean = self.radio.mean(math.hypot(along, across)) + self._gain[index] + one.gain
        return mean - antenna.beam * (1.0 - math.cos(away)) / 2.0 + self._faded(index, one, here)

    def _faded(self, index: int, one: _Carried, here: tuple[float, float]) -> float:
        """Fading belongs to a place: half a wave further on it is another, and who stands keeps his but for noise."""
        radio, (x, y) = self.radio, here
        before = one.fading.get(index)
        if before is None or math.hypot(x - before[0], y - before[1]) > 0.16:
            before = one.fading[index] = x, y, self._random.gauss(0, radio.carried_fading)
        return before[2] + self._random.gauss(0, radio.fading / 2)

    def _is_blocked(self, one: _Carried, time: float) -> bool:
        if self.radio.blocked and time >= one.blocked and self._random.random() < self.radio.blocked:
            one.blocked = time + self._random.uniform(3.0, 25.0)
        return time < one.blocked

    def _read(self, index: int, one: _Carried, time: float, level: float) -> Heard:
        antenna = self.antennas[index]
        near, soon = self._distance(antenna, one, time), self._distance(antenna, one, time + 0.02)
        turned = phase(near, self._random.gauss(0, 5.0))
        shift = doppler((near - soon) / 0.02) + self._random.gauss(0, 3.0)
        return Heard(time, antenna.reader, antenna.antenna, one.tag, round(level * 2) / 2, turned, shift)

    @staticmethod
    def _distance(antenna: Antenna, one: _Carried, time: float) -> float:
        x, y = one.at(time) or one.at(one.way[0][0]) or (antenna.x, antenna.y)
        return math.hypot(x - antenna.x, y - antenna.y)
