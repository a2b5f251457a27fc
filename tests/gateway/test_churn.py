"""Tables of what comes and goes stay as small as what they hold."""

from __future__ import annotations

import sys

from gateway.churn import worn

HELD = 45_000


def turn_over(*, tended: bool) -> tuple[int, int]:
    """The greatest size of a table in which 45,000 stand while ten times as many pass, and how often it was remade."""
    table = dict.fromkeys(range(HELD))
    greatest = came = made = 0
    for number in range(HELD, 11 * HELD):
        table[number] = None
        del table[number - HELD]
        came += 1
        if tended and worn(came, len(table)):
            table, came, made = dict(table), 0, made + 1
        greatest = max(greatest, sys.getsizeof(table))
    return greatest, made


def test_a_table_that_is_tended_is_half_as_large():
    tended, made = turn_over(tended=True)
    alone, _ = turn_over(tended=False)
    assert tended <= 0.6 * alone
    assert made <= 20


def test_a_small_table_is_left_alone():
    assert not worn(4096, 0)
