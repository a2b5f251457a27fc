"""What is carried together is heard together: loads are told apart by that, not by what each tag says."""

from __future__ import annotations

import math
import random
from array import array

import pytest

from gateway.location.comoving import Profiles
from gateway.location.crossing import Crossing, Heard
from gateway.location.evidence import Evidence, weigh
from gateway.model import Identity

SIDES = {0: "outside", 1: "inside"}


def tag(name: str, middle: float, speed: float, rnd: random.Random, *, noise: float = 4.0) -> Evidence:
    """Carried past antennas at -1.5 and 1.5 m, in the door at `middle`; a negative speed goes out."""
    identity = Identity(f"urn:test:{name}", "sgtin", "instance")
    empty = (array("d"), array("H"), array("f"), array("f"))
    kept = Crossing(identity, name.encode(), -math.inf, 0.0, 0.0, 0.0, 0.0, *empty)
    reads = []
    for number in range(60):
        time, letter = number * 0.1 + rnd.uniform(0.0, 0.05), number % 2
        away = math.hypot((time - middle) * speed - (1.5 if letter else -1.5), 0.7)
        level = -46.0 - 25.0 * math.log10(away) + rnd.gauss(0.0, noise)
        if level > -68.0 and rnd.random() < 0.4:
            reads.append(Heard(time, letter, level, math.nan))
    return weigh(kept, reads, SIDES)


def load(name: str, size: int, middle: float, speed: float, rnd: random.Random) -> list[Evidence]:
    return [tag(f"{name}-{number}", middle, speed, rnd) for number in range(size)]


def names(groups: list[list[Evidence]]) -> list[set[str]]:
    return [{one.identity.uri.split("-")[0] for one in group} for group in groups]


@pytest.mark.parametrize(("first", "second"), [((3.0, 2.0), (3.0, -2.0)), ((2.2, 2.0), (3.8, 2.0))])
@pytest.mark.parametrize("sizes", [(4, 20), (10, 10), (40, 5)])
def test_loads_that_were_mixed_are_sorted_by_with_whom_each_tag_was_heard(first, second, sizes):
    rnd = random.Random(f"{first}{second}{sizes}")
    loads = [load("a", sizes[0], *first, rnd), load("b", sizes[1], *second, rnd)]
    mixed = [loads[0][1:] + loads[1][: sizes[1] // 5], loads[1][sizes[1] // 5 :] + loads[0][:1]]
    profiles = Profiles(loads[0] + loads[1])
    found = profiles.sort(mixed)
    assert sorted(map(sorted, names(found))) == [["urn:test:a"], ["urn:test:b"]]
    assert sorted(map(len, found)) == sorted(sizes)
    assert profiles.gain(found) > 3.0 * min(sizes)


def test_one_load_is_not_likelier_in_two():
    for seed in range(5):
        rnd = random.Random(seed)
        one = load("a", 20, 3.0, 2.0, rnd)
        profiles = Profiles(one)
        assert profiles.gain([one[::2], one[1::2]]) < 0.0


def test_a_tag_of_its_own_is_of_a_load_only_if_it_is_like_those_of_it():
    rnd = random.Random(7)
    whole = load("a", 20, 3.0, 2.0, rnd)
    like, other = tag("a-x", 3.0, 2.0, rnd), tag("b-x", 3.0, -2.0, rnd)
    assert len(Profiles([*whole, like]).sort([[like], whole])) == 1
    assert names(Profiles([*whole, other]).sort([[other], whole])) == [{"urn:test:b"}, {"urn:test:a"}]


def test_what_is_heard_for_long_is_looked_at_more_coarsely():
    rnd = random.Random(3)
    near, late = load("a", 3, 3.0, 2.0, rnd), load("b", 3, 3.0, 2.0, rnd)
    late = [weigh(one.tag, [read._replace(time=read.time + 3600.0) for read in one.run], SIDES) for one in late]
    profiles = Profiles(near + late)
    assert names(profiles.sort([near, late])) == [{"urn:test:a"}, {"urn:test:b"}]
