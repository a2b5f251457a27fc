"""What the values of one point become: measurements, signals, reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from drivers.modbus.counter import Counter
from drivers.modbus.registers import Bad, Block, Point, Value, decode_all
from drivers.modbus.report import Alarm, Reporter, Reporting
from drivers.modbus.vibration import Window
from drivers.observations import Observation, Read, Signal

_AGAIN = 60.0
"""Seconds after which a signal is said again, changed or not: a gate may be new."""
_BITS = {"uint16": 16, "uint32": 32, "uint64": 64}


class Edge(msgspec.Struct, frozen=True):
    """A bit's turning on or off is a read of this object."""

    object: str
    on: Literal["rising", "falling", "both"] = "rising"


class Counting(msgspec.Struct, frozen=True):
    """A counter of objects of one class; it counts at most `fastest` a second."""

    epc_class: str
    fastest: float | None = None


class Vibration(msgspec.Struct, frozen=True):
    """An acceleration: its figures each `window` seconds, and when one of them is an alarm."""

    window: float = 1.0
    level: bool = True
    alarms: tuple[tuple[str, Alarm], ...] = ()


class Watched(msgspec.Struct, frozen=True):
    """A point, and what is wanted of it. `limits`: what lies outside cannot be, and is bad.

    Objects are read at `antenna`; None: at the read point of the whole device.
    """

    point: Point
    reporting: Reporting = Reporting()
    limits: tuple[float, float] | None = None
    alarm: Alarm | None = None
    signal: bool = False
    edge: Edge | None = None
    counting: Counting | None = None
    vibration: Vibration | None = None
    antenna: str | None = None

    @property
    def reads(self) -> bool:
        """Whether objects are read by it."""
        return self.edge is not None or self.counting is not None


_FIGURES = ("rms", "peak", "crest")


class Watch:
    """One point over time. What it was told survives a lost connection, so that a counter goes on counting."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        name, reporting = watched.point.name, watched.reporting
        self._last: Value | None = None
        self._said_at = 0.0
        self._counter = _counter(watched)
        self._window: Window | None = None
        if watched.vibration is None:
            self._reporters = {"": Reporter(name, reporting, watched.alarm)}
            return
        self._window = Window(watched.vibration.window, level=watched.vibration.level)
        alarms = dict(watched.vibration.alarms)
        plain = msgspec.structs.replace(reporting, uom=None)
        self._reporters = {
            figure: Reporter(f"{name}_{figure}", plain if figure == "crest" else reporting, alarms.get(figure))
            for figure in _FIGURES
        }

    def take(self, block: Block, words: Sequence[int], time: float) -> list[Observation]:
        """What the answer to a block says of it."""
        values = decode_all(self.watched.point, block, words)
        if isinstance(values, Bad):
            return self.bad(values, time)
        if self._window is not None:
            return self._vibrating(self._window, values, time)
        value = self._possible(values[-1])
        if isinstance(value, Bad):
            return self.bad(value, time)
        measurement = self._reporters[""].offer(value, time)
        seen: list[Observation] = [] if measurement is None else [measurement]
        return seen + self._changes(value, time)

    def bad(self, why: Bad, time: float) -> list[Observation]:
        """There is no value now."""
        if self._window is not None:
            self._window.clear()
        told = [reporter.offer(why, time) for reporter in self._reporters.values()]
        return [one for one in told if one is not None]

    def forget(self) -> None:
        """The connection was lost: everything is told anew, the state of a signal included."""
        if self._window is not None:
            self._window.clear()
        if self.watched.signal:
            self._last = None
        for reporter in self._reporters.values():
            reporter.forget()

    def _vibrating(self, window: Window, values: list[Value], time: float) -> list[Observation]:
        figures = window.add([float(value) for value in values], time)
        if figures is None:
            return []
        still = Bad("nothing moves: there is no crest")
        told = [
            self._reporters[figure].offer(still if (value := getattr(figures, figure)) is None else value, time)
            for figure in _FIGURES
        ]
        return [one for one in told if one is not None]

    def _possible(self, value: Value) -> Value | Bad:
        limits = self.watched.limits
        if limits is None or isinstance(value, str) or limits[0] <= value <= limits[1]:
            return value
        return Bad(
            f"{value:g} cannot be: below {limits[0]:g}"
            if value < limits[0]
            else f"{value:g} cannot be: above {limits[1]:g}"
        )

    def _changes(self, value: Value, time: float) -> list[Observation]:
        watched, before, self._last = self.watched, self._last, value
        seen: list[Observation] = []
        due = value != before or not 0 <= time - self._said_at < _AGAIN
        if watched.signal and due and not isinstance(value, str):
            self._said_at = time
            seen.append(Signal(watched.point.name, value, time))
        if watched.edge is not None and before is not None and bool(before) != bool(value):
            seen += _read_edge(watched.edge, watched.antenna, turned_on=bool(value), time=time)
        if self._counter is not None and watched.counting is not None and isinstance(value, int):
            counted = self._counter.count(value, time)
            if counted:
                name = watched.counting.epc_class.encode()
                seen.append(Read("code", name, time, watched.antenna, received=time, count=counted))
        return seen


def _counter(watched: Watched) -> Counter | None:
    if watched.counting is None:
        return None
    return Counter(2 ** _BITS[watched.point.type], watched.counting.fastest)


def _read_edge(edge: Edge, antenna: str | None, *, turned_on: bool, time: float) -> list[Observation]:
    wanted = edge.on == "both" or (edge.on == "rising") == turned_on
    return [Read("code", edge.object.encode(), time, antenna, received=time)] if wanted else []
