"""Where nothing is asked of a read but whose it is: there a batch's repeats are taken in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.observations import Antenna
from gateway.location.checkpoint import Antennas, Checkpoint
from gateway.location.floor import NO_LEVEL, Place


def plain(
    checkpoints: Iterable[Checkpoint], places: Mapping[Antenna | None, Place]
) -> list[tuple[Checkpoint, Antennas | None]]:
    """Those where nothing is asked of a device's read but whose it is, each with its antennas (None: all it has)."""
    found: list[tuple[Checkpoint, Antennas | None]] = []
    for checkpoint in checkpoints:
        here = {antenna: place for antenna, place in places.items() if place.point.name == checkpoint.name}
        if here and checkpoint.gate is None and all(place.floor <= NO_LEVEL for place in here.values()):
            found.append((checkpoint, None if len(places) == 1 and None in here else frozenset(here) - {None}))
    return found
