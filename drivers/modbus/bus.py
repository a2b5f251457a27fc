"""From what a technician wrote to what is read: units, their points, what is wanted of each. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from drivers.modbus import profiles
from drivers.modbus.registers import MOST_REGISTERS, Point, overlaps
from drivers.modbus.report import Alarm, Reporting
from drivers.modbus.watch import Counting, Edge, Vibration, Watched

if TYPE_CHECKING:
    from drivers.modbus.settings import AlarmSettings, PointSettings, Settings, UnitSettings, VibrationSettings


class Station(msgspec.Struct, frozen=True):
    """A unit of the bus and what is read of it; `sunspec`: and what it says itself that it has."""

    name: str | None
    number: int
    interval: float
    points: tuple[tuple[Watched, float], ...]
    most: int
    sunspec: bool = False
    only: tuple[str, ...] = ()


def stations(settings: Settings, antennas: Iterable[object] = ()) -> list[Station]:
    """The units of a bus. Points that read objects have their own antenna where one of their name is among those."""
    own = frozenset(antennas)
    if not settings.units:
        return [_station(None, settings, settings.interval, settings.most, own)]
    return [
        _station(name, unit, unit.interval or settings.interval, settings.most, own)
        for name, unit in settings.units.items()
    ]


def full_name(unit: str | None, point: str) -> str:
    """A point's name in telemetry: with its unit where there are several."""
    return point if unit is None else f"{unit}.{point}"


def placed(watched: Watched, unit: str | None) -> Watched:
    """The point under its full name."""
    point = msgspec.structs.replace(watched.point, name=full_name(unit, watched.point.name))
    return msgspec.structs.replace(watched, point=point)


def profile_point(named: profiles.Named) -> Watched:
    """A point of a profile, as it is watched without further words."""
    return Watched(named.point, Reporting(uom=named.uom))


def checked(unit: UnitSettings | Settings) -> None:
    """ValueError where a unit has nothing to read, names what its profile has not, or reads a register twice."""
    if unit.only and unit.profile is None:
        raise ValueError("only: chooses points of a profile: name one with profile:")
    if unit.profile is None and not unit.points:
        raise ValueError("nothing to read: give points:, or profile: with the name of a register map")
    known = [] if unit.profile is None else _known(unit.profile)
    for name in unit.only:
        if name not in known:
            raise ValueError(f"profile {unit.profile} has no point '{name}'{profiles.nearest(name, known)}")
    refuse_overlaps([watched.point for watched, _ in _watched(unit, 1.0, frozenset())])


def refuse_overlaps(points: Iterable[Point]) -> None:
    """ValueError naming two points that take the same register, or have the same name."""
    for one, other in overlaps(points):
        where = f"{other.table} {other.address}"
        text = f"points '{one.name}' and '{other.name}' overlap at {where}: '{one.name}' takes {_range(one)}"
        raise ValueError(f"{text}; correct address: or type: of one of them")


def point(name: str, settings: PointSettings) -> Point:
    """The register of a point as it was written."""
    return Point(
        name,
        settings.table,
        settings.address,
        settings.kind,
        settings.bit,
        settings.length,
        settings.samples,
        settings.byte_order,
        settings.word_order,
        settings.scale,
        settings.offset,
        None,
        settings.invalid,
    )


def _range(one: Point) -> str:
    last = one.address + one.size - 1
    return str(one.address) if last == one.address else f"{one.address} to {last}"


def _known(profile: str) -> list[str]:
    if profile == profiles.SUNSPEC:
        return sorted({named.point.name for model in profiles.sunspec_models().values() for named in model.points})
    return [named.point.name for named in profiles.profile(profile).points]


def _station(
    name: str | None, unit: UnitSettings | Settings, interval: float, most: int, antennas: frozenset[object]
) -> Station:
    sunspec = unit.profile == profiles.SUNSPEC
    if unit.profile is not None and not sunspec:
        most = min(most, profiles.profile(unit.profile).most)
    points = tuple((placed(one, name), often) for one, often in _watched(unit, interval, antennas, name))
    return Station(name, unit.unit, interval, points, min(most, MOST_REGISTERS), sunspec, unit.only)


def _watched(
    unit: UnitSettings | Settings, interval: float, antennas: frozenset[object], name: str | None = None
) -> list[tuple[Watched, float]]:
    """Points of the profile, then those written; a written one of the same name takes its place."""
    found: dict[str, tuple[Watched, float]] = {}
    if unit.profile is not None and unit.profile != profiles.SUNSPEC:
        for named in profiles.profile(unit.profile).points:
            if not unit.only or named.point.name in unit.only:
                found[named.point.name] = (profile_point(named), interval)
    for key, settings in unit.points.items():
        antenna = full_name(name, key)
        found[key] = (_written(key, settings, antenna if antenna in antennas else None), settings.interval or interval)
    return list(found.values())


def _written(name: str, settings: PointSettings, antenna: str | None) -> Watched:
    limits, observe, vibration = settings.limits, settings.observe, settings.vibration
    return Watched(
        point(name, settings),
        _reporting(settings),
        None if limits is None else (_or(limits.min, -math.inf), _or(limits.max, math.inf)),
        _alarm(settings.alarm),
        settings.signal,
        None if observe is None else Edge(observe.object, observe.on),
        None if settings.epc_class is None else Counting(settings.epc_class, settings.max_rate),
        None if vibration is None else _vibration(vibration),
        antenna,
    )


def _reporting(settings: PointSettings) -> Reporting:
    band = settings.deadband
    percent = float(band[:-1]) if isinstance(band, str) else 0.0
    absolute = 0.0 if isinstance(band, str) else float(band)
    return Reporting(settings.uom, absolute, percent, settings.min_interval, settings.max_interval)


def _vibration(settings: VibrationSettings) -> Vibration:
    limits = (("rms", settings.rms), ("peak", settings.peak), ("crest", settings.crest))
    alarms = tuple((name, alarm) for name, one in limits if (alarm := _alarm(one)) is not None)
    return Vibration(settings.window, settings.level, alarms)


def _alarm(settings: AlarmSettings | None) -> Alarm | None:
    if settings is None:
        return None
    return Alarm(_or(settings.low, -math.inf), _or(settings.high, math.inf), settings.hysteresis)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
