"""Reads that say no more than that something is still there: nearly all there are. They are taken in one go. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from drivers.observations import Antenna, Observation, Read
from drivers.reads import Reads
from gateway.location.outcome import TOGGLE, Key

Antennas = frozenset[Antenna | None]


class Quiet(NamedTuple):
    """Who is quiet at a checkpoint: slots by key, when each was last seen, those that are being asked about, and for
    how long at least a silence is none."""

    slots: Mapping[Key, int]
    last: array[float]
    asked: Container[int]
    shortest: float


def unheard(seen: Sequence[Observation], antennas: Antennas | None, now: float, quiet: Quiet) -> Sequence[Observation]:
    """What is more than a repeat; those are noted in `last`. Only reads by these antennas may be one (None: by any)."""
    if isinstance(seen, Reads):
        return _of_columns(seen, antennas, now, quiet)
    slots, last, asked, shortest = quiet
    rest: list[Observation] = []
    for read in seen:
        if type(read) is Read and read.scheme == "epc" and (antennas is None or read.antenna in antennas):
            slot = slots.get(read.value)
            time = read.time
            if (
                slot is not None
                and slot not in asked
                and (silence := time - last[slot]) < shortest
                and 0.0 <= time <= now
                and not (read.pc and read.pc & TOGGLE)
            ):
                if silence > 0.0:
                    last[slot] = time
                continue
        rest.append(read)
    return rest


def _of_columns(seen: Reads, antennas: Antennas | None, now: float, quiet: Quiet) -> Sequence[Observation]:
    times = seen.times
    apart = antennas is not None and not seen.distinct("antenna") <= antennas
    apart = apart or seen.distinct("scheme") != {"epc"} or min(times) < 0.0 or max(times) > now
    if apart or any(word and word & TOGGLE for word in seen.distinct("pc")):
        return unheard([*seen], antennas, now, quiet)
    slots, last, asked, shortest = quiet
    rest: list[int] = []
    for at, slot in enumerate(map(slots.get, seen.values)):
        if slot is not None and slot not in asked:
            time = times[at]
            silence = time - last[slot]
            if silence < shortest:
                if silence > 0.0:
                    last[slot] = time
                continue
        rest.append(at)
    return seen.some(rest)
