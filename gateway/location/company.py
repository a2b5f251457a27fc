"""Who crossed a door together, and which way: the rule of portals.

Runs are set apart by when they were in the door, then each company is asked as one which way it went. A tag follows its
company unless it has strong evidence of its own to the contrary. What a single tag cannot say, a load can.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from gateway.location.evidence import Evidence, Pooled, pool, range_of
from gateway.model import Direction, Side

CLEAR: Final = 0.2
"""Score from which a company crossed, beside its error. Loads that cross have 0.4 to 1.5, who turns back up to 0.2."""

ERROR: Final = 0.2
"""What of its error is added to that, up to half of it."""

FIRM: Final = 0.5
"""Score from which one tag's own evidence counts against its company's, if that is `SURE` deviations from chance."""

SURE: Final = 1.5

ROUNDS: Final = 3
"""Times that who goes the other way is asked again, now that it is known how many do."""

OTHER: Final = 2.0
"""By how much likelier (natural logarithm) a second load has to be than chance."""

OWN: Final = 0.6
"""Share of what a tag says that is its own: what fades for one fades for those beside it."""

MOST: Final = 1.5
"""Times the score of its load that a tag's own counts, at most."""

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

PLAIN: Final = 1.2
"""Errors from which most of a company know where they went, though together it seems to go nowhere."""

CHANCE: Final = 3.0
"""Deviations from chance of how many say the contrary if they are another load."""

COME: Final = 10.0
"""dB by which single reads of an antenna differ while a tag comes and goes; less may be noise of one that stands."""

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
    """Runs by when they were in the door, in order of time; what was heard too little to say goes with its like."""
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


def evident(company: list[Evidence]) -> bool:
    """Whether a handful of reads say clearly that something crossed: none of it can be of what stands near the door."""
    if any(one.known for one in company) or sum(len(one.run) for one in company) < ENOUGH:
        return False
    moved = sum(one.both and range_of(one.run) >= COME for one in company)
    return 2 * moved > len(company) and abs(pool(company).score) >= FIRM


def gone(company: list[Evidence], sides: Mapping[int, Side | None]) -> list[Evidence]:
    """Who of a load has clearly gone through: the side it came from does not hear him any more as it did."""
    whole = pool(company)
    if abs(whole.score) < FIRM:
        return []
    came: Side = "outside" if whole.score > 0.0 else "inside"
    fades = [_faded(one, came, sides) for one in company]
    if sorted(fades)[len(fades) // 2] < FADE:
        return []
    return [one for one, fade in zip(company, fades, strict=True) if fade >= FADE / 2.0]


def _faded(one: Evidence, came: Side, sides: Mapping[int, Side | None]) -> float:
    lately = [read.level for read in one.run if sides.get(read.letter) == came and read.time > one.last - LATELY]
    return one.peaks[came == "outside"] - sum(lately) / len(lately) if lately else math.inf


def ways(company: list[Evidence], *, one_sided: bool) -> list[Decided]:
    """Which way a company went; two where it met another in the door. `one_sided`: one side is enough to cross."""
    moving = [one for one in company if not one.flat]
    company = [one for one in company if not one.flat or (not one.known and 2 * len(moving) > len(company))]
    if not company:
        return []
    whole = pool(company)
    if _mingled(company, whole):
        return [decided for group in _by_sign(company) if group for decided in _one_way(group, one_sided=one_sided)]
    if abs(whole.score) < clear(whole):
        return _vague(company, whole, one_sided=one_sided)
    contrary = _contrary(company, whole.score)
    found = _one_way([one for one in company if one not in contrary], one_sided=one_sided)
    return found + (_one_way(contrary, one_sided=one_sided) if contrary else [])


def _contrary(company: list[Evidence], score: float) -> list[Evidence]:
    """Who goes the other way: each by how much likelier that is than chance, all of them by whether that is a load."""
    known = [(one, -_leaning(one, abs(score)) * math.copysign(1.0, score)) for one in company if one.both]
    found = [(one, by) for one, by in known if _firm(one) and by > 0.0]
    for _ in range(ROUNDS):
        rare = math.log(max(len(company) - len(found), 1) / max(len(found), 1))
        found = [(one, by) for one, by in known if by > max(rare, 0.0) and abs(_alone(one).score) >= FIRM]
    if sum(by - rare for _, by in found) < OTHER:
        return []
    return [one for one, _ in found]


def _leaning(one: Evidence, size: float) -> float:
    """How much likelier it went in than out (natural logarithm) if a load's score is `size`."""
    most = MOST * size
    return OWN * 2.0 * size * min(max(_alone(one).score, -most), most) / _error(one) ** 2


def _mingled(company: list[Evidence], whole: Pooled) -> bool:
    """Whether more tags than chance explains say the contrary of the rest: two loads met."""
    each = [(_alone(one).score, _error(one)) for one in company if one.both]
    if len(each) < 2:
        return False
    usual = sorted(abs(score) for score, _ in each)[len(each) // 2]
    error = sorted(error for _, error in each)[len(each) // 2]
    if abs(whole.score) < FIRM and usual < PLAIN * error:
        return False
    size = max(usual, abs(whole.score))
    fewer = min(sum(score > 0.0 for score, _ in each), sum(score < 0.0 for score, _ in each))
    chance = sum(math.erfc(size / (error * math.sqrt(2.0))) for _, error in each) / 2.0
    return fewer > chance + CHANCE * math.sqrt(chance) + (abs(whole.score) >= clear(whole))


def _error(one: Evidence) -> float:
    """By how much one tag's score differs from its load's."""
    return (1.0 if len(one.run) < HANDFUL else CAUTIOUS) * _alone(one).error


def _by_sign(company: list[Evidence]) -> tuple[list[Evidence], list[Evidence]]:
    """Those who went in and those who went out; who cannot say goes with those in the door at his time."""
    clear = [one for one in company if abs(_alone(one).score) >= _error(one)]
    groups = [one for one in clear if _alone(one).score > 0.0], [one for one in clear if _alone(one).score < 0.0]
    middles = [_centre(sorted(group, key=lambda one: one.middle)) if group else math.inf for group in groups]
    known = {id(one) for one in clear}
    for one in company:
        if id(one) not in known:
            groups[abs(one.middle - middles[0]) > abs(one.middle - middles[1])].append(one)
    return groups


def _one_way(company: list[Evidence], *, one_sided: bool) -> list[Decided]:
    whole = pool(company)
    if abs(whole.score) < clear(whole):
        return _vague(company, whole, one_sided=one_sided)
    return [Decided("in" if whole.score > 0.0 else "out", company, whole.centre, whole.spread)]


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
