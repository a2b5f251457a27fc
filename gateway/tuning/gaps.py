"""For how long tags that are there are not heard, zone by zone. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.tuning.stands import Port, Sample
from gateway.tuning.walk import Change, zone_at

LONGEST = 600.0
"""Seconds of silence beyond which a tag was away, where no truth says so."""


class Gaps(NamedTuple):
    """Of a zone: tags, silences between their reads, the median one, what one in 100 and in 1,000 is longer than, the
    longest, in seconds; and how many are longer than the zone waits."""

    objects: int
    silences: int
    median: float
    p99: float
    p999: float
    longest: float
    over: int


def gaps(
    samples: Iterable[Sample],
    zones: Mapping[Port, str],
    patience: Mapping[str, float],
    truth: Mapping[str, Sequence[Change]] | None = None,
) -> dict[str, Gaps]:
    """By zone. Samples in order of time; a silence belongs to the zone of the read before it.

    With a truth only silences count in which the object did not leave its zone, and only of objects that it names.
    """
    last: dict[str, tuple[str, float]] = {}
    silences: dict[str, array[float]] = {}
    objects: dict[str, set[str]] = {}
    for sample in samples:
        zone = zones.get(sample.port) if truth is None else zone_at(truth.get(sample.object, ()), sample.time)
        if zone is None:
            continue
        before = last.get(sample.object)
        last[sample.object] = zone, sample.time
        objects.setdefault(zone, set()).add(sample.object)
        if before is None or (truth is not None and before[0] != zone):
            continue
        if 0.0 < sample.time - before[1] <= LONGEST:
            silences.setdefault(before[0], array("d")).append(sample.time - before[1])
    return {zone: _told(len(objects[zone]), each, patience.get(zone, LONGEST)) for zone, each in silences.items()}


def _told(objects: int, silences: array[float], patience: float) -> Gaps:
    order = sorted(silences)
    count = len(order)

    def quantile(share: float) -> float:
        return order[min(int(count * share), count - 1)]

    over = sum(one > patience for one in reversed(order))
    return Gaps(objects, count, quantile(0.5), quantile(0.99), quantile(0.999), order[-1], over)
