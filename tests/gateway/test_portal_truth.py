"""Portals against doors with known truth: any geometry and radio, walking to forklift speed, one to a hundred tags.

The quick form of what `make bench` prints under `portal`: fewer draws, so bounds leave room for one bad draw.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from gateway.model import Transition
from simulators.doorway import Antenna, Doorway, Heard
from tests.doors import START, STORIES, Score, decide, draw, pallet, play, rules, tell


def total(story: str, draws: Iterable[object], *, phases: bool = False) -> Score:
    found = Score()
    for seed in draws:
        found.add(tell(story, f"quick/{seed}", phases=phases))
    return found


@pytest.mark.parametrize("phases", [False, True])
def test_direction_once_and_complete(phases: bool) -> None:  # noqa: FBT001 - a parameter of the test
    found = total("crossing", range(8), phases=phases)
    assert found.share("right") >= 0.97
    assert found.share("once") >= 0.98
    assert found.share("complete", "loads") >= 0.95
    assert found.false <= 0.02 * found.crossings


@pytest.mark.parametrize(
    ("story", "right"),
    [
        ("following", 0.95),
        ("meeting", 0.9),
        ("back_again", 0.97),
        ("set_down", 0.9),
        ("taken_back", 0.85),
        ("beside", 0.85),
    ],
)
def test_loads_that_are_near_each_other(story: str, right: float) -> None:
    found = total(story, range(4))
    assert found.share("right") >= right
    assert found.share("unknown") <= 0.05


def test_who_turns_back_in_the_door_has_not_passed() -> None:
    passed = tags = 0
    for seed in range(5):
        rnd = random.Random(f"turning/{seed}")
        door = draw(rnd)
        STORIES["turning"](rnd, door)
        tags += len({heard.tag for heard in door.heard()})
        passed += len(play(door, phases=True))
    assert passed <= 0.05 * tags


def test_pallets_parked_in_the_field_for_an_hour_are_no_passages() -> None:
    rnd = random.Random("parked/quick")
    door = draw(rnd, block=0.0002)
    for number, (x, y) in enumerate(((-2.0, 1.0), (0.4, -0.5), (3.0, 0.0))):
        door.carry({f"s{number}": (0.0, 0.0)}, [(START, x, y), (START + 3600.0, x, y)])
    assert play(door, until=START + 3700.0) == []


def test_who_turns_between_antennas_that_look_away_has_not_passed() -> None:
    """Where it waits neither side hears it well, and that it comes from loses it as if it were through."""
    passed = tags = 0
    for side in (-1, 1):
        door = Doorway(
            [
                Antenna("reader", 1, "dock", -2.0, 1.5, 180.0, 15.0),
                Antenna("reader", 2, "dock", 2.0, 1.5, 0.0, 15.0),
            ],
            seed=side,
        )
        way = [(0.0, 8.0), (7.0, 0.9), (10.0, 0.9), (17.0, 8.0)]
        door.carry(pallet(random.Random(side), "t", 40), [(START + time, side * x, 0.0) for time, x in way])
        tags += 40
        passed += len(play(door, phases=False))
    assert passed <= 0.05 * tags


def rounded(one: Heard, by: float) -> Heard:
    """A read at a time that floats hold exactly, `by` seconds later."""
    return one._replace(time=START + round((one.time - START) * 1024) / 1024 + by)


@pytest.mark.parametrize("story", ["crossing", "meeting", "turning", "back_again", "taken_back"])
@pytest.mark.parametrize("change", ["again", "shuffled", "shifted", "sliced"])
def test_the_same_story_is_told_the_same(story: str, change: str) -> None:
    rnd = random.Random(f"property/{story}")
    door = draw(rnd)
    STORIES[story](rnd, door)
    heard = door.heard()
    by = 4096.0 if change == "shifted" else 0.0
    mixed = random.Random(1) if change == "shuffled" else None
    told = decide(rules(door), [rounded(one, 0.0) for one in heard])
    few = 3 if change == "sliced" else 10**6
    other = decide(rules(door), [rounded(one, by) for one in heard], shuffle=mixed, at_a_time=few)
    assert [what(one) for one in other] == [what(one) for one in told]
    times = [time - by for one in other for time in when(one)]
    assert times == pytest.approx([time for one in told for time in when(one)], rel=0.0, abs=1e-4)


def what(one: Transition) -> tuple[object, ...]:
    return one.object.uri, one.direction, one.passage, one.reads, one.sources


def when(one: Transition) -> tuple[float, ...]:
    return one.time, one.decided, one.first_seen, one.last_seen
