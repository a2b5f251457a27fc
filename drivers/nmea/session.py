"""One vehicle from its receiver's bytes: what to observe of them, and of their silence. No I/O, no clock of its own.

`wall` is Unix seconds, `now` a steady clock. Without a usable fix the fences do not observe: nothing departs then.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from drivers.contract import Antenna, Disconnected, Observation, ProtocolViolation, Read, Signal, Status
from drivers.nmea.fences import Fences
from drivers.nmea.fix import NO_FIX, Cycle, Fix
from drivers.nmea.framing import Framer
from drivers.nmea.positions import Positions
from drivers.nmea.sentences import parse
from drivers.nmea.settings import PortSettings, Settings

QUIET = 0.15
"""Seconds after which a cycle is over though the next has not begun: two sentences at 9600 baud are 85 ms long."""

PRESENT = 1.0
"""Seconds between two reads of a vehicle that stays in a fence."""

REPEAT = 60.0
"""Seconds after which the fences' signals are said again."""

CALM = 10.0
"""Seconds without damage after which the line counts as good again."""

AGAIN = 60.0
"""Seconds between two words of damage at least: each is a stored event."""


class Memory:
    """What outlives a connection: on which side of each border the vehicle was, and the position told last."""

    def __init__(self, settings: Settings, ports: Mapping[Antenna, PortSettings]) -> None:
        self.fences = Fences(
            {name: port.polygon for name, port in ports.items()}, settings.hysteresis_m, settings.confirm
        )
        told = settings.report
        self.positions = Positions(told.distance_m, told.min_interval, told.max_interval)


class Session:
    """Takes bytes, gives `observations`. `deadline` is when it wants to be asked again by `tick`."""

    def __init__(self, settings: Settings, memory: Memory, *, wall: float, now: float) -> None:
        self.observations: list[Observation] = []
        self.heard = False
        self._settings = settings
        self._object = (settings.object or "").encode()
        self._fences = memory.fences
        self._positions = memory.positions
        self._framer = Framer()
        self._cycle = Cycle()
        self._cycle_ends = math.inf
        self._last_heard = self._last_fix = (wall, now)
        self._fixed: bool | None = None
        self._fault = NO_FIX
        self._read: dict[Antenna, float] = {}
        self._told = -math.inf
        self._damaged = self._damaged_said = 0
        self._calm = self._speak = -math.inf
        memory.fences.doubt()

    @property
    def deadline(self) -> float:
        """Steady time of the next thing that silence decides."""
        due = [self._cycle_ends, self._last_heard[1] + self._settings.silence]
        if self._fixed is not False:
            due.append(self._last_fix[1] + self._settings.fix_timeout)
        if self._damaged:
            due.append(self._calm)
        return min(due)

    def receive(self, data: bytes, wall: float, now: float) -> None:
        """What came over the line."""
        for sentence in self._framer.feed(data):
            try:
                report = parse(sentence)
            except ProtocolViolation:
                self._framer.reject(sentence)
                continue
            self.heard = True
            self._last_heard = (wall, now)
            if report is None:
                continue
            fix = self._cycle.take(report, wall)
            if fix is not None:
                self._take(fix, wall, now)
            self._cycle_ends = now + QUIET
        if self._framer.damaged > self._damaged:
            self._damage(wall, now)

    def tick(self, wall: float, now: float) -> None:
        """The deadline has passed. Disconnected where nothing has come for too long."""
        if now >= self._cycle_ends:
            self._cycle_ends = math.inf
            fix = self._cycle.finish()
            if fix is not None:
                self._take(fix, wall, now)
        if self._fixed is not False and now >= self._last_fix[1] + self._settings.fix_timeout:
            self._lose(wall)
        if self._damaged and now >= self._calm:
            self._recover(wall)
        if now >= self._last_heard[1] + self._settings.silence:
            raise Disconnected(self.silence())

    def silence(self) -> str:
        """What to say where nothing comes that is NMEA 0183."""
        seconds = f"{self._settings.silence:g} s"
        if self._framer.damaged or not self.heard:
            got = f"; last came {self._framer.last.hex(' ')}" if self._framer.last else ""
            where = self._settings.url or self._settings.port
            why = "is the baud rate right, and NMEA output switched on?"
            return f"no NMEA 0183 sentence from {where} within {seconds}{got}: {why}"
        return f"the receiver has said nothing for {seconds}: has it power, is its cable plugged in?"

    def lost(self, cause: str) -> None:
        """The connection has ended: it observed until it was heard last."""
        self.observations += self._positions.lose(cause, self._last_heard[0])
        self.observations.append(Status(None, "offline", cause, self._last_heard[0]))

    def _take(self, fix: Fix, wall: float, now: float) -> None:
        reason = fix.reason
        if not reason and fix.hdop is not None and fix.hdop > self._settings.max_hdop:
            reason = f"the position is too vague: HDOP {fix.hdop:g} is over max_hdop {self._settings.max_hdop:g}"
        if not fix.reason:
            self.observations += self._positions.take(fix)
        if reason:
            self._fault = reason
            self._fences.doubt()
            return
        self._last_fix = (fix.time, now)
        if not self._fixed:
            self._find(wall)
        self._place(fix, wall)

    def _place(self, fix: Fix, wall: float) -> None:
        """Entries, then where the vehicle is, then what it has left: so that it moves from one fence to the next."""
        changes = self._fences.take((fix.latitude, fix.longitude), fix.time)
        entered = {change.fence: change.since for change in changes if change.inside}
        if not 0.0 <= fix.time - self._told < REPEAT:
            self._told = fix.time
            self._repeat({change.fence for change in changes}, fix.time)
        self.observations += [Signal(str(name), value=True, time=since) for name, since in entered.items()]
        for name in self._fences.present():
            if name in entered and entered[name] < fix.time:
                self.observations.append(self._seen(name, entered[name], wall))
            if name in entered or not 0.0 <= fix.time - self._read.get(name, -math.inf) < PRESENT:
                self._read[name] = fix.time
                self.observations.append(self._seen(name, fix.time, wall))
        left = [change for change in changes if not change.inside]
        self.observations += [Signal(str(change.fence), value=False, time=change.since) for change in left]

    def _repeat(self, news: Collection[Antenna], time: float) -> None:
        """After a gap and now and then: who listens may not know what was said before, as a gate that is new."""
        for name, inside in self._fences.known.items():
            if name not in news:
                self.observations.append(Signal(str(name), inside, time))

    def _seen(self, fence: Antenna, time: float, wall: float) -> Read:
        return Read("code", self._object, time, fence, received=wall)

    def _find(self, wall: float) -> None:
        """A fix again: the fences observe."""
        self._fixed = True
        self._say(wall)
        self.observations += [Status(name, "online", "", wall) for name in self._fences.names]

    def _lose(self, wall: float) -> None:
        """No fix for too long: the fences have not observed since the last one."""
        self._fixed = False
        since = self._last_fix[0]
        self._fences.doubt()
        self.observations += self._positions.lose(self._fault, wall)
        self._say(wall)
        self.observations += [Status(name, "offline", self._fault, since) for name in self._fences.names]

    def _say(self, wall: float) -> None:
        """How the device is. The supervisor hears of it, and the rule of zones."""
        faults = []
        if not self._fixed:
            faults.append(f"{self._fault}: has its aerial a free view?")
        if self._damaged_said:
            last = self._framer.last.hex(" ")
            faults.append(f"{self._damaged} lines came damaged, the last {last}: check cable, shield and baud rate")
        self.observations.append(Status(None, "degraded" if faults else "online", "; ".join(faults), wall))

    def _damage(self, wall: float, now: float) -> None:
        self._damaged = self._framer.damaged
        self._calm = now + CALM
        if self._fixed is not None and now >= self._speak:
            self._damaged_said, self._speak = self._damaged, now + AGAIN
            self._say(wall)

    def _recover(self, wall: float) -> None:
        """No damage for a while: it is forgotten."""
        said, self._damaged, self._damaged_said, self._framer.damaged = self._damaged_said, 0, 0, 0
        if said and self._fixed is not None:
            self._say(wall)
