"""Report by exception: whether a value is worth telling, and whether it is an alarm. Pure."""

from __future__ import annotations

import math
from typing import Literal, TypeGuard

import msgspec

from drivers.modbus.registers import Bad, Value
from drivers.observations import Measurement


class Reporting(msgspec.Struct, frozen=True):
    """When a point is told. `deadband` in its unit, `percent` of the value told last; intervals in seconds.

    A change is told when it exceeds the greater of both bands, not sooner than `least` after the one before; whatever
    it is, it is told again after `most` (None: never). A change of quality or of alarm is told at once.
    """

    uom: str | None = None
    deadband: float = 0.0
    percent: float = 0.0
    least: float = 0.0
    most: float | None = 600.0


class Alarm(msgspec.Struct, frozen=True):
    """Limits of what is well, in the point's unit; an alarm ends `hysteresis` inside of the limit it broke."""

    low: float = -math.inf
    high: float = math.inf
    hysteresis: float = 0.0


class Reporter:
    """What was told of one point, and so what is told next."""

    def __init__(self, name: str, reporting: Reporting, alarm: Alarm | None = None) -> None:
        self._name = name
        self._reporting = reporting
        self._alarm = alarm
        self._side: Literal["low", "high"] | None = None
        self._told: Measurement | None = None

    def offer(self, value: Value | Bad, time: float) -> Measurement | None:
        """The measurement to be told now, if any. `time` is Unix seconds, of the value."""
        new = self._measured(value, time)
        if self._told is not None and not self._worth(self._told, new):
            return None
        self._told = new
        return new

    def forget(self) -> None:
        """What comes next is told, whatever it is."""
        self._told = None

    def _measured(self, value: Value | Bad, time: float) -> Measurement:
        uom = self._reporting.uom
        if isinstance(value, Bad):
            return Measurement(self._name, None, uom, "bad", time, value.reason)
        exception = "ALARM_CONDITION" if self._alarming(value) else None
        return Measurement(self._name, value, uom, "good", time, exception=exception)

    def _alarming(self, value: Value) -> bool:
        alarm = self._alarm
        if alarm is None or isinstance(value, str):
            return False
        if value > alarm.high or (self._side == "high" and value > alarm.high - alarm.hysteresis):
            self._side = "high"
        elif value < alarm.low or (self._side == "low" and value < alarm.low + alarm.hysteresis):
            self._side = "low"
        else:
            self._side = None
        return self._side is not None

    def _worth(self, told: Measurement, new: Measurement) -> bool:
        reporting = self._reporting
        since = new.time - told.time
        if (told.quality, told.reason, told.exception) != (new.quality, new.reason, new.exception) or since < 0:
            return True  # time that runs backwards: the host's clock was set
        if reporting.most is not None and since >= reporting.most:
            return True
        return since >= reporting.least and self._moved(told.value, new.value)

    def _moved(self, told: Value | None, new: Value | None) -> bool:
        if not _is_number(told) or not _is_number(new):
            return told != new
        band = max(self._reporting.deadband, self._reporting.percent / 100 * abs(told))
        return told != new and abs(new - told) >= band


def _is_number(value: Value | None) -> TypeGuard[float]:
    """A bool is a number to Python, but has no deadband."""
    return isinstance(value, int | float) and not isinstance(value, bool)
