"""The configuration as the hot path reads it: which antenna stands at which read point, by one small table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from drivers.observations import Antenna
from gateway.model import Kind, Port, ReadPoint, Rules, Side, Source


class Place(msgspec.Struct, frozen=True, gc=False):
    """An antenna at its read point. `letter` stands for it in the small strings that tags keep: its index, as chr()."""

    letter: str
    device: str
    antenna: Antenna | None
    point: ReadPoint
    side: Side | None
    offset: float
    floor: float

    @property
    def index(self) -> int:
        """Its number, never used again for another antenna or read point."""
        return ord(self.letter)


class Floor:
    """All antennas of a segment that ever stood at a read point since the start, and which of them do now."""

    def __init__(self, rules: Rules) -> None:
        self.places: list[Place] = []
        self.devices: dict[str, dict[Antenna | None, Place]] = {}
        self.points: Mapping[str, ReadPoint] = {}
        self._index: dict[tuple[str, Antenna | None, str, Kind, Side | None], int] = {}
        self.replace(rules)

    def replace(self, rules: Rules) -> None:
        """Take new rules. An antenna that stays at its read point keeps its number."""
        self.points = rules.read_points
        self.devices = {}
        for port in rules.ports:
            self.devices.setdefault(port.device, {})[port.antenna] = self._place(
                port, rules.read_points[port.read_point]
            )

    def _place(self, port: Port, point: ReadPoint) -> Place:
        known = (port.device, port.antenna, port.read_point, point.kind, port.side)
        index = self._index.setdefault(known, len(self.places))
        floor = port.rssi_floor_dbm if port.rssi_floor_dbm is not None else point.rssi_floor_dbm
        place = Place(
            chr(index),
            port.device,
            port.antenna,
            point,
            port.side,
            port.rssi_offset_db,
            floor if floor is not None else -1e9,
        )
        if index == len(self.places):
            self.places.append(place)
        else:
            self.places[index] = place
        return place

    def moved(self, told: Mapping[str, str]) -> set[str]:
        """Read points that have another URI than they were told by, by name."""
        return {name for name, point in self.points.items() if told.get(name, point.uri) != point.uri}

    def present(self) -> Iterable[Place]:
        """The places of the configuration as it stands."""
        return (place for ports in self.devices.values() for place in ports.values())

    def letters(self, point: str, kind: Kind) -> str:
        """The antennas that stand now at a read point of that kind."""
        return "".join(
            place.letter for place in self.present() if place.point.name == point and place.point.kind == kind
        )

    def sources(self, tally: Iterable[tuple[str, int, float]]) -> tuple[int, tuple[Source, ...]]:
        """All reads, and what each antenna contributed to them."""
        said = tuple(self.source(*one) for one in tally)
        return sum(one.reads for one in said), said

    def source(self, letter: str, reads: int, peak: float) -> Source:
        """What one antenna contributed, as a transition says it."""
        place = self.places[ord(letter)]
        return Source(place.device, place.antenna, reads, peak if peak > NO_LEVEL else None)


NO_LEVEL = -1e9
"""dBm: stands for the level of reads that have none."""

WEAKEST, STRONGEST = -150.0, 50.0
"""dBm: what is outside, NaN too, is no level."""
