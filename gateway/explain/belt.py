"""Why reads at a checkpoint were no event of their own, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from itertools import pairwise
from typing import NamedTuple

from gateway.explain.clock import clock, lasting
from gateway.explain.trace import Seen, Trace
from gateway.model import ReadPoint, Transition


class Visit(NamedTuple):
    """Reads at one checkpoint, without a silence of its window between them."""

    reads: list[Seen]
    told: bool


class Better(NamedTuple):
    """The neighbour that heard a visit's object better, and how well each did (dBm)."""

    name: str
    there: float
    here: float


def unsaid(trace: Trace, zone: tzinfo) -> Iterator[str]:
    """What each checkpoint made no event of, on the site's clock."""
    for point in trace.rules.read_points.values():
        if point.kind == "checkpoint":
            told = [one for one in trace.transitions if one.kind == "observed" and one.read_point == point.name]
            yield from _at(trace, point, told, zone)


def _at(trace: Trace, point: ReadPoint, told: list[Transition], zone: tzinfo) -> Iterator[str]:
    quiet: list[Visit] = []
    for visit in _visits(trace, point, told):
        better = None if visit.told else _better(trace, point, visit)
        if better is None:
            quiet.append(visit)
        else:
            yield _elsewhere(point, visit, better, zone)
    count = sum(len(visit.reads) for visit in quiet)
    if count <= len(told):
        return
    if not told and count < point.min_reads:
        yield f"{point.name}: read only {count} times (min_reads {point.min_reads}): no event"
        return
    window, word = _window(trace, point)
    silence = max((b.time - a.time for one in quiet for a, b in pairwise(one.reads)), default=0.0)
    yield (
        f"{point.name}: {count} reads are {len(told) or 'no'} event{'s' * (len(told) != 1)}: each read begins "
        f"{word} {lasting(window)} anew, and the longest silence within was {lasting(silence)}"
    )


def _elsewhere(point: ReadPoint, visit: Visit, better: Better, zone: tzinfo) -> str:
    first, last = clock(visit.reads[0].time, zone), clock(visit.reads[-1].time, zone)
    when = f"at {first}" if first == last else f"from {first} to {last}"
    reads = "1 read" if len(visit.reads) == 1 else f"{len(visit.reads)} reads"
    return (
        f"{point.name}: {reads} {when} decided nothing: {better.name} heard it better ({better.there:.1f} dBm, here "
        f"{better.here:.1f} dBm at most), so it did not pass here (neighbours)"
    )


def _visits(trace: Trace, point: ReadPoint, told: list[Transition]) -> Iterator[Visit]:
    window, _ = _window(trace, point)
    reads = sorted((one for one in trace.reads if one.read_point == point.name and not one.unused), key=_time)
    begin = 0
    for at in range(1, len(reads) + 1):
        if at == len(reads) or reads[at].time - reads[at - 1].time >= window:
            some = reads[begin:at]
            yield Visit(some, any(some[0].time <= one.last_seen and one.first_seen <= some[-1].time for one in told))
            begin = at


def _better(trace: Trace, point: ReadPoint, visit: Visit) -> Better | None:
    """The neighbour that heard the object better than this checkpoint, while it was before it."""
    here = max((one.level for one in visit.reads if one.level is not None), default=None)
    beside = [
        (one.level, one.read_point)
        for one in trace.reads
        if one.read_point in point.neighbours and one.level is not None and not one.unused
        if visit.reads[0].time <= one.time <= visit.reads[-1].time + point.dedup
    ]
    if here is None or not beside or max(beside)[0] <= here:
        return None
    there, name = max(beside)
    return Better(name, there, here)


def _window(trace: Trace, point: ReadPoint) -> tuple[float, str]:
    """For how long it must be unseen to be told again, and the setting that says so."""
    if trace.identity.kind == "instance":
        return point.dedup, "dedup"
    return point.dedup_class, "dedup_class"


def _time(one: Seen) -> float:
    return one.time
