"""Areas on the ground, and what noise at their borders must not do."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.nmea.fences import Change, Fences
from drivers.nmea.geometry import Area, Point, distance, offset

YARD: Point = (43.3500, -8.3900)
"""In the port of A Coruña."""


def square(side: float, east: float = 0.0, north: float = 0.0, at: Point = YARD) -> list[Point]:
    corner = offset(at, east, north)
    return [corner, offset(corner, side, 0), offset(corner, side, side), offset(corner, 0, side)]


def inside_of(side: float, at: Point = YARD) -> tuple[Point, Point]:
    return offset(at, side / 2, side / 2), offset(at, side * 2, side / 2)


def test_a_degree_of_latitude_is_111_km_and_longitude_shrinks_with_it() -> None:
    assert distance((0.0, 0.0), (1.0, 0.0)) == pytest.approx(111_195, abs=5)  # 1/360 of the mean circumference
    assert distance((60.0, 0.0), (60.0, 1.0)) == pytest.approx(111_195 / 2, rel=1e-3)  # cos 60°
    assert distance((0.0, 179.9995), (0.0, -179.9995)) == pytest.approx(111.195, abs=0.1)


@pytest.mark.parametrize("at", [YARD, (-33.0, 151.0), (0.0, 179.9999), (69.6, 18.9), (-0.0002, -180.0)])
def test_inside_is_inside_on_all_parts_of_the_earth(at: Point) -> None:
    area = Area(square(100.0, at=at))
    within, beyond = inside_of(100.0, at)
    assert area.contains(within)
    assert not area.contains(beyond)
    assert area.border(within) == pytest.approx(50.0, rel=0.01)
    assert area.border(beyond) == pytest.approx(100.0, rel=0.01)
    assert area.size == pytest.approx(10_000, rel=0.01)


def test_an_area_may_be_hollow_at_one_side() -> None:
    corners = [offset(YARD, e, n) for e, n in [(0, 0), (100, 0), (100, 100), (90, 100), (90, 10), (0, 10)]]
    area = Area(corners)
    assert area.contains(offset(YARD, 95, 50))
    assert not area.contains(offset(YARD, 50, 50))
    assert area.border(offset(YARD, 50, 50)) == pytest.approx(40.0, abs=0.1)


@given(st.floats(-200, 200), st.floats(-200, 200), st.integers(3, 12), st.floats(5, 150))
def test_a_round_area_holds_what_is_near_its_middle(east: float, north: float, corners: int, radius: float) -> None:
    ring = [
        offset(YARD, radius * math.cos(2 * math.pi * n / corners), radius * math.sin(2 * math.pi * n / corners))
        for n in range(corners)
    ]
    area, spot = Area(ring), offset(YARD, east, north)
    away = math.hypot(east, north)
    if away < radius * math.cos(math.pi / corners) * 0.99:
        assert area.contains(spot)
    if away > radius * 1.01:
        assert not area.contains(spot)
    assert area.knot() is None


def test_a_knot_is_found() -> None:
    a, b, c, d = square(100.0)
    assert Area([a, b, c, d]).knot() is None
    assert Area([a, c, b, d]).knot() == (1, 3)


@pytest.mark.parametrize(
    ("east", "north", "side", "overlap"),
    [
        (0.0, 0.0, 100.0, True),
        (100.0, 0.0, 100.0, False),
        (100.0, 50.0, 100.0, False),
        (99.0, 0.0, 100.0, True),
        (25.0, 25.0, 50.0, True),
        (-50.0, -50.0, 300.0, True),
        (100.0, 100.0, 100.0, False),
        (0.0, 99.99, 100.0, False),
        (0.0, 99.0, 100.0, True),
        (500.0, 0.0, 100.0, False),
        (0.0, 0.0, 50.0, True),
    ],
)
def test_overlap_is_ground_in_common_and_a_common_border_is_none(
    east: float, north: float, side: float, *, overlap: bool
) -> None:
    one, other = Area(square(100.0)), Area(square(side, east, north))
    assert one.overlaps(other) is overlap
    assert other.overlaps(one) is overlap


def test_a_cross_overlaps_though_no_corner_lies_in_the_other() -> None:
    wide = Area([offset(YARD, e, n) for e, n in [(-50, -5), (50, -5), (50, 5), (-50, 5)]])
    high = Area([offset(YARD, e, n) for e, n in [(-5, -50), (5, -50), (5, 50), (-5, 50)]])
    assert wide.overlaps(high)


def drive(fences: Fences, *spots: tuple[float, float], start: float = 0.0) -> list[Change]:
    said = []
    for second, (east, north) in enumerate(spots):
        said += fences.take(offset(YARD, east, north), start + second)
    return said


def test_it_enters_and_leaves_when_positions_in_a_row_say_so_dated_by_the_first() -> None:
    fences = Fences({"a": square(100.0)}, hysteresis=5.0, confirm=2)
    assert drive(fences, (-30, 50), (-20, 50)) == [Change("a", False, 0.0)]
    assert drive(fences, (10, 50), (20, 50), (30, 50), start=2) == [Change("a", True, 2.0)]
    assert fences.present() == ["a"]
    assert drive(fences, (-3, 50), (-4, 50), start=5) == []
    assert fences.present() == ["a"]
    assert drive(fences, (-8, 50), start=7) == []
    assert fences.present() == []
    assert drive(fences, (-12, 50), start=8) == [Change("a", False, 7.0)]


def test_a_single_stray_position_moves_nothing() -> None:
    fences = Fences({"a": square(100.0)}, hysteresis=5.0, confirm=2)
    drive(fences, (50, 50), (50, 50))
    assert drive(fences, (900, 50), (50, 50), (900, 50), (50, 50), start=2) == []


def test_noise_at_the_border_is_no_traffic() -> None:
    """A vehicle parked on the line for an hour, 1.5 m of noise (one sigma)."""
    noise, fences = random.Random(1), Fences({"a": square(100.0)}, hysteresis=8.0, confirm=2)
    spots = [(noise.gauss(0.0, 1.5), 50 + noise.gauss(0.0, 1.5)) for _ in range(3600)]
    assert len([change for change in drive(fences, *spots) if change.since > 60]) == 0


def test_a_gap_breaks_a_row() -> None:
    fences = Fences({"a": square(100.0)}, hysteresis=5.0, confirm=2)
    drive(fences, (50, 50), (50, 50))
    assert drive(fences, (300, 50), start=2) == []
    fences.doubt()
    assert drive(fences, (300, 50), start=60) == []
    assert drive(fences, (300, 50), start=61) == [Change("a", False, 60.0)]
