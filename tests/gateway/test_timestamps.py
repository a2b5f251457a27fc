"""Times as messages write them, against the standard library's own calendar."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.timestamps import offset, rfc3339

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(0, 253402300799_999))
def test_every_millisecond_from_1970_to_9999(milliseconds: int) -> None:
    wanted = (EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")
    assert rfc3339(milliseconds / 1000) == wanted.replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("time", "written"),
    [
        (-1.0, "1970-01-01T00:00:00.000Z"),
        (math.nan, "1970-01-01T00:00:00.000Z"),
        (-math.inf, "1970-01-01T00:00:00.000Z"),
        (1e300, "9999-12-31T23:59:59.999Z"),
        (math.inf, "9999-12-31T23:59:59.999Z"),
        (0.9996, "1970-01-01T00:00:01.000Z"),
    ],
)
def test_what_cannot_be_written_becomes_the_nearest_that_can(time: float, written: str) -> None:
    assert rfc3339(time) == written


@given(
    st.sampled_from(
        ["UTC", "Europe/Madrid", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Etc/GMT+12"]
    ),
    st.floats(63072000, 4e9),  # from 1972 on, when the last zones gave up seconds in their offsets
)
def test_the_zone_s_offset_at_that_time(name: str, time: float) -> None:
    zone = ZoneInfo(name)
    text = datetime.fromtimestamp(time, zone).isoformat()
    assert offset(zone, time) == text[-6:]


def test_offsets_at_the_ends_of_time() -> None:
    zone = ZoneInfo("Pacific/Kiritimati")
    assert offset(zone, math.inf) == "+14:00"
    assert offset(ZoneInfo("UTC"), math.nan) == "+00:00"
