"""Who crossed a door together, and which way: the rule of portals.

Runs are set apart by when they were in the door, then each company is asked as one which way it went. A tag follows its
company unless it has strong evidence of its own to the contrary. What a single tag cannot say, a load can.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

import msgspec

from gateway.location.comoving import Profiles
from gateway.location.evidence import Evidence, Pooled, pool, range_of
from gateway.model import Direction, Side

CLEAR: Final = 0.2
"""Score from which a company crossed, beside its error. Loads that cross have 0.4 to 1.5, who turns back up to 0.2."""

ERROR: Final = 0.2
"""What of its error is added to that, up to half of it."""

ASIDE: Final = 12.0
"""dB by which one side hears better what turned before its antenna; of that half as much more is asked."""

FIRM: Final = 0.5
"""Score from which one tag's own evidence counts against its company's, if that is `SURE` deviations from chance."""

SURE: Final = 1.5

VAGUE: Final = 0.15
"""Score below which nothing crossed."""

WEAK: Final = 0.5
"""Error of a score from which a passage of unknown direction is told rather than none."""

SHORT: Final = 0.5
"""Seconds: heard on both sides within this, a tag was too fast for its direction to be known."""

APART: Final = 2.4
"""Spreads of time between two loads that are two: what follows a forklift at once is a few metres behind it."""

CLUSTERED: Final = 4.0
"""Deviations inside of two groups by which their means lie apart if they are two."""

CAUTIOUS: Final = 0.55
"""Share of its given error, which allows for reads that depend, that a tag of many reads has among its load."""

HANDFUL: Final = 12
"""Reads below which it has all of it."""

GAIN: Final = 3.0
"""By how much likelier (natural logarithm) each tag of the lesser of two loads makes that they are two."""

COME: Final = 10.0
"""dB by which single reads of an antenna differ while a tag comes and goes; less may be noise of one that stands."""

FEW: Final = 16
"""Reads of a load below which something hidden which stands could explain them."""

ENOUGH: Final = 5
"""Reads from which so few say which way."""

FADE: Final = 7.0
"""dB by which a load that has gone through is below its strongest on the side it came from."""

SETTLED: Final = 3.0
"""Seconds after its middle from which a load that is still heard may have gone through, and `LONG` spreads."""

LONG: Final = 2.0

LATELY: Final = 1.5
"""Seconds that this is looked at."""


def clear(whole: Pooled) -> float:
    """The score from which a company crossed."""
    return CLEAR + ERROR * min(whole.error, CLEAR / ERROR / 2.0)


class Decided(msgspec.Struct):
    """What crossed together; all others did not."""

    direction: Direction
    members: list[Evidence]
    centre: float
    spread: float

    @property
    def rise(self) -> float:
        """By how many dB it came nearer, as most of its members say."""
        return self._most(lambda one: max(one.rise))

    @property
    def came(self) -> float:
        """The same on the side it came from."""
        return self._most(lambda one: one.rise[self.direction == "in"])

    def _most(self, what: Callable[[Evidence], float]) -> float:
        return sorted(map(what, self.members))[len(self.members) // 2]


def companies(runs: Iterable[Evidence]) -> list[list[Evidence]]:
    """Runs by when they were in the door, in order of time. What is left of who has gone through is apart."""
    runs = list(runs)
    rest = [one for one in runs if one.tag.rest]
    return _companies([one for one in runs if not one.tag.rest]) + _companies(rest)


def _companies(runs: list[Evidence]) -> list[list[Evidence]]:
    """What was heard too little to say goes with its like."""
    found = list(_apart(sorted(runs, key=lambda one: (one.middle, one.identity.uri))))
    if len(found) < 2:
        return found
    strong = [company for company in found if pool(company).error <= WEAK]
    for company in found:
        if strong and not any(company is one for one in strong):
            nearest = min(strong, key=lambda one: abs(_centre(one) - _centre(company)))
            if _field(nearest)[0] <= _centre(company) <= _field(nearest)[1]:
                nearest += company
            else:
                strong.append(company)
    return strong or found


def _centre(company: list[Evidence]) -> float:
    return company[len(company) // 2].middle


def _field(company: list[Evidence]) -> tuple[float, float]:
    """From when until when most of a company were heard."""
    firsts, lasts = sorted(one.first for one in company), sorted(one.last for one in company)
    return firsts[len(firsts) // 4], lasts[(3 * len(lasts)) // 4]


def _apart(ordered: list[Evidence]) -> Iterator[list[Evidence]]:
    at = _cut(ordered) if len(ordered) > 1 else None
    if at is None:
        if ordered:
            yield ordered
        return
    yield from _apart(ordered[:at])
    yield from _apart(ordered[at:])


def _cut(ordered: list[Evidence]) -> int | None:
    """Where two groups differ most, if they are two: the cut that leaves the least variance inside."""
    times = [one.middle - ordered[0].middle for one in ordered]
    total, squares, count = sum(times), sum(time * time for time in times), len(times)
    best, least, left, left_squares = 1, math.inf, 0.0, 0.0
    for at in range(1, count):
        left += times[at - 1]
        left_squares += times[at - 1] ** 2
        right = total - left
        inside = left_squares - left * left / at + squares - left_squares - right * right / (count - at)
        if inside < least - 1e-12:
            best, least = at, inside
    means = sum(times[:best]) / best, sum(times[best:]) / (count - best)
    spread = sorted(one.spread for one in ordered)[count // 2]
    within = max(math.sqrt(max(least, 0.0) / count), APART / CLUSTERED * spread)
    return best if means[1] - means[0] > CLUSTERED * within else None


def settles(company: list[Evidence]) -> float:
    """From when it may be told that a load which is still heard has gone through."""
    whole = pool(company)
    return whole.centre + max(SETTLED, LONG * whole.spread)


def handful(company: list[Evidence]) -> bool:
    """Whether so few reads are all there is that something hidden which stands could explain them."""
    return sum(len(one.run) for one in company) < FEW


def evident(company: list[Evidence]) -> bool:
    """Whether a handful of reads say clearly that something crossed: none of it can be of what stands near the door."""
    if any(one.known for one in company) or sum(len(one.run) for one in company) < ENOUGH:
        return False
    return moved(company) and firm(company)


def chance(company: list[Evidence]) -> bool:
    """Whether what is heard first of a load may be chance alone."""
    if any(one.known for one in company) or evident(company):
        return False
    whole = pool(company)
    return clear(whole) <= abs(whole.score) < whole.error


def firm(company: list[Evidence]) -> bool:
    """Whether together they say firmly which way."""
    return abs(pool(company).score) >= FIRM


def moved(company: list[Evidence]) -> bool:
    """Whether most surely came or went."""
    return 2 * sum(one.both and range_of(one.run) >= COME for one in company) > len(company)


def gone(company: list[Evidence], sides: Mapping[int, Side | None]) -> list[Evidence]:
    """The load that has clearly gone through: the side it came from does not hear it any more as it did. Who was not
    heard with it is left out."""
    whole = pool(company)
    if abs(whole.score) < FIRM:
        return []
    came: Side = "outside" if whole.score > 0.0 else "inside"
    fades = {id(one): _faded(one, came, sides) for one in company}
    away = [one for one in company if fades[id(one)] >= FADE / 2.0]
    two = _apart_by([away, [one for one in company if fades[id(one)] < FADE / 2.0]])
    load = two[0] if two else company
    faded = sorted(fades[id(one)] for one in load)
    return load if faded[len(faded) // 2] >= FADE and _beyond(load, came, sides) else []


def _beyond(load: list[Evidence], came: Side, sides: Mapping[int, Side | None]) -> bool:
    """Whether it is heard better by now on the side it goes to: between antennas that look away both lose it."""
    sums = {True: [0.0, 0], False: [0.0, 0]}
    for one in load:
        for read in one.run:
            if read.time > one.last - LATELY:
                mine = sums[sides.get(read.letter) == came]
                mine[0] += 10.0 ** (read.level / 10.0)
                mine[1] += 1
    (near, here), (far, there) = sums[True], sums[False]
    return not here or (there > 0 and far / there >= near / here)


def _apart_by(groups: list[list[Evidence]]) -> list[list[Evidence]]:
    """These groups, each with who was heard with it, if they are two loads; else nothing."""
    if not all(groups):
        return []
    profiles = Profiles(chain.from_iterable(groups))
    groups = profiles.sort(groups)
    if len(groups) < 2:
        return []
    few = min(map(len, groups))
    return groups if few == 1 or profiles.gain(groups) >= GAIN * few else []


def _faded(one: Evidence, came: Side, sides: Mapping[int, Side | None]) -> float:
    lately = [read.level for read in one.run if sides.get(read.letter) == came and read.time > one.last - LATELY]
    return one.peaks[came == "outside"] - sum(lately) / len(lately) if lately else math.inf


def loads(company: list[Evidence]) -> list[list[Evidence]]:
    """What moved of a company: one load, or two that met in the door. What stands near it is left out; what stood
    there together leaves together."""
    stood = _moving([one for one in company if one.tag.parked])
    load = (
        _moving([one for one in company if not one.tag.parked], left=lambda one: one.known and not one.tag.rest) + stood
    )
    met = _met(load) if 2 * len(stood) < len(load) else []
    return met or ([load] if load else [])


def _moving(company: list[Evidence], left: Callable[[Evidence], bool] = lambda _: False) -> list[Evidence]:
    """Who moved of a company: all of it if most did, but who is `left`; else who surely did."""
    moving = [one for one in company if not one.flat]
    return [one for one in company if not left(one) or not one.flat] if 2 * len(moving) > len(company) else moving


def way(load: list[Evidence], *, one_sided: bool) -> list[Decided]:
    """Which way a load went, if any. `one_sided`: one side is enough to cross."""
    whole = pool(load)
    aside = sorted(abs(one.peaks[0] - one.peaks[1]) for one in load)[len(load) // 2] > ASIDE
    if abs(whole.score) < clear(whole) + (CLEAR / 2.0 if aside else 0.0):
        return _vague(load, whole, one_sided=one_sided)
    return [Decided("in" if whole.score > 0.0 else "out", load, whole.centre, whole.spread)]


def _met(company: list[Evidence]) -> list[list[Evidence]]:
    """Two loads that went contrary ways at one time; empty if it was one."""
    groups = _apart_by(list(_by_sign(company)))
    return groups if groups and _opposed(groups) else []


def _opposed(groups: list[list[Evidence]]) -> bool:
    """Whether each of two groups surely went another way."""
    pooled = [pool(group) for group in groups]
    sure = all(abs(one.score) >= clear(one) for one in pooled) and all(
        _firm(group[0]) for group in groups if len(group) == 1
    )
    return sure and pooled[0].score * pooled[1].score < 0.0


def _error(one: Evidence) -> float:
    """By how much one tag's score differs from its load's."""
    return (1.0 if len(one.run) < HANDFUL else CAUTIOUS) * _alone(one).error


def _by_sign(company: list[Evidence]) -> tuple[list[Evidence], list[Evidence]]:
    """Those who went in and those who went out; who cannot say goes with those in the door at his time."""
    clear = [one for one in company if one.both and abs(_alone(one).score) >= _error(one)]
    groups = [one for one in clear if _alone(one).score > 0.0], [one for one in clear if _alone(one).score < 0.0]
    middles = [_centre(sorted(group, key=lambda one: one.middle)) if group else math.inf for group in groups]
    known = {id(one) for one in clear}
    for one in company:
        if id(one) not in known:
            groups[abs(one.middle - middles[0]) > abs(one.middle - middles[1])].append(one)
    return groups


def _vague(company: list[Evidence], whole: Pooled, *, one_sided: bool) -> list[Decided]:
    """Something may have crossed: told if evidence is so weak that it says neither, and nothing is known to be here."""
    fresh = [one for one in company if not one.known]
    short = max(one.last for one in company) - min(one.first for one in company) < SHORT
    weak = short or (abs(whole.score) >= VAGUE and whole.error > WEAK)
    members = [one for one in fresh if (weak if one.both else one_sided)]
    return [Decided("unknown", members, whole.centre, whole.spread)] if members else []


def _alone(one: Evidence) -> Pooled:
    return pool((one,))


def _firm(one: Evidence) -> bool:
    return abs(_alone(one).score) >= FIRM and abs(_alone(one).score) >= SURE * _error(one)
