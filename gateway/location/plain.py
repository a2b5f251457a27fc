"""Checkpoints at which nothing is asked of a read but whose it is: nearly all reads there are taken in one go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from drivers.observations import Antenna, Observation, Read
from gateway.location.checkpoint import Checkpoint
from gateway.location.floor import NO_LEVEL, Place
from gateway.location.repeats import Antennas

Places = Mapping[Antenna | None, Place]


class Plain:
    """Of each device, those of the checkpoints that have neither gate nor RSSI floor for it."""

    def __init__(self, checkpoints: Sequence[Checkpoint], devices: Mapping[str, Places]) -> None:
        self._found = {device: list(_plain(checkpoints, places)) for device, places in devices.items()}

    def take(self, device: str, seen: Sequence[Observation], now: float) -> Sequence[Observation]:
        """Take what says no more than that something is quiet still; the rest is to be heard one by one."""
        for checkpoint, antennas in self._found.get(device, ()):
            seen = checkpoint.take_repeats(seen, antennas, now)
        return seen

    def takes(self, device: str, read: Read, now: float) -> bool:
        """Take one read, if it says no more than that."""
        for checkpoint, antennas in self._found.get(device, ()):
            if antennas is None or read.antenna in antennas:
                return not checkpoint.take_repeats((read,), None, now)
        return False


def _plain(checkpoints: Iterable[Checkpoint], places: Places) -> Iterable[tuple[Checkpoint, Antennas | None]]:
    """Each with its antennas; None if all that the device has are its."""
    for checkpoint in checkpoints:
        here = {antenna: place for antenna, place in places.items() if place.point.name == checkpoint.name}
        if here and checkpoint.gate is None and all(place.floor <= NO_LEVEL for place in here.values()):
            yield checkpoint, None if len(places) == 1 and None in here else frozenset(here) - {None}
