"""Doors side by side hear each other's loads: who is heard better at a neighbour has not passed here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from gateway.location.evidence import Evidence

SILENT: Final = -80.0
"""dBm: a side that heard nothing, as far as doors are compared."""

MOST: Final = 0.8
"""Share of a load that is here, or is not, from which all of it is: a load goes through one door."""

AROUND: Final = 1.0
"""Seconds around a run in which a neighbour heard the same."""


def strength(peaks: tuple[float, float]) -> float:
    """How well a door heard a tag, on both sides together (dBm)."""
    return sum(max(peak, SILENT) for peak in peaks) / 2.0


def passing_here(company: Sequence[Evidence], elsewhere: Callable[[Evidence], float]) -> list[Evidence]:
    """Those of a company that no neighbour explains better; `elsewhere` is how well the best of them heard a tag."""
    here = [one for one in company if strength(one.peaks) >= elsewhere(one)]
    if len(here) >= MOST * len(company):
        return list(company)
    return here if len(here) > (1.0 - MOST) * len(company) else []
