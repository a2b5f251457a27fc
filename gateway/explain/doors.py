"""What a portal heard of one object, run by run, and why it was a passage or none: in words. Pure.

It weighs each run as the rule does (`gateway.location.evidence`). That decides on all that crossed together: what one
object says by itself is told beside what was decided.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from typing import NamedTuple

from gateway.explain.clock import clock, lasting
from gateway.explain.trace import Seen, Trace
from gateway.location.again import NEAR
from gateway.location.company import CLEAR
from gateway.location.crossing import QUIET, Crossing, Heard
from gateway.location.doppler import true_shift
from gateway.location.evidence import Evidence, pool, weigh
from gateway.location.floor import NO_LEVEL
from gateway.location.neighbours import AROUND, strength
from gateway.location.portal import IDLE, STANDING
from gateway.location.zone import NOMINAL
from gateway.model import Side, Transition


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
    evidence: Evidence
    passed: Transition | None

    @property
    def score(self) -> float:
        """What the run says by itself: about 1 for a crossing inwards, -1 outwards, 0 for none."""
        return pool((self.evidence,)).score


def runs(trace: Trace) -> list[Run]:
    """All of them, portal by portal, in the order of time."""
    return [
        run for name, point in trace.rules.read_points.items() if point.kind == "portal" for run in _at(trace, name)
    ]


def _at(trace: Trace, portal: str) -> Iterator[Run]:
    reads = [one for one in trace.reads if one.read_point == portal and not one.unused]
    told = deque(one for one in trace.transitions if one.kind == "passed" and one.read_point == portal)
    begin = 0
    for at in range(1, len(reads) + 1):
        if at == len(reads) or reads[at].time - reads[at - 1].time > QUIET:
            yield _run(trace, portal, reads[begin:at], told)
            begin = at


def _run(trace: Trace, portal: str, reads: list[Seen], told: deque[Transition]) -> Run:
    begin, end = reads[0].time, reads[-1].time
    while told and told[0].last_seen < begin:
        told.popleft()
    passed = told[0] if told and told[0].first_seen <= end else None
    inside = _flank([one for one in reads if one.side != "outside"])
    outside = _flank([one for one in reads if one.side == "outside"])
    return Run(portal, begin, end, inside, outside, _weighed(trace, reads), passed)


def _flank(reads: list[Seen]) -> Flank | None:
    if not reads:
        return None
    powers = [10.0 ** ((NOMINAL if one.level is None else one.level) / 10.0) for one in reads]
    middle = sum(one.time * power for one, power in zip(reads, powers, strict=True)) / math.fsum(powers)
    return Flank(len(reads), max((one.level for one in reads if one.level is not None), default=None), middle)


def _weighed(trace: Trace, reads: Sequence[Seen]) -> Evidence:
    places = sorted({(one.device, str(one.antenna), one.side) for one in reads}, key=str)
    sides: dict[int, Side | None] = {at: side or "inside" for at, (_, _, side) in enumerate(places)}
    numbers = {place: at for at, place in enumerate(places)}
    run = sorted(
        Heard(
            one.time,
            numbers[one.device, str(one.antenna), one.side],
            NO_LEVEL if one.level is None else one.level,
            true_shift(one.doppler),
        )
        for one in reads
    )
    first = reads[0].time
    nothing = array("d"), array("H"), array("f"), array("f")
    return weigh(Crossing(trace.identity, b"", first, first, first, first, first, *nothing), run, sides)


def why(run: Run, others: Sequence[Run], trace: Trace, zone: tzinfo) -> str:
    """What the run shows, and what was made of it; `others` are all runs of the object."""
    heard = "; ".join(_side(name, flank, zone) for name, flank in _sides(run) if flank is not None)
    if run.passed is not None:
        passage = run.passed.passage
        company = f", one of {passage.count} together" if passage is not None and passage.count > 1 else ""
        return f"{heard}: {_direction(run)}{company}"
    return f"{heard}: no passage, {_none(run, others, trace, zone)}"


def _sides(run: Run) -> list[tuple[str, Flank | None]]:
    sides = [("outside", run.outside), ("inside", run.inside)]
    return sorted(sides, key=lambda one: one[1].middle if one[1] else math.inf)


def _side(name: str, flank: Flank, zone: tzinfo) -> str:
    peak = "" if flank.peak is None else f", strongest {flank.peak:.1f} dBm"
    return f"{name} in the middle at {clock(flank.middle, zone)} ({flank.reads} reads{peak})"


def _scored(run: Run) -> str:
    return f"score {run.score:+.1f} by itself; 1 is in, -1 out, 0 neither"


def _direction(run: Run) -> str:
    assert run.passed is not None
    way = run.passed.direction
    if way != "unknown":
        agrees = (run.score > 0.0) == (way == "in")
        whose = "" if agrees or abs(run.score) < CLEAR else ": its load said so"
        return f"it passed {way} ({_scored(run)}){whose}"
    if run.inside is None or run.outside is None:
        return "only one side heard it: it passed, but the direction is unknown"
    return f"it passed, but the evidence is too weak for a direction ({_scored(run)})"


def _none(run: Run, others: Sequence[Run], trace: Trace, zone: tzinfo) -> str:
    point = trace.point(run.portal)
    reads = len(run.evidence.run)
    beside = _beside(run, others, trace)
    before = _before(run, trace)
    if reads < point.min_reads:
        return f"read only {reads} times (min_reads {point.min_reads})"
    if run.end > trace.end - QUIET:
        return "it was still heard at the end"
    if beside is not None:
        return f"{beside} heard it better (neighbours)"
    if before is not None:
        return f"it passed {before.direction} at {clock(before.time, zone)}, and this was the rest of that"
    if run.evidence.flat or run.end - run.begin > STANDING:
        return f"no antenna heard it come and go in {lasting(run.end - run.begin)}: it stood in the field"
    if run.inside is None or run.outside is None:
        side = "inside" if run.inside is None else "outside"
        return f"the {side} never heard it: it stayed on its side of the door"
    if abs(run.score) < CLEAR:
        return f"it turned back or stood in the door ({_scored(run)})"
    return f"by itself too little for one ({_scored(run)}), or it stood near the door before ({IDLE} times or longer)"


def _beside(run: Run, others: Sequence[Run], trace: Trace) -> str | None:
    """The neighbour that heard it better at that time."""
    own = strength(run.evidence.peaks)
    for other in others:
        near = other.begin <= run.end + AROUND and other.end >= run.begin - AROUND
        if near and other.portal in trace.point(run.portal).neighbours and strength(other.evidence.peaks) > own:
            return other.portal
    return None


def _before(run: Run, trace: Trace) -> Transition | None:
    """A passage told a short time before."""
    told = [one for one in trace.transitions if one.kind == "passed" and one.read_point == run.portal]
    return next((one for one in told if one.time < run.begin < one.time + NEAR), None)
