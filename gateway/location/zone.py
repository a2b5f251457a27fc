"""The rule of zones: which zone explains what a tag's antennas heard. Bookkeeping is in `presence`.

Each antenna's level is a mean that forgets with `TAU` and is drawn to `FLOOR` where few reads support it, so that one
lucky read does not outweigh many, and an antenna that fell silent fades. A zone fits a tag as well as the best of its
antennas, by what the floor has taught of who hears what of whom (`radiomap`); before that, by the loudest antenna.
A tag moves when another zone leads by the hysteresis for the dwell time; it moved when that zone took the lead, less
what the mean lags behind.

Time here is evidence time: it runs only while somebody hears the tag. Someone who stands in the way silences all
antennas alike, and that moves nothing.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Container
from operator import mul

import msgspec

from gateway.location.floor import NO_LEVEL, Floor, Place
from gateway.location.outcome import Key
from gateway.location.radiomap import RadioMap
from gateway.model import Identity, ReadPoint

TAU = 2.0
"""Seconds in which a read loses 63 % of its weight. Measured: longer averages decide later, not better."""

FLOOR = -85.0
"""dBm that silence is worth: where a reader of today stops hearing a passive tag. Weaker reads lower it."""

DEEPEST = -110.0
"""dBm below which a level is a fault of the device, not a lesson."""

SUPPORT = 0.5
"""Reads that the floor weighs."""

NOMINAL = -60.0
"""dBm taken for a read without a level, so that the number of reads decides."""

LAG = 0.75 * TAU
"""Seconds by which a mean that forgets so turns after what it follows: TAU on a steady way, 0.7 of it at a jump."""

SETTLED = 4.0
"""Seconds of evidence time after which a tag that no other zone claimed teaches how one that stands there is heard."""

_LONGEST = 1.0
"""Seconds of evidence time that a silence lasts at most."""

_PAUSE = 0.25
"""Seconds of evidence time between two looks at a tag that no other zone claims."""

_REBASE = 60.0
"""Time constants after which weights are written anew, long before they grow beyond a float."""

_CLOCK, _TURNED, _LEADING, _HEAD = 0, 1, 2, 3
"""Of a tag's evidence: its time, when the rival took the lead, and since when it leads by the hysteresis.

Where there is no rival: the evidence time at which it teaches (infinite if it has), and that of the next look. The
time at which a rival took the lead is negative if the stand has taught."""

_WEIGHT, _TOTAL, _LAST, _READS, _PEAK, _STRIDE = 0, 1, 2, 3, 4, 5
"""Of each antenna: sum of weights, sum of weighted levels, its last read, reads and peak since the last transition."""

_UNHEARD = array("d", (0.0, 0.0, 0.0, 0.0, NO_LEVEL))


class Tag(msgspec.Struct, gc=False, weakref=False, kw_only=True):
    """A tag in the zones. `ports` holds the letters of the antennas that heard it, `levels` a row of numbers for each.

    `here` is the zone it is in (-1: not decided), `rival` the one that may take it. `placed` is the eventTime of its
    last transition, `decided` the time up to which it was decided, `written` the last_seen that is stored.
    """

    identity: Identity
    key: Key | None
    armed: float = -math.inf
    ports: str = ""
    levels: array[float]
    here: int = -1
    rival: int = -1
    first_seen: float
    last_seen: float
    placed: float = -math.inf
    decided: float = -math.inf
    written: float


class ZoneRule:
    """Weighs evidence. Zones are numbered as they appear and keep their number."""

    def __init__(self, floor: Floor) -> None:
        self.zones: list[ReadPoint] = []
        self.numbers: dict[str, int] = {}
        self.letters: list[str] = []
        """The antennas of each zone."""
        self.alone = False
        """With one zone there is nothing to weigh."""
        self._zone_of: dict[str, int] = {}
        self._layouts: dict[str, str] = {}
        self._floor = FLOOR
        self._map = RadioMap()
        self.replace(floor)

    def replace(self, floor: Floor) -> None:
        """Take the zones and antennas of a new configuration."""
        for point in floor.points.values():
            if point.kind == "zone":
                number = self.numbers.setdefault(point.name, len(self.zones))
                self.zones[number : number + 1] = [point]
        for place in floor.places:
            if place.point.kind == "zone":
                self._zone_of[place.letter] = self.numbers[place.point.name]
        self.letters = [floor.letters(zone.name, "zone") for zone in self.zones]
        self.alone = sum(map(bool, self.letters)) == 1
        self._map.replace(self._zone_of, [letter for letters in self.letters for letter in letters])

    def stands(self, tag: Tag, heard: str, standing: str, elsewhere: Container[str]) -> bool:
        """Whether there still is the zone it is in, by new rules: where it was told, and with what `heard` it."""
        zone = self.zones[tag.here]
        return bool(self.letters[tag.here]) and zone.name not in elsewhere and _some_stand(heard, standing)

    def evidence(self) -> array[float]:
        """That of a tag of which nothing is known yet."""
        return array("d", (0.0, SETTLED, 0.0))

    def settle(self, tag: Tag) -> None:
        """The tag was placed in a zone: a new stand begins."""
        tag.levels[_TURNED] = tag.levels[_CLOCK] + SETTLED
        tag.levels[_LEADING] = 0.0

    def hear(self, tag: Tag, place: Place, level: float, step: float) -> None:
        """One read's evidence, `step` seconds after the one before (`tag.last_seen` is already its time, if later).

        Reads out of order have a negative step, and weigh as old as they are.
        """
        levels = tag.levels
        clock = levels[_CLOCK]
        if step > 0.0:
            clock += step if step < _LONGEST else _LONGEST  # noqa: FURB136 - a call is slow, per read
            if clock > _REBASE * TAU:
                clock = _rebase(tag, clock)
            levels[_CLOCK] = clock
            step = 0.0
        at = tag.ports.find(place.letter)
        if at >= 0:
            at = _HEAD + at * _STRIDE
        else:
            at = self._add(tag, place.letter)
            levels = tag.levels
        weight = math.exp((clock + step) / TAU)
        levels[at] += weight
        levels[at + _TOTAL] += weight * (level if level > NO_LEVEL else NOMINAL)
        levels[at + _LAST] = max(levels[at + _LAST], tag.last_seen + step)
        levels[at + _READS] += 1.0
        if level > levels[at + _PEAK]:  # noqa: PLR1730 - a call is slow, per read
            levels[at + _PEAK] = level
        if DEEPEST < level < self._floor:
            self._floor = level

    def _add(self, tag: Tag, letter: str) -> int:
        ports = tag.ports + letter
        # Tags heard by the same antennas share one string.
        tag.ports = self._layouts.setdefault(ports, ports) if len(self._layouts) < 10_000 else ports
        at = len(tag.levels)
        # Not extended in place: that would reserve room for more.
        tag.levels = tag.levels + _UNHEARD
        return at

    def best(self, tag: Tag) -> int:
        """The zone that explains the evidence best."""
        return self._leader(tag, -1)[0]

    def contest(self, tag: Tag, place: Place) -> bool:
        """After a read at `place`: whether the tag has moved from `here` to `rival`, at `turned`."""
        here, levels = tag.here, tag.levels
        if tag.rival < 0:
            clock = levels[_CLOCK]
            if clock >= levels[_TURNED]:
                self._teach(tag)
            if self._zone_of[place.letter] == here or clock < levels[_LEADING]:
                return False
        leader, lead = self._leader(tag, here)
        if leader == here or lead <= 0.0:
            if tag.rival >= 0:
                levels[_TURNED] = math.inf if levels[_TURNED] < 0.0 else levels[_CLOCK] + SETTLED
                tag.rival = -1
            levels[_LEADING] = levels[_CLOCK] + _PAUSE
            return False
        if tag.rival != leader:
            taught = levels[_TURNED] == math.inf if tag.rival < 0 else levels[_TURNED] < 0.0
            tag.rival = leader
            levels[_TURNED] = math.copysign(max(tag.last_seen - LAG, 1e-9), -1.0 if taught else 1.0)
            levels[_LEADING] = math.inf
        zone = self.zones[leader]
        if lead < zone.hysteresis_db:
            levels[_LEADING] = math.inf
            return False
        if levels[_LEADING] == math.inf:
            levels[_LEADING] = levels[_CLOCK]
        return levels[_CLOCK] - levels[_LEADING] >= zone.dwell and self.reads(tag, leader) >= zone.min_reads

    def _levels(self, tag: Tag) -> list[float]:
        """dB above silence at each antenna that heard the tag."""
        levels, floor = tag.levels, self._floor
        prior = SUPPORT * math.exp(levels[_CLOCK] / TAU)
        return [
            (total - weight * floor) / (weight + prior)
            for weight, total in zip(levels[_HEAD::_STRIDE], levels[_HEAD + _TOTAL :: _STRIDE], strict=True)
        ]

    def _fits(self, tag: Tag, here: int) -> list[tuple[float, int, str]]:
        """(score, zone, letter) of each cell the tag may be in."""
        heard = self._levels(tag)
        return [
            (silence + sum(map(mul, weights, heard)), zone, cell)
            for zone, cell, silence, weights in self._map.rows(tag.ports, here)
        ]

    def _leader(self, tag: Tag, here: int) -> tuple[int, float]:
        """(zone that fits best, its lead in dB over `here`)."""
        most = own = -math.inf
        leader, first, second = here, "", ""
        for score, zone, cell in self._fits(tag, here):
            if score > most:
                most, leader, first = score, zone, cell
            if zone == here and score > own:
                own, second = score, cell
        if leader == here or not second:
            return leader, math.inf if leader != here else 0.0
        return leader, (most - own) / self._map.apart(first, second)

    def _teach(self, tag: Tag) -> None:
        """It stands where it is: learn how one that stands there is heard."""
        tag.levels[_TURNED] = math.inf
        own = [(score, cell) for score, zone, cell in self._fits(tag, tag.here) if zone == tag.here]
        if own and any(letter in tag.ports for _, letter in own):
            self._map.learn(max(own)[1], tag.ports, self._levels(tag))

    def strengths(self, tag: Tag) -> list[tuple[str, float]]:
        """(zone, dB) of what is weighed for a tag now, the strongest first; zones that never heard it are left out.

        The first is the level of its antenna in dBm, drawn to the floor where reads are few or old; by how much the
        others are less is what is held against the hysteresis. For people and tools.
        """
        best: dict[int, tuple[float, str]] = {}
        for score, zone, cell in self._fits(tag, -1):
            best[zone] = max((score, cell), best.get(zone, (score, cell)))
        if not best:
            return []
        most, leader = max(best.values())
        level = self._floor + self._levels(tag)[tag.ports.index(leader)]
        found = [
            (self.zones[zone].name, level - (most - score) / self._map.apart(leader, cell))
            for zone, (score, cell) in best.items()
        ]
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def learned(self) -> list[tuple[str, float]]:
        """(letter of the antenna, dB) that was learned to be added to its levels, the configured offset left aside."""
        return [(letter, -gain) for letter, gain in self._map.gains.items()]

    def turned(self, tag: Tag) -> float:
        """When the rival took the lead."""
        return abs(tag.levels[_TURNED])

    def reads(self, tag: Tag, zone: int) -> int:
        """Reads in that zone since the last transition."""
        levels, found = tag.levels, 0.0
        for index, letter in enumerate(tag.ports):
            if self._zone_of[letter] == zone:
                found += levels[_HEAD + index * _STRIDE + _READS]
        return int(found)

    def heard_since(self, tag: Tag, time: float) -> str:
        """Letters of the antennas that heard the tag since then."""
        levels = tag.levels
        return "".join(
            letter for index, letter in enumerate(tag.ports) if levels[_HEAD + index * _STRIDE + _LAST] >= time
        )

    def after(self, tag: Tag, letter: str, time: float) -> int:
        """The zone that has the tag, since `time`, now that one antenna has it no more: `here` if nothing has changed.

        It is that of the antenna that heard the tag last, and no earlier than the one that has it no more; -1 if none.
        """
        levels = tag.levels
        last = {each: levels[_HEAD + index * _STRIDE + _LAST] for index, each in enumerate(tag.ports)}
        left = last.pop(letter, -math.inf)
        if left > time:
            return tag.here
        newest = max(last, key=lambda each: last[each], default="")
        if not newest or last[newest] < left:
            return -1
        levels[_TURNED] = time
        return self._zone_of[newest]

    def tally(self, tag: Tag) -> list[tuple[str, int, float]]:
        """(letter, reads, peak) of each antenna that heard the tag since the last transition; the count starts anew."""
        levels = tag.levels
        out: list[tuple[str, int, float]] = []
        for index, letter in enumerate(tag.ports):
            at = _HEAD + index * _STRIDE
            if levels[at + _READS]:
                out.append((letter, int(levels[at + _READS]), levels[at + _PEAK]))
                levels[at + _READS] = 0.0
                levels[at + _PEAK] = NO_LEVEL
        return out

    def keep(self, tag: Tag, letters: str) -> None:
        """Drop the evidence of all antennas but these."""
        if all(letter in letters for letter in tag.ports):
            return
        old, ports = tag.levels, tag.ports
        tag.ports, tag.levels, tag.rival = "", old[:_HEAD], -1
        tag.levels[_TURNED], tag.levels[_LEADING] = math.inf, 0.0
        for index, letter in enumerate(ports):
            if letter in letters:
                at = _HEAD + index * _STRIDE
                tag.ports += letter
                tag.levels.extend(old[at : at + _STRIDE])


def _rebase(tag: Tag, clock: float) -> float:
    levels = tag.levels
    factor = math.exp(-clock / TAU)
    for at in range(_HEAD, len(levels), _STRIDE):
        levels[at] *= factor
        levels[at + _TOTAL] *= factor
    levels[_LEADING] -= clock
    if tag.rival < 0:
        levels[_TURNED] -= clock
    return 0.0


def _some_stand(heard: str, standing: str) -> bool:
    """Whether any antenna that heard a tag still stands, or it is only known from before."""
    return not heard or any(letter in standing for letter in heard)
