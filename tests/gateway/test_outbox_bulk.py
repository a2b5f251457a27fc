"""Rows in few steps, and rows that need not be read back: the same as one by one, and as from the file."""

from __future__ import annotations

import sqlite3
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gateway.outbox import bulk
from gateway.outbox.recent import MOST, Recent
from gateway.outbox.values import Row


def row(rowid: int, size: int = 10) -> Row:
    return Row(rowid, "epcis", "dock-1", rowid, 1, 0.0, b"x" * size)


@given(st.integers(0, 300))
def test_every_row_is_inserted_once_and_in_order(count):
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE things (id INTEGER, name TEXT)")
    rows = [(number, str(number)) for number in range(count)]
    bulk.insert(connection, "INSERT INTO things (id, name)", rows)
    assert connection.execute("SELECT id, name FROM things ORDER BY rowid").fetchall() == rows
    connection.close()


@given(st.lists(st.integers(0, 60)))
def test_runs_hold_every_number_once_without_a_hole(numbers):
    found = list(bulk.runs(numbers))
    assert [number for first, last in found for number in range(first, last + 1)] == sorted(set(numbers))
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))


@given(st.lists(st.tuples(st.integers(1, 900), st.integers(1, 500)), max_size=30))
def test_what_is_recent_follows_without_a_hole_or_is_not_given(steps):
    recent, stored, cursor = Recent(), 0, 0
    for add, take in steps:
        recent.add([row(number) for number in range(stored + 1, stored + add + 1)])
        stored += add
        taken = [each.rowid for each in recent.after(cursor, take, 10**9)]
        assert taken == list(range(cursor + 1, cursor + 1 + len(taken)))
        assert len(taken) <= min(take, MOST)
        # What is not given is read from the file by the caller.
        cursor = taken[-1] if taken else min(stored, cursor + take)


def test_recent_rows_end_at_the_size_but_one_is_always_given():
    recent = Recent()
    recent.add([row(number, 400) for number in range(1, 6)])
    assert [each.rowid for each in recent.after(0, 100, 1000)] == [1, 2]
    assert [each.rowid for each in recent.after(2, 100, 10)] == [3]


def test_a_released_row_is_not_among_the_recent():
    recent = Recent()
    recent.add([row(number) for number in range(1, 6)])
    assert len(recent.after(0, 3, 1000)) == 3
    # Row 2 was given back: the lane goes on behind row 1, which is not kept any more.
    assert recent.after(1, 10, 1000) == []
