"""The simulated warehouse: what is heard agrees with the truth, as far as radio does."""

from __future__ import annotations

import doctest
import json
import math
import statistics
import warnings
from collections import defaultdict
from itertools import pairwise

import pytest

from simulators import warehouse
from simulators.radio import Radio
from simulators.tags import sgtin_96, sscc_96, tid
from simulators.warehouse import Warehouse, aisles, dock

NAMES = ("aisle-a", "aisle-b", "aisle-c", "aisle-d")
TAG = sgtin_96(123456, 1)


def listen(floor, reader, antennas, start, end, period=0.05):
    """(time, antenna, heard) of an antenna after another, one a period."""
    for n in range(int((end - start) / period)):
        now = start + n * period
        antenna = antennas[n % len(antennas)]
        for heard in floor.hear(reader, antenna, now):
            yield now, antenna, heard


def test_its_example_holds():
    assert doctest.testmod(warehouse).failed == 0


def test_epcs_are_those_of_the_standard():
    """epcpy decodes what is written on the goods."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # epcpy has escapes that Python 3.12 warns of
        import epcpy

    def uri(epc):
        return epcpy.hex_to_tag_encodable(epc.hex().upper()).epc_uri

    assert uri(sgtin_96(123456, 77)) == "urn:epc:id:sgtin:9521141.123456.77"
    assert uri(sscc_96(42)) == "urn:epc:id:sscc:9521141.0000000042"
    assert tid(7)[0] == 0xE2
    with pytest.raises(ValueError, match="does not fit"):
        sgtin_96(2**20, 0)


def test_truth_of_a_scripted_life():
    floor = Warehouse(*aisles(NAMES, "r"), seed=1)
    floor.place(TAG, (0.0, 1.0), at=100.0)
    floor.move(TAG, (6.0, 1.0), at=200.0, speed=1.0)
    floor.remove(TAG, at=300.0)
    floor.advance(400.0)
    assert [(change.zone, change.direction) for change in floor.truth()] == [
        ("aisle-a", None),
        ("aisle-b", None),
        (None, None),
    ]
    assert [change.time for change in floor.truth()] == pytest.approx([100.0, 203.0, 300.0], abs=0.03)
    line = json.loads(floor.truth()[0].line())
    assert line == {"time": 100.0, "epc": TAG.hex(), "zone": "aisle-a", "direction": None}


def test_what_was_bound_to_happen_does_not_where_the_tag_is_taken():
    floor = Warehouse(*aisles(NAMES, "r"), seed=1)
    floor.place(TAG, (0.0, 1.0), at=0.0)
    floor.move(TAG, (18.0, 1.0), at=10.0, speed=1.0)
    floor.remove(TAG, at=15.0)
    floor.advance(100.0)
    assert [change.zone for change in floor.truth()] == ["aisle-a", "aisle-b", None]
    assert list(floor.hear("r", 1, 101.0)) == []


def test_a_pallet_passes_the_door_and_the_right_side_hears_it_first():
    for direction, sides in (("in", (1, 2)), ("out", (2, 1))):
        floor = Warehouse(*dock("dock-1", "r"), radio=Radio(gain_error=0.0), seed=4)
        load = [sscc_96(1), *(sgtin_96(1, n) for n in range(20))]
        floor.pallet(load, "dock-1", direction, at=50.0)
        times = defaultdict(list)
        for now, antenna, heard in listen(floor, "r", (1, 2), 50.0, 65.0):
            times[antenna].append((now, 10 ** (heard.rssi / 10)))
        first, second = (sum(t * p for t, p in times[side]) / sum(p for _, p in times[side]) for side in sides)
        assert first < second
        passed = [change for change in floor.truth() if change.direction]
        assert {change.epc for change in passed} == set(load)
        assert {(change.zone, change.direction) for change in passed} == {("dock-1", direction)}
        assert all(53.0 < change.time < 57.5 for change in passed)


def test_reads_look_like_those_of_a_real_reader():
    """An R420 with four antennas reads one tag 17 to 25 times a second, with 2.2 dB spread."""
    floor = Warehouse(*aisles(NAMES, "r", spacing=2.0), radio=Radio(sensitivity=-80.0), seed=2)
    floor.place(TAG, (3.0, 1.0), at=0.0)
    by_antenna, times = defaultdict(list), []
    for now, antenna, heard in listen(floor, "r", (1, 2, 3, 4), 0.0, 300.0):
        by_antenna[antenna].append(heard.rssi)
        times.append(now)
    assert 12 < len(times) / 300 < 25
    assert all(1.8 < statistics.stdev(rssi) < 2.6 for rssi in by_antenna.values())


def test_the_nearest_antenna_hears_best():
    radio = Radio(gain_error=0.0, shadowing=0.0)
    floor = Warehouse(*aisles(NAMES, "r"), radio=radio, seed=3)
    floor.place(TAG, "aisle-c", at=0.0)
    reads = list(listen(floor, "r", (1, 2, 3, 4), 0.0, 100.0))
    means = {a: statistics.fmean(heard.rssi for _, antenna, heard in reads if antenna == a) for a in (1, 2, 3, 4)}
    assert max(means, key=means.get) == 3
    assert means[3] - means[1] == pytest.approx(21 * math.log10(12.1 / 1.8), abs=3)  # 0.5 to 2.5 m off the antenna


def test_blocking_silences_for_seconds():
    floor = Warehouse(*aisles(NAMES[:1], "r"), radio=Radio(blocked=0.01), seed=5)
    floor.place(TAG, "aisle-a", at=0.0)
    times = [now for now, _, _ in listen(floor, "r", (1,), 0.0, 600.0)]
    gaps = [b - a for a, b in pairwise(times)]
    assert sum(3 <= gap <= 60 for gap in gaps) >= 5


def test_a_seed_repeats_everything():
    def run(seed):
        floor = Warehouse(*aisles(NAMES, "r"), seed=seed)
        for n in range(10):
            floor.place(sgtin_96(1, n), NAMES[n % 4], at=0.0, stay=20.0)
        return [heard for _, _, heard in listen(floor, "r", (1, 2, 3, 4), 0.0, 60.0)], floor.truth()

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert len(run(1)[1]) > 15  # they wander


def test_truth_is_told_as_it_comes_true():
    floor = Warehouse(*aisles(NAMES, "r"), seed=1)
    floor.place(TAG, (0.0, 1.0), at=100.0)
    floor.move(TAG, (6.0, 1.0), at=200.0, speed=1.0)
    told = [[change.zone for change in floor.tell(now)] for now in (99.0, 150.0, 202.0, 204.0, 500.0)]
    assert told == [[], ["aisle-a"], [], ["aisle-b"], []]


def test_unknown_places_are_refused():
    floor = Warehouse(*aisles(NAMES, "r"))
    with pytest.raises(ValueError, match="aisle-x"):
        floor.place(TAG, "aisle-x", at=0.0)
    with pytest.raises(ValueError, match="dock-9"):
        floor.pallet([TAG], "dock-9", "in", at=0.0)
    assert floor.hear("nobody", 1, 0.0) == ()
