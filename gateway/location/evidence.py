"""What the reads of one tag, or of all tags of a load, say about a door: when it was in it, and which way it went.

Two figures, and neither needs to know how far apart the antennas are, how fast it was, or how much stronger one of them
hears than another:

- `lead`: how far the sides' mean times lie apart, weighted by linear power, in standard deviations of all times. A tag
  is strongest where it passes closest, so coming in the outside's mean is the earlier one. Who turns back, or stands,
  has both in the middle.
- `turn`: by how many dB the balance of the sides differs between before and after the middle. Who turns back leaves
  the door as he came to it.

One tag among a hundred is read a few times only; that they are carried together is what makes them sure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from gateway.location import doppler
from gateway.location.crossing import MOST, Crossing, Run
from gateway.location.floor import NO_LEVEL
from gateway.location.zone import NOMINAL
from gateway.model import Identity, Side

TURN: Final = 13.0
"""dB by which the balance of a door's sides turns while something crosses, as a rule: the unit of `turn`."""

MOST_TURN: Final = 1.6
"""A turn beyond it says nothing more."""

DEPENDENT: Final = 2.0
"""Reads that say as much as one that is independent of the last: fading belongs to a place, not to a read."""

_ASIDE: Final = 0.5
"""Standard deviations beside the middle from which reads are before or after it."""

_BLUR: Final = 0.02
"""Share of all power that each side has at any time, as far as the balance is concerned."""

FLAT: Final = 5.0
"""dB by which the level of a tag that stands seems to change, at most."""

MANY: Final = 10
"""Reads of one antenna from which that can be said."""

STANDS: Final = 3.0
"""dB above the mean level of one that stands, which its noise hardly reaches."""

CHUNK: Final = 3
"""Reads that are averaged, at least, to see that change."""

PEAK: Final = 10
"""Best reads that say how strong a side heard what passed, at most."""

FAINT: Final = -90.0
"""dBm: a side that did not hear it."""


class Evidence(msgspec.Struct, gc=False):
    """One run of one tag, weighed.

    `centre` and `spread` are mean and deviation of its times, `middle` the best estimate of when it was in the door;
    `apart` is by how much inside came after outside (s), `noise` the variance of that in squares of the spread;
    `powers` sums inside and outside before the middle, then after it; `peaks` is how strong inside and outside heard
    it, `swing` by how many dB that changed (None: too few reads to say), `rise` by how many it
    grew inside and outside.
    """

    tag: Crossing
    run: Run
    identity: Identity
    first: float
    last: float
    tally: dict[int, tuple[int, float]]
    centre: float
    middle: float
    spread: float
    apart: float
    noise: float
    powers: tuple[float, float, float, float]
    peaks: tuple[float, float]
    swing: float | None
    rise: tuple[float, float]

    @property
    def flat(self) -> bool:
        """Whether it surely stood: no antenna heard it come and go."""
        return self.swing is not None and self.swing < FLAT

    @property
    def known(self) -> bool:
        """Whether it was near the door before."""
        return self.tag.settled

    @property
    def both(self) -> bool:
        """Whether both sides heard it."""
        return self.noise < math.inf

    @property
    def sure(self) -> float:
        """`apart` in standard deviations of its own error."""
        return self.apart / (self.spread * math.sqrt(self.noise)) if self.both else 0.0


def weigh(tag: Crossing, run: Run, sides: Mapping[int, Side | None]) -> Evidence:
    """What one run says. A read without a level, or of an antenna without a side, counts as it can."""
    first, last = run[0].time, run[-1].time
    levels = [one.level if one.level > NO_LEVEL else NOMINAL for one in run]
    top = max(levels)
    sums = ([0.0] * 4, [0.0] * 4)
    tally: dict[int, tuple[int, float]] = {}
    for one, level in zip(run, levels, strict=True):
        side, since = sums[sides.get(one.letter) == "outside"], one.time - first
        weight = 10.0 ** ((level - top) / 10.0)
        side[0] += weight
        side[1] += weight * since
        side[2] += weight * since * since
        side[3] += weight * weight
        count, peak = tally.get(one.letter, (0, NO_LEVEL))
        tally[one.letter] = count + 1, max(peak, one.level)
    inside, outside = sums
    power = inside[0] + outside[0]
    centre = (inside[1] + outside[1]) / power
    spread = math.sqrt(max((inside[2] + outside[2]) / power - centre * centre, 1e-4))
    apart, noise, middle = _apart(run, inside, outside, spread, sides) or (0.0, math.inf, centre)
    return Evidence(
        tag,
        run,
        tag.identity,
        first,
        last,
        tally,
        first + centre,
        min(max(first + middle, first), last),
        spread,
        apart,
        noise,
        _balance(run, levels, sides, first + centre, spread, top),
        (_peak(run, levels, sides, "inside"), _peak(run, levels, sides, "outside")),
        *_swing(run, levels, sides),
    )


def arrival(run: Run, since: float, sides: Mapping[int, Side | None], tag: Crossing) -> Evidence:
    """What a run says of the way to where the tag stands since: only what was heard louder than it is heard there. If
    it surely stood before, too, all of it."""
    come = [one for one in run if one.time <= since]
    whole = weigh(tag, come, sides)
    if whole.flat:
        return whole
    stands: dict[int, list[float]] = {}
    for one in run[len(come) :]:
        stands.setdefault(one.letter, []).append(one.level)
    least = {letter: sum(levels) / len(levels) + STANDS for letter, levels in stands.items()}
    louder = [one for one in come if one.level >= least.get(one.letter, NO_LEVEL)]
    if len(louder) < MANY:
        return whole
    way = weigh(tag, louder, sides)
    names = ("centre", "middle", "spread", "apart", "noise", "powers")
    return msgspec.structs.replace(whole, **{name: getattr(way, name) for name in names}) if way.both else whole


def _apart(
    run: Run, inside: list[float], outside: list[float], spread: float, sides: Mapping[int, Side | None]
) -> tuple[float, float, float] | None:
    """How far the sides' times lie apart, the variance of that in squares of the spread, and the middle; from power,
    its moments and its square on each side. None if one heard nothing."""
    if not (inside[0] and outside[0]):
        return None
    means = inside[1] / inside[0], outside[1] / outside[0]
    apart, middle = means[0] - means[1], (means[0] + means[1]) / 2.0
    noise = DEPENDENT * sum(side[3] / (side[0] * side[0]) for side in (inside, outside))
    shifted = doppler.apart(run, sides)
    if shifted is not None:
        weights = 1.0 / noise, spread * spread / shifted[1]
        apart = (apart * weights[0] + shifted[0] * weights[1]) / sum(weights)
        noise = 1.0 / sum(weights)
    return apart, noise, middle


def _balance(
    run: Run, levels: list[float], sides: Mapping[int, Side | None], centre: float, spread: float, top: float
) -> tuple[float, float, float, float]:
    sums = [0.0, 0.0, 0.0, 0.0]
    for one, level in zip(run, levels, strict=True):
        off = one.time - centre
        if abs(off) > _ASIDE * spread:
            sums[2 * (off > 0.0) + (sides.get(one.letter) == "outside")] += 10.0 ** ((level - top) / 20.0)
    return sums[0], sums[1], sums[2], sums[3]


def _swing(run: Run, levels: list[float], sides: Mapping[int, Side | None]) -> tuple[float | None, tuple[float, float]]:
    """By how many dB an antenna's level went up or down, and each side's up, noise averaged away; None if too few
    reads say it."""
    heard: dict[int, list[float]] = {}
    for one, level in zip(run, levels, strict=True):
        heard.setdefault(one.letter, []).append(level)
    swings, rises = [], [0.0, 0.0]
    third = (run[-1].time - run[0].time) / 3.0
    for letter, mine in heard.items():
        size = max(CHUNK, -(-len(mine) // 5))
        means = [sum(mine[at : at + size]) / size for at in range(0, len(mine) - size + 1, size)]
        if len(mine) >= MANY:
            times = [one.time for one in run if one.letter == letter]
            comes = times[0] > run[0].time + third or times[-1] < run[-1].time - third
            swings.append(math.inf if comes else max(means) - min(means))
        if means:
            side = sides.get(letter) == "outside"
            rises[side] = max(rises[side], max(means) - means[0])
    return max(swings, default=None), (rises[0], rises[1])


def range_of(run: Run) -> float:
    """By how many dB single reads of one antenna differ, at most; 0 if they have no levels."""
    heard: dict[int, list[float]] = {}
    for one in run:
        if one.level > NO_LEVEL:
            heard.setdefault(one.letter, []).append(one.level)
    return max((max(mine) - min(mine) for mine in heard.values()), default=0.0)


def _peak(run: Run, levels: list[float], sides: Mapping[int, Side | None], side: Side) -> float:
    """How strong a side heard it."""
    outside = side == "outside"
    mine = [level for one, level in zip(run, levels, strict=True) if (sides.get(one.letter) == "outside") == outside]
    return _best(mine, PEAK)


class Pooled(msgspec.Struct, frozen=True):
    """What all tags of a load say together: `score` is positive inwards, about 1 for a crossing, 0 for none; `error` is
    its standard deviation by chance."""

    score: float
    error: float
    spread: float
    centre: float


def pool(company: Iterable[Evidence]) -> Pooled:
    """Tags that are carried together, as one."""
    members = list(company)
    spread = _median([one.spread for one in members])
    centre = _median([one.middle for one in members])
    both = [one for one in members if one.both]
    if not both:
        return Pooled(0.0, math.inf, spread, centre)
    weight = sum(1.0 / one.noise for one in both)
    lead = sum(one.apart / one.noise for one in both) / (weight * _median([one.spread for one in both]))
    return Pooled(_score(lead, _turn(members)), 1.0 / math.sqrt(weight), spread, centre)


def _turn(members: Iterable[Evidence]) -> float:
    powers = [sum(of) for of in zip(*(one.powers for one in members), strict=True)]
    blur = _BLUR * sum(powers) + 1e-12
    a, b, c, d = (power + blur for power in powers)
    return max(-MOST_TURN, min(MOST_TURN, 20.0 * math.log10(c * b / (d * a)) / TURN))


def _score(lead: float, turn: float) -> float:
    if lead * turn <= 0.0:
        return (lead + turn) / 4.0
    low, high = sorted((abs(lead), abs(turn)))
    return math.copysign((2.0 * low + high) / 3.0, lead)


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2.0


def peaks_until(tag: Crossing, until: float, sides: Mapping[int, Side | None], most: int = MOST) -> tuple[float, float]:
    """How strong inside and outside heard a tag: the mean of each one's best third, but of so many reads at most."""
    heard: tuple[list[float], list[float]] = ([], [])
    for time, letter, level in zip(tag.times, tag.letters, tag.levels, strict=True):
        if time < until:
            heard[sides.get(letter) == "outside"].append(level if level > NO_LEVEL else NOMINAL)
    return _best(heard[0], most), _best(heard[1], most)


def _best(levels: list[float], most: int) -> float:
    best = sorted(levels)[-min(max(len(levels) // 3, 1), most) :]
    return sum(best) / len(best) if best else FAINT
