"""What is learned of a floor: gains of antennas from both sides of a pair, and nothing from an empty zone."""

from __future__ import annotations

from random import Random
from statistics import fmean

import pytest

from gateway.location import radiomap
from gateway.location.radiomap import RadioMap
from gateway.model import Identity, Present

NEAR, FAR = 30.0, 15.0


def floor(zones: int = 4, seed: int = 1) -> tuple[RadioMap, list[str], Random]:
    """A map of that many zones of one antenna each."""
    letters = [chr(number) for number in range(zones)]
    found = RadioMap()
    found.replace({letter: number for number, letter in enumerate(letters)}, letters)
    return found, letters, Random(seed)


def stand(random: Random, gains: dict[str, float], cell: str, shadow: float = 3.0) -> list[float]:
    """The levels at all antennas of something that stands in a cell."""
    return [(NEAR if each == cell else FAR) + gain + random.gauss(0.0, shadow) for each, gain in gains.items()]


def leads(found: RadioMap, ports: str, levels: list[float]) -> list[float]:
    """How far each cell is ahead of the first, in dB."""
    scores = [
        (silence + sum(weight * level for weight, level in zip(weights, levels, strict=True)), cell)
        for _, cell, silence, weights in found.rows(ports, -1)
    ]
    return [(score - scores[0][0]) / found.apart(cell, scores[0][1]) for score, cell in scores]


def test_before_anything_was_learned_the_loudest_antenna_leads_by_as_many_db() -> None:
    found, letters, _ = floor()
    assert leads(found, "".join(letters), [20.0, 23.0, 14.0, 20.0]) == pytest.approx([0.0, 3.0, -6.0, 0.0])


def test_gains_are_learned_from_what_stands_on_both_sides() -> None:
    found, letters, random = floor()
    gains = dict(zip(letters, (2.5, -2.5, 1.0, -1.0), strict=True))
    for _ in range(60):
        for cell in letters:
            found.learn(cell, "".join(letters), stand(random, gains, cell))
    assert found.gains == pytest.approx(gains, abs=1.0)


def test_a_zone_where_nothing_stands_moves_no_gain() -> None:
    found, letters, random = floor(2)
    gains = dict(zip(letters, (0.0, 5.0), strict=True))
    for _ in range(5000):
        found.learn(letters[0], "".join(letters), stand(random, gains, letters[0]))
    assert found.gains == pytest.approx(dict.fromkeys(letters, 0.0), abs=1e-9)


def test_tags_of_one_cell_that_a_louder_antenna_divides_move_no_gain() -> None:
    """Nothing stands at the second antenna, but it is 6 dB louder, and whoever it hears best is taken to be there."""
    found, letters, random = floor(2)
    gains = dict(zip(letters, (0.0, 6.0), strict=True))
    for _ in range(500):
        levels = stand(random, gains, letters[0], 4.0)
        found.learn(letters[leads(found, "".join(letters), levels)[1] > 0.0], "".join(letters), levels)
    assert found.gains == pytest.approx(dict.fromkeys(letters, 0.0), abs=0.5)


def test_what_was_learned_makes_up_for_a_louder_antenna() -> None:
    found, letters, random = floor(2)
    gains = dict(zip(letters, (-3.0, 3.0), strict=True))
    heard = [NEAR - 9.0, FAR + 6.0 + 2.0]
    assert leads(found, "".join(letters), heard)[1] > 0.0
    for _ in range(40):
        for cell in letters:
            found.learn(cell, "".join(letters), stand(random, gains, cell))
    assert leads(found, "".join(letters), heard)[1] < 0.0


def test_a_tag_that_is_weak_everywhere_stays_where_it_is() -> None:
    """Its levels shift alike: the lead of one zone over another changes by less than half of that."""
    found, letters, random = floor()
    lone = dict.fromkeys(letters, 0.0)
    for _ in range(50):
        for cell in letters:
            found.learn(cell, "".join(letters), stand(random, lone | {letters[0]: -8.0}, cell))
    ports, heard = "".join(letters), [20.0, 22.0, 12.0, 12.0]
    strong, weak = leads(found, ports, heard)[1], leads(found, ports, [level - 6.0 for level in heard])[1]
    assert abs(strong - weak) < 3.0


def test_a_cell_where_nothing_stood_yet_is_not_lost_to_neighbours_that_are_known() -> None:
    """Ways are as long back: that its neighbours' tags are heard here says how its own are heard there."""
    found, letters, random = floor(12)
    aisle = [[30.0 - 10.0 * min(abs(here - there), 3) for there in range(12)] for here in range(12)]
    for _ in range(50):
        for cell in letters:
            if cell != letters[5]:
                found.learn(cell, "".join(letters), [level + random.gauss(0.0, 3.0) for level in aisle[ord(cell)]])
    ahead = leads(found, "".join(letters), aisle[5])
    assert max(range(12), key=ahead.__getitem__) == 5
    assert ahead[5] - max(ahead[4], ahead[6]) > 5.0


def test_what_stays_in_the_configuration_is_remembered_and_the_rest_forgotten() -> None:
    found, letters, random = floor(3)
    gains = dict(zip(letters, (3.0, -3.0, 0.0), strict=True))
    for _ in range(60):
        for cell in letters:
            found.learn(cell, "".join(letters), stand(random, gains, cell))
    found.replace({letter: number for number, letter in enumerate(letters)}, letters[:2])
    assert set(found.gains) == set(letters[:2])
    assert found.gains[letters[0]] - found.gains[letters[1]] == pytest.approx(6.0, abs=2.0)
    found.learn(letters[2], letters[2], [30.0])
    assert {cell for _, cell, _, _ in found.rows("".join(letters), -1)} == set(letters[:2])


def test_many_layouts_are_bounded() -> None:
    found, letters, _ = floor(12)
    for seed in range(3000):
        random = Random(seed)
        ports = "".join(random.sample(letters, random.randint(1, 12)))
        assert len(found.rows(ports, seed % 12)) >= len(ports)
    assert len(found._rows) <= 1024


def test_after_a_restart_what_is_present_teaches_anew_within_seconds(walk, zones) -> None:
    """Forty tags under two antennas, the second 4 dB louder, known from before and heard for six seconds."""
    names = [f"t{number}" for number in range(40)]
    known = [
        Present(Identity(f"urn:test:{name}", "sgtin", "instance"), f"z{1 + number % 2}", 10.0, 90.0)
        for number, name in enumerate(names)
    ]
    w = walk(zones(2), known)
    random = Random(1)
    for turn in range(12):
        for number, name in enumerate(names):
            near = number % 2
            w.read(100.0 + turn / 2, 1, random.gauss(-67.0 if near else -52.0, 2.0), tag=name)
            w.read(100.1 + turn / 2, 2, random.gauss(-48.0 if near else -63.0, 2.0), tag=name)
    offsets = w.engine.learned()
    assert 2.0 < offsets["reader", 1] - offsets["reader", 2] < 5.0
    assert w.events == []


GAINS = {chr(number): 2.0 if number % 2 else -2.0 for number in range(60)}


def crowd(stands: int) -> RadioMap:
    """Sixty antennas that all hear each other, every second one 4 dB louder, and what stood there."""
    found, letters, random = floor(len(GAINS))
    for number in range(stands):
        cell = letters[number * 7 % len(letters)]
        found.learn(cell, "".join(letters), stand(random, GAINS, cell))
        found.rows(cell, number % len(letters))
    return found


def test_a_large_floor_is_learned_in_parts_that_are_bounded() -> None:
    """No more than a slice of it at one stand: it is no pause."""
    parts = list(crowd(120)._fitted())
    assert max(parts) <= radiomap.SLICE
    assert sum(parts) > 3 * radiomap.SLICE


def test_learned_in_parts_it_comes_to_what_it_comes_to_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = crowd(420).gains
    monkeypatch.setattr(radiomap, "SLICE", 10**9)
    once = crowd(420).gains
    assert fmean(abs(parts[each] - once[each]) for each in GAINS) < 0.3
    for found in (parts, once):
        assert fmean(found[each] for each, gain in GAINS.items() if gain > 0.0) == pytest.approx(2.0, abs=0.5)


def test_rows_of_a_large_floor_are_bounded() -> None:
    found, letters, _ = floor(80)
    for here in range(80):
        found.rows("".join(letters), here)
    assert sum(len(row[3]) for rows in found._rows.values() for row in rows) <= radiomap._WEIGHTS
