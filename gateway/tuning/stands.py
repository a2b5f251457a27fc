"""Stretches of time in which a tag stood still, and how loud each antenna heard it then. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from drivers.observations import Antenna
from gateway.tuning.walk import Change

WINDOW = 10.0
"""Seconds over which levels are averaged: a stand is two of them at least."""

_JUMP = 5.0
"""dB by which a mean changes when the tag was moved."""

_FEW = 3
"""Reads of a window from which on its mean counts."""

_SETTLED = 5.0
"""Seconds around a true change that belong to neither zone."""

Port = tuple[str, Antenna | None]
"""A device and its antenna."""


class Sample(NamedTuple):
    """One read: whose, which antenna, when, dBm."""

    object: str
    port: Port
    time: float
    level: float


class Level(NamedTuple):
    """Reads, and their mean in dBm."""

    reads: int
    mean: float


class Stand(NamedTuple):
    """Where a tag stood still: the level of each antenna that heard it there, and the zone, where a truth says it."""

    object: str
    zone: str | None
    levels: Mapping[Port, Level]


_Window = dict[Port, list[float]]
"""Of each antenna: reads, and the sum of their levels."""


def stands(samples: Iterable[Sample], truth: Mapping[str, Sequence[Change]] | None = None) -> list[Stand]:
    """Of samples in any order. Where the truth says that an object was nowhere, or on its way, it did not stand."""
    windows: dict[tuple[str, int], dict[int, _Window]] = {}
    truth = truth or {}
    for sample in samples:
        stay = _stay(truth.get(sample.object, ()), sample.time)
        if stay is None:
            continue
        ports = windows.setdefault((sample.object, stay), {}).setdefault(int(sample.time // WINDOW), {})
        tally = ports.setdefault(sample.port, [0.0, 0.0])
        tally[0] += 1
        tally[1] += sample.level
    found = []
    for (name, stay), each in windows.items():
        zone = truth[name][stay - 1].zone if stay else None
        found += [Stand(name, zone, levels) for levels in _still(each)]
    return found


def _stay(changes: Sequence[Change], time: float) -> int | None:
    """The how-manieth of its stays that is; 0 for an object of which no truth is known, None on the way."""
    if not changes:
        return 0
    at = bisect_right(changes, time - _SETTLED, key=lambda change: change.time)
    if at < len(changes) and changes[at].time < time + _SETTLED:
        return None
    return at if at and changes[at - 1].zone is not None else None


def _still(windows: Mapping[int, _Window]) -> Iterator[dict[Port, Level]]:
    """Levels of runs of windows in which none jumps away from the run's own."""
    run: _Window = {}
    length, last = 0, 0
    for number in sorted(windows):
        window = windows[number]
        if length and (number != last + 1 or _jumps(run, window)):
            yield from _levels(run, length)
            run, length = {}, 0
        for port, (reads, total) in window.items():
            tally = run.setdefault(port, [0.0, 0.0])
            tally[0] += reads
            tally[1] += total
        length, last = length + 1, number
    yield from _levels(run, length)


def _jumps(run: _Window, window: _Window) -> bool:
    both = [port for port in run.keys() & window.keys() if min(run[port][0], window[port][0]) >= _FEW]
    return any(abs(run[port][1] / run[port][0] - window[port][1] / window[port][0]) > _JUMP for port in both)


def _levels(run: _Window, length: int) -> Iterator[dict[Port, Level]]:
    levels = {port: Level(int(reads), total / reads) for port, (reads, total) in run.items() if reads >= _FEW}
    if length > 1 and levels:
        yield levels
