"""Many rows in few steps.

Each step of a statement lets go of Python's interpreter lock and has to win it back from the event loop, which costs
both more than the row does: a statement takes many rows at once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain

_SIZES = (64, 16, 4, 1)
"""Rows a statement takes: few different texts, so that each stays prepared."""


def insert(connection: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]]) -> None:
    """`into` is `INSERT INTO table (columns)`; every row has the same number of values."""
    at = 0
    for size in _SIZES:
        while len(rows) - at >= size:
            values = tuple(chain.from_iterable(rows[at : at + size]))
            connection.execute(_statement(into, len(rows[at]), size), values)
            at += size


@cache
def _statement(into: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{into} VALUES {', '.join([row] * rows)}"


def runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Ascending runs without holes: (first, last) of each."""
    first = last = None
    for number in sorted(numbers):
        if last is not None and number <= last + 1:
            last = number
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = number
    if first is not None and last is not None:
        yield first, last
