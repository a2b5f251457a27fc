"""Doors of any geometry with known truth, and how well what a portal told agrees with it.

Nothing here is chosen for one scenario: geometry, radio, speeds and loads are drawn from a seed.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import groupby
from operator import attrgetter
from random import Random

import msgspec

from drivers.contract import Read
from gateway.location.engine import Engine
from gateway.location.outcome import Outcome
from gateway.model import Identity, Port, ReadPoint, Rules, Transition
from simulators.doorway import Antenna, Crossed, Doorway, Heard, Pace, Waypoint
from simulators.radio import Radio

START = 1_790_000_000.0
NEAR = 4.0
"""Seconds by which a passage may be told to be at another time than it was and still be that one."""

Story = Callable[[Random, Doorway], None]


class Score(msgspec.Struct):
    """Counts over crossings, loads and stories; they add up."""

    crossings: int = 0
    right: int = 0
    once: int = 0
    unknown: int = 0
    wrong: int = 0
    false: int = 0
    loads: int = 0
    complete: int = 0

    def add(self, other: Score) -> None:
        """Take another's counts."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def share(self, name: str, of: str = "crossings") -> float:
        """A count as a share of the crossings, or of the loads; 1 where there were none."""
        total = getattr(self, of)
        return getattr(self, name) / total if total else 1.0


def draw(rnd: Random, doors: int = 1, *, antennas: int = 0, block: float = 0.0) -> Doorway:
    """One to three doors side by side, one to two antennas a side, as somebody might have hung them."""
    apart, pitch = rnd.uniform(1.5, 4.0), rnd.uniform(4.5, 7.0)
    off = rnd.uniform(1.0, 2.5 if doors == 1 else 0.4 * pitch)
    look, beam = rnd.choice(("across", "away")), rnd.choice((0.0, 0.0, 8.0, 15.0))
    radio = Radio(
        gain_error=rnd.uniform(0.5, 2.5),
        shadowing=rnd.uniform(1.0, 4.0),
        fading=rnd.uniform(1.5, 3.0),
        carried_fading=rnd.uniform(3.0, 6.0),
        exponent=rnd.uniform(2.0, 2.6),
        sensitivity=rnd.uniform(-75.0, -68.0),
        blocked=block,
    )
    many = antennas or rnd.choice((2, 2, 3, 4))
    hung = []
    for door in range(doors):
        for port in range(many):
            side, right = (-1 if port % 2 == 0 else 1), port < 2
            facing = {"across": -90.0 if right else 90.0, "away": 0.0 if side > 0 else 180.0}[look]
            y = door * pitch + (off if right else -off)
            hung.append(Antenna(f"reader-{door}", port + 1, f"dock-{door}", side * apart / 2, y, facing, beam))
    middles = {f"dock-{door}": door * pitch for door in range(doors)}
    pace = Pace(slot=rnd.uniform(0.03, 0.08), room=rnd.randint(12, 25), lost=rnd.choice((0.0, 0.1, 0.3)))
    return Doorway(hung, doors=middles, radio=radio, pace=pace, seed=rnd.random())


def pallet(rnd: Random, name: str, tags: int = 0) -> dict[str, tuple[float, float]]:
    """A load of one to a hundred tags."""
    count = tags or rnd.choice((1, 1, 2, 5, 10, 20, 40, 60, 100))
    return {f"{name}-{tag}": (rnd.uniform(-0.6, 0.6), rnd.uniform(-0.5, 0.5)) for tag in range(count)}


def through(rnd: Random, begin: float, speed: float, *, inwards: bool, y: float = 0.0) -> list[Waypoint]:
    """A way through the door, not quite evenly fast."""
    sign = 1 if inwards else -1
    run, beyond = rnd.uniform(5.0, 10.0), rnd.uniform(5.0, 10.0)
    first = begin + run / speed
    return [
        (begin, -sign * run, y),
        (first, 0.0, y),
        (first + beyond / (speed * rnd.uniform(0.8, 1.25)), sign * beyond, y),
    ]


def speeds(rnd: Random) -> float:
    """Walking to forklift."""
    return rnd.choice((1.0, 1.3, 2.0, 3.0, 4.0, 5.0))


def crossing(rnd: Random, door: Doorway) -> None:
    """Loads come and go, half a minute apart."""
    for number in range(4):
        door.carry(
            pallet(rnd, f"p{number}"), through(rnd, START + number * 40.0, speeds(rnd), inwards=rnd.random() < 0.5)
        )


def turning(rnd: Random, door: Doorway) -> None:
    """Loads come up to the door line from one side and go back, slower or faster."""
    for number in range(4):
        sign, speed, begin = rnd.choice((-1, 1)), rnd.uniform(0.8, 3.0), START + number * 60.0
        run, up, wait = rnd.uniform(5.0, 9.0), rnd.uniform(0.65, 1.6), rnd.choice((0.0, 0.5, 3.0))
        back, there = speed * rnd.uniform(0.5, 1.5), begin + run / speed
        way = [(begin, sign * (run + up), 0.0), (there, sign * up, 0.0), (there + wait + 0.01, sign * up, 0.0)]
        door.carry(pallet(rnd, f"t{number}"), [*way, (there + wait + 0.01 + run / back, sign * (run + up), 0.0)])


def back_again(rnd: Random, door: Doorway) -> None:
    """A load goes in and comes out again within ten seconds."""
    speed, depth, begin = rnd.uniform(1.0, 3.0), rnd.uniform(4.5, 7.0), START
    sign = rnd.choice((-1, 1))
    for number in range(2):
        wait = rnd.uniform(0.1, max(0.2, 9.0 - 2 * depth / speed))
        times = [begin, begin + 8 / speed]
        times += [times[-1] + depth / speed, times[-1] + depth / speed + wait]
        times += [times[-1] + depth / speed, times[-1] + (depth + 8) / speed]
        places = (-8.0, 0.0, depth, depth, 0.0, -8.0)
        door.carry(pallet(rnd, f"b{number}"), [(time, sign * x, 0.0) for time, x in zip(times, places, strict=True)])
        begin += 70.0


def following(rnd: Random, door: Doorway) -> None:
    """One load right behind the other, the same way."""
    for number in range(3):
        speed, begin = speeds(rnd), START + number * 60.0
        inwards, headway = rnd.random() < 0.5, rnd.uniform(5.0, 8.0)
        run = [(0.0, -8.0, 0.0), (16.0 / speed, 8.0, 0.0)]
        for place in range(2):
            late = begin + place * headway / speed
            way = [(late + time, x if inwards else -x, y) for time, x, y in run]
            door.carry(pallet(rnd, f"f{number}{place}"), way)


def meeting(rnd: Random, door: Doorway) -> None:
    """Two loads meet in the door."""
    for number in range(3):
        begin = START + number * 60.0
        door.carry(pallet(rnd, f"m{number}i"), through(rnd, begin, speeds(rnd), inwards=True, y=-0.8))
        door.carry(
            pallet(rnd, f"m{number}o"), through(rnd, begin + rnd.uniform(0, 2), speeds(rnd), inwards=False, y=0.8)
        )


def parked(rnd: Random, door: Doorway) -> None:
    """Pallets stand in the field for an hour; now and then others are carried past them."""
    for number in range(3):
        x, y = rnd.choice((-1, 1)) * rnd.uniform(0.8, 6.0), rnd.uniform(-2.0, 2.0)
        door.carry(pallet(rnd, f"s{number}", rnd.choice((1, 3, 12))), [(START, x, y), (START + 3600.0, x, y)])
    for number in range(12):
        begin = START + 100.0 + number * 280.0
        door.carry(
            pallet(rnd, f"q{number}", rnd.choice((1, 5, 20))),
            through(rnd, begin, speeds(rnd), inwards=rnd.random() < 0.5),
        )


def set_down(rnd: Random, door: Doorway) -> None:
    """Loads are carried through and set down in the field for a while, then go on the same way."""
    for number in range(2):
        sign, speed, begin = rnd.choice((-1, 1)), rnd.uniform(1.0, 2.5), START + number * 300.0
        there, stop = begin + 8 / speed, rnd.uniform(2.0, 4.5)
        down = there + stop / speed
        way = [
            (begin, -8.0, 0.0),
            (there, 0.0, 0.0),
            (down, stop, 0.0),
            (down + 120.0, stop, 0.0),
            (down + 125.0, 9.0, 0.0),
        ]
        door.carry(pallet(rnd, f"d{number}", rnd.choice((1, 5, 20))), [(time, sign * x, y) for time, x, y in way])


def taken_back(rnd: Random, door: Doorway) -> None:
    """Loads are carried through, set down in the field for a while, and fetched back through the door."""
    for number in range(2):
        sign, speed, back = rnd.choice((-1, 1)), rnd.uniform(1.0, 2.5), rnd.uniform(1.0, 2.5)
        there, stop, y = START + number * 300.0 + 8 / speed, rnd.uniform(1.5, 4.5), rnd.uniform(-1.5, 1.5)
        up = there + stop / speed + 120.0
        way = [
            (there - 8 / speed, -8.0, 0.0),
            (there, 0.0, 0.0),
            (up - 120.0, stop, y),
            (up, stop, y),
            (up + stop / back, 0.0, 0.0),
            (up + (stop + 8) / back, -8.0, 0.0),
        ]
        door.carry(pallet(rnd, f"d{number}", rnd.choice((1, 5, 20))), [(time, sign * x, y) for time, x, y in way])


def beside(rnd: Random, door: Doorway) -> None:
    """Loads go through one of several doors side by side."""
    for number in range(4):
        y = rnd.choice(sorted(door.doors.values()))
        begin = START + number * 40.0
        door.carry(pallet(rnd, f"n{number}"), through(rnd, begin, speeds(rnd), inwards=rnd.random() < 0.5, y=y))


STORIES: Mapping[str, Story] = {
    story.__name__: story
    for story in (crossing, turning, back_again, following, meeting, parked, set_down, taken_back, beside)
}


def rules(door: Doorway) -> Rules:
    """The portals of these doors, each the neighbour of all others."""
    names = sorted({antenna.door for antenna in door.antennas})
    points = {
        name: ReadPoint(name, f"urn:test:{name}", "portal", neighbours=tuple(one for one in names if one != name))
        for name in names
    }
    ports = [Port(one.reader, one.antenna, one.door, "outside" if one.x < 0 else "inside") for one in door.antennas]
    return Rules(points, tuple(ports))


def identify(read: Read) -> Identity:
    """The value is the name."""
    return Identity(read.value.decode(), "sgtin", "instance")


def play(door: Doorway, *, phases: bool = True, until: float = 0.0) -> list[Transition]:
    """What the engine tells of all that is heard."""
    return decide(rules(door), door.heard(), phases=phases, until=until)


def decide(
    floor: Rules,
    heard: Iterable[Heard],
    *,
    phases: bool = True,
    until: float = 0.0,
    shuffle: Random | None = None,
    at_a_time: int = 10**6,
) -> list[Transition]:
    """What the engine tells of these reads; reports come at each eighth of a second, so many reads `at_a_time` at most,
    and `shuffle` mixes them."""
    numbers = iter(range(10**9))
    engine = Engine(floor, identify, new_id=lambda _: f"passage-{next(numbers)}")
    said: list[Transition] = []
    now = START

    def take(outcomes: Iterable[Outcome]) -> None:
        said.extend(one.transition for one in outcomes if one.transition is not None)

    def reach(time: float) -> None:
        while (due := engine.deadline) is not None and due <= time:
            take(engine.advance(due))

    for tick, some in groupby(heard, key=lambda one: math.floor((one.time - START) * 8)):
        now = START + (tick + 1) / 8
        reach(now)
        mixed = list(some)
        if shuffle is not None:
            shuffle.shuffle(mixed)
        else:
            mixed.sort(key=attrgetter("reader"))
        for reader, batch in groupby(mixed, key=attrgetter("reader")):
            reads = [_read(one, phases=phases) for one in batch]
            for begin in range(0, len(reads), at_a_time):
                take(engine.feed(reader, reads[begin : begin + at_a_time], now))
    reach(max(now + 120.0, until))
    return said


def _read(one: Heard, *, phases: bool) -> Read:
    more = (one.phase, one.doppler) if phases else ()
    return Read("epc", one.tag.encode(), one.time, one.antenna, one.rssi, *more)


def score(truth: Iterable[Crossed], said: Iterable[Transition]) -> Score:
    """How well what was told agrees with the truth."""
    told: dict[tuple[str, str], list[Transition]] = defaultdict(list)
    for one in said:
        told[one.object.uri, one.read_point].append(one)
    total, passages = Score(), defaultdict(set)
    for crossed in truth:
        mine = [one for one in told[crossed.tag, crossed.door] if abs(one.time - crossed.time) <= NEAR]
        mine.sort(key=lambda one: (one.direction != crossed.direction, abs(one.time - crossed.time)))
        total.crossings += 1
        total.once += bool(mine)
        if mine:
            best = mine[0]
            told[crossed.tag, crossed.door].remove(best)
            total.right += best.direction == crossed.direction
            total.unknown += best.direction == "unknown"
            total.wrong += best.direction not in ("unknown", crossed.direction)
        passages[crossed.load, crossed.door, crossed.direction].add(mine[0].passage.id if mine else None)
    total.false = sum(map(len, told.values()))
    total.loads = len(passages)
    total.complete = sum(len(ids) == 1 and None not in ids for ids in passages.values())
    return total


def tell(story: str, seed: int | str, *, phases: bool = True) -> Score:
    """One story at one door, drawn from the seed."""
    rnd = Random(f"{story}/{seed}")
    door = draw(rnd, 2 if story == "beside" else 1, block=0.0005 if story == "parked" else 0.0)
    STORIES[story](rnd, door)
    return score(door.truth(), play(door, phases=phases, until=START + 3700.0 if story == "parked" else 0.0))
