"""The table of an explanation: what was heard, weighed and decided, step by step. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

import msgspec

from gateway.explain.reasons import Reasons, heard
from gateway.explain.trace import Seen, Trace, Weighed
from gateway.timestamps import rfc3339

MOST = 40
"""Rows that a person looks at without being asked how many."""

STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 21600, 86400)
"""Seconds of a row."""

ANTENNAS = 3
"""Antennas that a row names."""


class Heard(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What one antenna heard within a row; `level` is its mean in dBm, offset included."""

    antenna: str
    reads: int
    level: float | None = None


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """From `time` on for a step. `zones`: dB of what is weighed; `zone`: where it is by what was decided."""

    time: str
    at: float
    heard: list[Heard]
    zones: dict[str, float]
    zone: str | None
    events: list[str]


def step(trace: Trace) -> float:
    """Seconds a row, so that there are not too many."""
    length = max(trace.end - trace.begin, 0.1)
    return float(next((one for one in STEPS if length / one <= MOST), STEPS[-1]))


def rows(trace: Trace, reasons: Reasons, every: float) -> Iterator[Row]:
    """Those in which something was heard or happened."""
    reads = trace.reads
    times = [one.time for one in reads]
    looks = [one.time for one in trace.weighed]
    spans = list(trace.spans())
    events: dict[int, list[str]] = {}
    for one in trace.decided:
        events.setdefault(math.floor(one.transition.time / every), []).append(reasons.headline(one.transition))
    numbers = sorted({math.floor(time / every) for time in times} | set(events))
    for number in numbers:
        begin, end = number * every, (number + 1) * every
        some = reads[bisect_left(times, begin) : bisect_left(times, end)]
        at = bisect_right(looks, end) - 1
        weighed = trace.weighed[at] if at >= 0 and trace.weighed[at].time >= begin - every else None
        here = next((zone for since, until, zone in spans if since < end and begin < until), None)
        yield _row(begin, some, weighed, here, events.get(number, []))


def _row(begin: float, some: list[Seen], weighed: Weighed | None, here: str | None, events: list[str]) -> Row:
    return Row(
        time=rfc3339(begin),
        at=begin,
        heard=[Heard(name, count, None if level is None else round(level, 1)) for name, level, count in heard(some)],
        zones={} if weighed is None else {zone: round(level, 1) for zone, level in weighed.zones},
        zone=here,
        events=events,
    )
