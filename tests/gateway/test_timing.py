"""How long publications and events take."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import Ids, text
from gateway.outbox.values import Row
from gateway.timing import Histogram
from gateway.uplink.timings import Timings, decided

NOON = 1_790_000_000.0


HEAD = '{"specversion":"1.0","stream":"rfid-1","epoch":7,"sequence":"3",'


def row(made: float, stored: float) -> Row:
    identity = f'"id":"urn:uuid:{text(Ids().new(made))}","source":"urn:readpoint:dc1:gw-07.rfid"}}'
    return Row(1, "epcis", "aisle-a", 3, 7, stored, (HEAD + identity).encode())


@given(st.lists(st.floats(-1.0, 100.0)), st.integers(1, 5))
def test_a_histogram_counts_as_prometheus_does(values: list[float], times: int) -> None:
    bounds = (0.0, 0.5, 1.0, 50.0)
    histogram = Histogram(bounds)
    for value in values:
        histogram.add(value, times)
    kept = [max(0.0, value) for value in values]
    expected = [(bound, times * sum(value <= bound for value in kept)) for bound in (*bounds, math.inf)]
    assert histogram.cumulative() == expected
    assert histogram.sum == pytest.approx(times * math.fsum(kept))


def test_an_event_was_decided_when_its_id_was_made() -> None:
    assert decided(row(NOON + 0.125, NOON + 9)) == NOON + 0.125
    assert json.loads(row(NOON, NOON).payload)["sequence"] == "3"


@pytest.mark.parametrize("payload", [b"", b"{}", b'"urn:uuid:', b'"urn:uuid:nothing-like-it"', b"\xff" * 600])
def test_what_has_no_id_counts_from_its_commit(payload: bytes) -> None:
    assert decided(row(1.0, NOON)._replace(payload=payload)) == NOON


def test_rows_of_one_commit_count_as_its_first() -> None:
    timings = Timings()
    rows = [row(NOON, NOON + 0.02), row(NOON + 0.01, NOON + 0.02), row(NOON + 20.0, NOON + 20.02)]
    timings.acknowledged(rows, "live", 0.003, NOON + 20.2)
    timings.acknowledged(rows[:2], "historical", 0.2, NOON + 20.2)
    assert dict(timings.publish.cumulative())[0.005] == 1
    live, late = (dict(timings.delivery[lane].cumulative()) for lane in ("live", "historical"))
    assert (live[0.1], live[0.25], live[10.0], live[30.0], live[math.inf]) == (0, 1, 1, 3, 3)
    assert (late[10.0], late[30.0]) == (0, 2)
    assert timings.delivery["live"].sum == pytest.approx(2 * 20.2 + 0.2)


def test_a_clock_that_is_set_back_makes_nothing_negative() -> None:
    timings = Timings()
    timings.acknowledged([row(NOON, NOON)], "live", 0.001, NOON - 3600.0)
    assert timings.delivery["live"].sum == 0.0
