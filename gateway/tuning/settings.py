"""What may be tuned: offsets of antennas, and five numbers of the zones; as values, as rules, as places in a site file.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

import msgspec

from gateway.model import Port as RulePort
from gateway.model import ReadPoint, Rules
from gateway.tuning.stands import Port

Name = Literal["hysteresis_db", "dwell", "presence_timeout", "rssi_floor_dbm", "min_reads"]
NAMES: tuple[Name, ...] = get_args(Name)

Value = float | int | None
"""None is `auto` of `presence_timeout`, and no `rssi_floor_dbm`."""

GRID: Mapping[Name, tuple[Value, ...]] = {
    "hysteresis_db": (2.0, 3.0, 4.0, 5.0, 6.0, 8.0),
    "dwell": (0.5, 1.0, 2.0, 3.0, 5.0),
    "presence_timeout": (None, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 90.0),
    "min_reads": (1, 2, 3, 5),
}
"""What is tried. A floor of levels depends on the floor: see `with_floors`."""


class Settings(NamedTuple):
    """What differs from the site file, the same for every zone; nothing: the site file as it is."""

    zones: tuple[tuple[Name, Value], ...] = ()
    offsets: tuple[tuple[Port, float], ...] = ()

    def put(self, name: Name, value: Value) -> Settings:
        """With another value."""
        return self._replace(zones=(*(each for each in self.zones if each[0] != name), (name, value)))

    def without(self, name: Name) -> Settings:
        """With the site file's value."""
        return self._replace(zones=tuple(each for each in self.zones if each[0] != name))

    @property
    def parts(self) -> list[str]:
        """What is set."""
        return [*(("offsets",) if self.offsets else ()), *(name for name, _ in self.zones)]

    def applied(self, rules: Rules) -> Rules:
        """The rules with it."""
        points = {name: self._point(point) for name, point in rules.read_points.items()}
        offsets = dict(self.offsets)
        return msgspec.structs.replace(
            rules, read_points=points, ports=tuple(self._port(port, offsets) for port in rules.ports)
        )

    def _point(self, point: ReadPoint) -> ReadPoint:
        return msgspec.structs.replace(point, **dict(self.zones)) if point.kind == "zone" else point

    @staticmethod
    def _port(port: RulePort, offsets: Mapping[Port, float]) -> RulePort:
        offset = offsets.get((port.device, port.antenna))
        return port if offset is None else msgspec.structs.replace(port, rssi_offset_db=offset)


class Edit(NamedTuple):
    """A key of the site file and what to write there; `before` is what holds now."""

    place: tuple[str | int, ...]
    before: str
    value: str


def edits(rules: Rules, settings: Settings) -> list[Edit]:
    """What has to be written so that these rules are the settings'. What is so already is left out."""
    after = settings.applied(rules)
    found: list[Edit] = []
    for name, point in rules.read_points.items():
        for key, _ in settings.zones:
            before, value = getattr(point, key), getattr(after.read_points[name], key)
            if point.kind == "zone" and before != value:
                found.append(Edit(("read_points", name, key), written(key, before), written(key, value)))
    for port, other in zip(rules.ports, after.ports, strict=True):
        if port.rssi_offset_db != other.rssi_offset_db and port.antenna is not None:
            place = ("devices", port.device, "antennas", port.antenna, "rssi_offset_db")
            found.append(Edit(place, f"{port.rssi_offset_db:g}", f"{other.rssi_offset_db:g}"))
    return found


def written(name: str, value: Value) -> str:
    """A value as a site file has it."""
    if value is None:
        return "auto" if name == "presence_timeout" else "null"
    if name in ("dwell", "presence_timeout"):
        return f"{value * 1000:g}ms" if 0 < value < 1 else f"{value:g}s"
    return f"{value:g}"
