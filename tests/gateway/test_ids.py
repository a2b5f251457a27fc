"""UUIDv7 by RFC 9562; the standard library's UUID is the judge of layout."""

from __future__ import annotations

from itertools import pairwise
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import Ids, text


@given(st.lists(st.floats(), min_size=2, max_size=50))
def test_ids_grow_whatever_the_clock_says(times: list[float]) -> None:
    ids = Ids()
    made = [ids.new(time) for time in times]
    assert all(first < second for first, second in pairwise(made))
    for each in made:
        uuid = UUID(bytes=each)
        assert uuid.variant == RFC_4122
        assert uuid.version == 7
        assert text(each) == str(uuid)


def test_the_time_stands_in_the_first_48_bits() -> None:
    assert Ids().new(1790000000.125)[:6] == (1790000000125).to_bytes(6, "big")


def test_two_makers_never_meet() -> None:
    one, other = Ids(), Ids()
    made = [maker.new(1790000000.0) for _ in range(5_000) for maker in (one, other)]
    assert len(set(made)) == 10_000
