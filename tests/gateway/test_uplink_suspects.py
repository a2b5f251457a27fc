"""Which event breaks connections is found by halving, and nothing is accused that was answered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.suspects import Suspects


@given(st.integers(1, 300), st.data(), st.integers(1, 20))
def test_the_guilty_one_is_found_in_few_steps_and_no_other(rows: int, data: st.DataObject, batch: int) -> None:
    guilty = data.draw(st.integers(1, rows))
    waiting, suspects = list(range(1, rows + 1)), Suspects()
    for _ in range(30):
        most, window = (suspects.most, 1) if suspects.most else (batch, 20)
        while True:
            flights = [waiting[at : at + most] for at in range(0, len(waiting), most)][:window]
            if any(guilty in flight for flight in flights):
                break
            for flight in flights:
                suspects.answered(flight)
                waiting = [row for row in waiting if row not in flight]
            most, window = (suspects.most, 1) if suspects.most else (batch, 20)
        found = suspects.ended(flights)
        if found is not None:
            assert found == guilty
            assert suspects.most == 0
            return
    raise AssertionError("never found")


def test_what_was_in_flight_once_is_not_suspected() -> None:
    suspects = Suspects()
    assert suspects.ended([[1, 2], [3]]) is None
    assert suspects.most == 0
    suspects.answered([1, 2, 3])
    assert suspects.ended([[4, 5]]) is None
    assert suspects.most == 0
    assert suspects.ended([]) is None
    assert suspects.ended([[4, 5], [6]]) is None
    assert suspects.most == 1
