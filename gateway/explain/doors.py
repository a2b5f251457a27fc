"""What a portal heard of one object, run by run, and why it was a passage or none: in words. Pure.

Each side has a middle: the mean time of its reads, weighted by their linear power. Whoever comes in is in the middle of
the outside first. The rule that decides is in `gateway.location.crossing`; here its evidence is shown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import tzinfo
from typing import NamedTuple

from gateway.explain.clock import clock, lasting
from gateway.explain.trace import Seen, Trace
from gateway.location.crossing import QUIET
from gateway.location.zone import NOMINAL
from gateway.model import Transition

_APART = 0.5
"""Of a run's length: sides whose middles are nearer to each other than that show no direction by themselves."""


class Flank(NamedTuple):
    """One side in one run: its reads, the strongest in dBm (None: no levels), and its middle (Unix seconds)."""

    reads: int
    peak: float | None
    middle: float


class Run(NamedTuple):
    """One stay in the field of a portal, between two silences; `passed` is what was told of it."""

    portal: str
    begin: float
    end: float
    inside: Flank | None
    outside: Flank | None
    passed: Transition | None


def runs(trace: Trace) -> Iterator[Run]:
    """All of them, portal by portal, in the order of time."""
    for name, point in trace.rules.read_points.items():
        if point.kind == "portal":
            reads = sorted((one for one in trace.reads if one.read_point == name and not one.unused), key=_time)
            while reads:
                end = next((at for at in range(1, len(reads)) if _time(reads[at]) - _time(reads[at - 1]) > QUIET), None)
                some, reads = reads[:end], reads[end:] if end else []
                yield _run(trace, name, some)


def _time(seen: Seen) -> float:
    return seen.time


def _run(trace: Trace, portal: str, reads: list[Seen]) -> Run:
    begin, end = reads[0].time, reads[-1].time
    told = [
        one
        for one in trace.transitions
        if one.kind == "passed" and one.read_point == portal and one.first_seen <= end and one.last_seen >= begin
    ]
    inside = _flank([one for one in reads if one.side == "inside"])
    outside = _flank([one for one in reads if one.side == "outside"])
    return Run(portal, begin, end, inside, outside, told[-1] if told else None)


def _flank(reads: list[Seen]) -> Flank | None:
    if not reads:
        return None
    powers = [10.0 ** ((NOMINAL if one.level is None else one.level) / 10.0) for one in reads]
    middle = sum(one.time * power for one, power in zip(reads, powers, strict=True)) / math.fsum(powers)
    return Flank(len(reads), max((one.level for one in reads if one.level is not None), default=None), middle)


def why(run: Run, trace: Trace, zone: tzinfo) -> str:
    """What the run shows, and what was made of it."""
    heard = "; ".join(_side(name, flank, zone) for name, flank in _sides(run) if flank is not None)
    if run.passed is not None:
        passage = run.passed.passage
        company = f", one of {passage.count} together" if passage is not None and passage.count > 1 else ""
        return f"{heard}: {_direction(run)}{company}"
    return f"{heard}: no passage, {_none(run, trace)}"


def _sides(run: Run) -> list[tuple[str, Flank | None]]:
    sides = [("outside", run.outside), ("inside", run.inside)]
    return sorted(sides, key=lambda one: one[1].middle if one[1] else math.inf)


def _side(name: str, flank: Flank, zone: tzinfo) -> str:
    peak = "" if flank.peak is None else f", strongest {flank.peak:.1f} dBm"
    return f"{name} in the middle at {clock(flank.middle, zone)} ({flank.reads} reads{peak})"


def _direction(run: Run) -> str:
    assert run.passed is not None
    if run.passed.direction != "unknown":
        came = "outside before inside" if run.passed.direction == "in" else "inside before outside"
        return f"{came}, so it passed {run.passed.direction}"
    if run.inside is None or run.outside is None:
        return "only one side heard it, so it passed, but the direction is unknown"
    return f"the sides lie {_apart(run)} apart: too little for a direction, so it is unknown"


def _none(run: Run, trace: Trace) -> str:
    point = trace.point(run.portal)
    reads = sum(flank.reads for _, flank in _sides(run) if flank is not None)
    if reads < point.min_reads:
        return f"{reads} reads are fewer than min_reads {point.min_reads}"
    if run.end > trace.end - QUIET:
        return "it was still being heard at the end"
    if run.inside is None or run.outside is None:
        side = "inside" if run.inside is None else "outside"
        return f"the {side} never heard it: it stayed on its side of the door"
    if abs(run.inside.middle - run.outside.middle) < _APART * (run.end - run.begin):
        return f"the sides lie {_apart(run)} apart in {lasting(run.end - run.begin)}: it stood there or turned back"
    return "it was near the door before, and did not leave it clearly on the other side"


def _apart(run: Run) -> str:
    assert run.inside is not None
    assert run.outside is not None
    return lasting(abs(run.inside.middle - run.outside.middle))
