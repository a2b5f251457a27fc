"""By how much antennas of one kind differ, from tags that stand still. Pure.

Two facts tell it, both by symmetry. Tags at home under an antenna stand as near to it as others to theirs: how loud it
hears them, against the mean of all, is its gain. And two antennas hear each other's tags from as far away: the
difference of those levels is the difference of their gains. Both together, weighed by how well each is known. Where no
truth says at which antenna a tag is at home it is the one that hears it loudest, corrected by the gains found so far.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

from gateway.tuning.stands import Port, Stand

FEWEST = 5
"""Stands at an antenna from which on its gain is told."""

_HEARD = 0.8
"""Share of a neighbour's tags that an antenna must hear: of fewer it would be the loud ones alone."""

_ROUNDS, _SWEEPS, _SETTLED = 30, 200, 0.02
_LEAST_DEVIATION = 1.0
"""dB: no set of a few stands is known better."""


class Gain(NamedTuple):
    """Of an antenna: tags that stood there, its level over them, its gain above the mean of all, and its error."""

    stands: int
    level: float
    gain: float
    error: float


class _Fact(NamedTuple):
    """`one` is louder than `other` (None: than all at home) by so many dB, with that weight."""

    one: Port
    other: Port | None
    louder: float
    weight: float


def gains(
    stands: Sequence[Stand], kinds: Mapping[Port, str], home: Callable[[Stand], Collection[Port]]
) -> dict[Port, Gain]:
    """By antenna; `kinds` groups those that can be compared, `home` says at which of them a stand may be at home.

    Antennas with too few stands are left out; the mean gain of a kind is 0.
    """
    found: dict[Port, Gain] = {}
    for kind in sorted(set(kinds.values())):
        ports = [port for port, each in kinds.items() if each == kind]
        found |= _of_kind(ports, stands, home)
    return found


def _of_kind(
    ports: Sequence[Port], stands: Sequence[Stand], home: Callable[[Stand], Collection[Port]]
) -> dict[Port, Gain]:
    comparable = set(ports)
    choices = [
        (stand, [port for port in home(stand) if port in comparable and port in stand.levels]) for stand in stands
    ]
    choices = [(stand, choice) for stand, choice in choices if choice]
    known: dict[Port, float] = dict.fromkeys(ports, 0.0)
    result: dict[Port, Gain] = {}
    for _ in range(_ROUNDS):
        at_home: defaultdict[Port, list[Stand]] = defaultdict(list)
        for stand, choice in choices:
            at_home[max(choice, key=lambda port: stand.levels[port].mean - known[port])].append(stand)
        enough = {port: each for port, each in at_home.items() if len(each) >= FEWEST}
        if len(enough) < 2:
            return {}
        before, result = known, _solved(enough)
        known = {port: result[port].gain if port in result else 0.0 for port in ports}
        if max(abs(known[port] - before[port]) for port in ports) < _SETTLED:
            break
    return result


def _solved(at_home: Mapping[Port, Sequence[Stand]]) -> dict[Port, Gain]:
    levels = {port: [stand.levels[port].mean for stand in each] for port, each in at_home.items()}
    means = {port: sum(each) / len(each) for port, each in levels.items()}
    deviation = _pooled(list(levels.values()))
    middle = sum(means.values()) / len(means)
    facts = [_Fact(port, None, means[port] - middle, len(levels[port]) / deviation**2) for port in levels]
    facts += _pairs(at_home)
    gain = _balanced(list(levels), facts)
    weight: defaultdict[Port, float] = defaultdict(float)
    for fact in facts:
        weight[fact.one] += fact.weight
        if fact.other is not None:
            weight[fact.other] += fact.weight
    return {port: Gain(len(levels[port]), means[port], gain[port], weight[port] ** -0.5) for port in levels}


def _pairs(at_home: Mapping[Port, Sequence[Stand]]) -> list[_Fact]:
    """What each two antennas hear of each other's tags."""
    across: dict[tuple[Port, Port], list[float]] = {}
    for port, stands in at_home.items():
        heard: defaultdict[Port, list[float]] = defaultdict(list)
        for stand in stands:
            for other, level in stand.levels.items():
                heard[other].append(level.mean)
        for other, each in heard.items():
            if other != port and other in at_home and len(each) >= max(FEWEST, _HEARD * len(stands)):
                across[other, port] = each
    facts = []
    for (one, other), louder in across.items():
        quieter = across.get((other, one))
        if quieter is None or str(one) > str(other):
            continue
        deviation = _pooled([louder, quieter])
        weight = 1 / (deviation**2 * (1 / len(louder) + 1 / len(quieter)))
        facts.append(_Fact(one, other, sum(louder) / len(louder) - sum(quieter) / len(quieter), weight))
    return facts


def _balanced(ports: Sequence[Port], facts: Sequence[_Fact]) -> dict[Port, float]:
    """Gains that agree with all facts as well as can be (least squares, by relaxation); their mean is 0."""
    about: defaultdict[Port, list[tuple[Port | None, float, float]]] = defaultdict(list)
    for fact in facts:
        about[fact.one].append((fact.other, fact.louder, fact.weight))
        if fact.other is not None:
            about[fact.other].append((fact.one, -fact.louder, fact.weight))
    gain = dict.fromkeys(ports, 0.0)
    for _ in range(_SWEEPS):
        for port in ports:
            weights = sum(weight for *_, weight in about[port])
            terms = (
                weight * (louder + (gain[other] if other is not None else 0.0)) for other, louder, weight in about[port]
            )
            gain[port] = sum(terms) / weights
        mean = sum(gain.values()) / len(gain)
        gain = {port: each - mean for port, each in gain.items()}
    return gain


def _pooled(sets: Sequence[Sequence[float]]) -> float:
    """Standard deviation within sets."""
    squares, free = 0.0, 0
    for each in sets:
        mean = sum(each) / len(each)
        squares += sum((one - mean) ** 2 for one in each)
        free += len(each) - 1
    return max(math.sqrt(squares / free) if free else _LEAST_DEVIATION, _LEAST_DEVIATION)
