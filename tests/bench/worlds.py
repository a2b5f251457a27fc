"""Floors with known truth, made by `simulators.warehouse`, and how well a rule's events tell what happened on them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from random import Random
from typing import NamedTuple

import msgspec

from drivers.observations import Read
from simulators.radio import Radio
from simulators.warehouse import Mount, Warehouse

START = 1_790_000_000.0
READER = "reader"

LEAD, LAG = 4.0, 20.0
"""Seconds by which an arrival or a move may be told early (walking to the border) or late."""

DEPART_LEAD, DEPART_LAG = 30.0, 90.0
"""The same of a departure: it is dated by the last read, which may be from long before, with something in the way."""

SHORT = 8.0
"""Seconds: a zone that was only walked through need not be told."""


class Floor(msgspec.Struct, frozen=True):
    """A kind of floor. Distances in metres, times in seconds."""

    name: str
    zones: int = 4
    antennas: int = 1
    """In each zone, side by side."""
    spacing: float = 6.0
    radio: Radio = Radio(gain_error=2.5)
    tags: int = 20
    duration: float = 900.0
    period: float = 0.5
    stay: float = 150.0
    outages: tuple[tuple[float, float], ...] = ()


class Told(NamedTuple):
    """A change of zone (None: it left), true or told. Times since the start; `decided` is when it was told."""

    time: float
    tag: str
    zone: str | None
    decided: float


class World(NamedTuple):
    """What was read on a floor in order of time, and what truly happened."""

    floor: Floor
    mounts: tuple[Mount, ...]
    reads: list[Read]
    truth: list[Told]


class Score(NamedTuple):
    """F1 of events, share of time in the right zone, median seconds from the change to the decision."""

    f1: float
    right: float
    latency: float


FLOORS = (
    Floor("normal"),
    Floor("noisy", radio=Radio(gain_error=2.5, shadowing=5.0, fading=4.0)),
    Floor("blocked", radio=Radio(gain_error=2.5, blocked=0.003)),
    Floor("outage", outages=((300.0, 450.0),)),
    Floor("dense, 4 m", spacing=4.0),
    Floor("wide, 10 m", spacing=10.0, zones=6),
    Floor("2 antennas a zone", antennas=2, spacing=5.0),
    Floor("12 zones, slow reader", zones=12, period=1.0),
)


def make(floor: Floor, seed: int) -> World:
    """Tags that stand, walk, leave and come back."""
    mounts = tuple(
        Mount(READER, 1 + index, index * floor.spacing, 0.0, f"z{1 + index // floor.antennas}")
        for index in range(floor.zones * floor.antennas)
    )
    house = Warehouse(mounts, radio=floor.radio, seed=seed)
    random = Random(f"{floor.name}/{seed}")
    for tag in range(floor.tags):
        _visits(house, floor, random, f"{tag:024x}")
    reads = []
    for turn in range(int(floor.duration / floor.period)):
        since = turn * floor.period
        for mount in mounts:
            for heard in house.hear(READER, mount.antenna, since):
                time = since + random.random() * 0.2
                if not any(begin <= time < end for begin, end in floor.outages):
                    reads.append(Read("epc", heard.epc, START + time, mount.antenna, round(heard.rssi * 2.0) / 2.0))
    reads.sort(key=lambda read: read.time)
    truth = [
        Told(one.time, one.epc.hex(), one.zone, one.time) for one in house.truth() if 0.0 <= one.time < floor.duration
    ]
    return World(floor, mounts, reads, truth)


def _visits(house: Warehouse, floor: Floor, random: Random, tag: str) -> None:
    epc, zones = bytes.fromhex(tag), sorted({mount.zone for mount in house.mounts if mount.zone})
    since = random.uniform(0.0, 30.0)
    while since < floor.duration:
        until = since + 120.0 + random.expovariate(1.0 / 400.0)
        house.place(epc, random.choice(zones), since, stay=floor.stay)
        house.remove(epc, until)
        since = until + 120.0 + random.expovariate(1.0 / 120.0)


def score(told: Iterable[Told], world: World) -> Score:
    """`told` against the truth. Time in an outage counts for nothing either way."""
    by_tag: dict[str, list[Told]] = defaultdict(list)
    for one in sorted(told, key=lambda each: each.time):
        by_tag[one.tag].append(one)
    true_by_tag: dict[str, list[Told]] = defaultdict(list)
    for one in world.truth:
        true_by_tag[one.tag].append(one)
    wanted = events = good = 0
    right = total = 0.0
    delays: list[float] = []
    for tag in sorted(set(by_tag) | set(true_by_tag)):
        mine, true = by_tag[tag], true_by_tag[tag]
        lasting = _lasting(true, world.floor.duration)
        found = _matched(lasting, mine, world.floor.outages)
        delays += [said.decided - change.time for change, said in found]
        wanted, events = wanted + len(lasting), events + len(mine)
        good += len(_matched(true, mine, world.floor.outages))
        seconds = _right(mine, true, world.floor)
        right, total = right + seconds[0], total + seconds[1]
    precision, recall = good / max(events, 1), len(delays) / max(wanted, 1)
    f1 = 2.0 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Score(f1, right / max(total, 1e-9), statistics.median(delays or [0.0]))


def _lasting(true: list[Told], duration: float) -> list[Told]:
    ends = [change.time for change in true[1:]] + [duration]
    found: list[Told] = []
    for change, end in zip(true, ends, strict=False):
        if end - change.time >= SHORT and (not found or found[-1].zone != change.zone):
            found.append(change)
    return found


def _matched(true: list[Told], mine: list[Told], outages: tuple[tuple[float, float], ...]) -> list[tuple[Told, Told]]:
    free, found = list(mine), []
    for change in true:
        said = next((one for one in free if _near(one, change, outages)), None)
        if said is not None:
            free.remove(said)
            found.append((change, said))
    return found


def _near(said: Told, change: Told, outages: tuple[tuple[float, float], ...]) -> bool:
    lead, lag = (LEAD, LAG) if change.zone else (DEPART_LEAD, DEPART_LAG)
    for begin, end in outages:
        if change.zone is None and begin <= change.time < end + DEPART_LEAD:
            lead = max(lead, change.time - begin + DEPART_LEAD)
        if begin - DEPART_LAG <= change.time < end:
            lag += end - begin
    return said.zone == change.zone and -lead <= said.time - change.time <= lag


def _right(mine: list[Told], true: list[Told], floor: Floor) -> tuple[float, float]:
    edges = {0.0, floor.duration, *(time for outage in floor.outages for time in outage)}
    points = sorted(edges | {one.time for one in [*mine, *true] if 0.0 <= one.time < floor.duration})
    right = total = 0.0
    for begin, end in pairwise(points):
        if any(start <= begin < stop for start, stop in floor.outages):
            continue
        total += end - begin
        right += (end - begin) * (_at(mine, begin) == _at(true, begin))
    return right, total


def _at(changes: list[Told], time: float) -> str | None:
    zone = None
    for change in changes:
        if change.time > time:
            break
        zone = change.zone
    return zone
