"""One conversation with a bus: what is asked next, and what the answers mean. Pure: time and answers come in."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.modbus.bus import Station, placed, profile_point
from drivers.modbus.condition import Condition
from drivers.modbus.profiles import Named, sunspec_models
from drivers.modbus.registers import Bad, Point, plan
from drivers.modbus.schedule import Schedule, Task, Unit
from drivers.modbus.sunspec import discover
from drivers.modbus.watch import Watch, Watched
from drivers.modbus.words import NOBODY, NOT_THERE, exception
from drivers.observations import Observation, Status

_TEXTS = 600.0
"""Seconds between two looks at maker, model and serial number."""


class Memory:
    """What outlives a connection: what was told of each point, and where counters stood."""

    def __init__(self) -> None:
        self._watches: dict[str, Watch] = {}

    def watch(self, watched: Watched) -> Watch:
        """The watch of that point, new or as it was left."""
        known = self._watches.get(watched.point.name)
        if known is None or known.watched.point != watched.point:
            known = self._watches[watched.point.name] = Watch(watched)
        return known


class Session:
    """From the first question on. `now` is monotonic, `time` Unix seconds; both in seconds.

    `gap` is how many registers nobody named may be read across, `settle` as the schedule has it.
    """

    def __init__(self, stations: Sequence[Station], memory: Memory, gap: int, now: float, settle: float = 0.0) -> None:
        self.observations: list[Observation] = []
        self.heard = False
        self._memory = memory
        self._gap = gap
        self._stations = {station.number: station for station in stations}
        self._units = {station.number: Unit(station.name, station.number) for station in stations}
        self._watches: dict[int, dict[str, Watch]] = {station.number: {} for station in stations}
        self._dead: dict[int, str] = {}
        self._condition = Condition(self.observations)
        self._schedule = Schedule([], now, settle)
        for station in stations:
            self._watch(station, list(station.points), now)
            if station.sunspec:
                self._discover(station, now)

    def next(self, now: float) -> tuple[Task | None, float]:
        """The task to ask for now, or None and until when to wait."""
        return self._schedule.next(now)

    def patience(self, task: Task, timeout: float) -> float:
        """How long to wait for the answer."""
        return self._schedule.patience(task, timeout)

    @property
    def deserted(self) -> str | None:
        """Why there is nobody left to ask: no unit answers. None while one does, or may."""
        if not all(unit.rests_until is not None for unit in self._units.values()):
            return None
        named = [unit.label for unit in self._units.values()]
        many = len(named) - 5
        who = f"{', '.join(named[:5])} and {many} more do" if many > 0 else f"{' and '.join(named)} do"
        return f"{who}{'' if len(named) > 1 else 'es'} not answer"

    def answered(self, task: Task, words: Sequence[int], time: float, now: float, cost: float) -> None:
        """The registers or bits that were asked for, which took `cost` seconds."""
        self._alive(task, time, now, cost)
        if task.asking is not None:
            self._discovered(task, words, now)
            return
        task.refusals = 0
        watches = self._watches[task.unit.number]
        for point in task.block.points:
            self.observations += watches[point.name].take(task.block, words, time)
        self._schedule.again(task, now)

    def refused(self, task: Task, code: int, time: float, now: float, cost: float) -> None:
        """A Modbus exception."""
        if code in NOBODY:
            self.silent(task, time, now, cost, exception(code))
            return
        self._alive(task, time, now, cost)
        if task.asking is not None:
            self._discovered(task, None, now)
        elif code not in NOT_THERE or not self._schedule.split(task, now):
            self._bad(task.unit.number, task.block.points, exception(code), time)
            self._schedule.again(task, now)

    def silent(self, task: Task, time: float, now: float, cost: float, why: str) -> None:
        """No answer that could be read, which took `cost` seconds."""
        unit = task.unit
        if task.asking is not None:
            self._restart(task)
        if not self._schedule.silent(task, now, cost):
            return
        watches = self._watches[unit.number]
        cause = self._dead[unit.number] = f"{unit.label}: {why}"
        self._bad(unit.number, [watch.watched.point for watch in watches.values()], cause, time)
        if self.heard:
            self._offline(unit, time)
        self._condition.dead(unit.label, why, time)

    def noise(self, data: bytes, time: float) -> None:
        """Bytes that are no answer to what was asked."""
        self._condition.noise(data, time)

    def lost(self, cause: str, time: float) -> None:
        """The connection has ended: nothing of it is known any more."""
        for number, watches in self._watches.items():
            self._bad(number, [watch.watched.point for watch in watches.values()], cause, time)
            for watch in watches.values():
                watch.forget()
        self.observations.append(Status(None, "offline", cause, time))

    def _alive(self, task: Task, time: float, now: float, cost: float) -> None:
        first, self.heard = not self.heard, True
        unit = task.unit
        if first:
            self._condition.online(time)
            for number in self._dead.keys() - {unit.number}:  # after it, for it speaks for all antennas
                self._offline(self._units[number], time)
        self._dead.pop(unit.number, None)
        if self._schedule.answered(task, now, cost):
            for antenna in self._antennas(unit):
                self.observations.append(Status(antenna, "online", "", time))
            self._condition.revived(unit.label, time)
        self._condition.well(time)

    def _offline(self, unit: Unit, time: float) -> None:
        cause = self._dead[unit.number]
        self.observations += [Status(antenna, "offline", cause, time) for antenna in self._antennas(unit)]

    def _antennas(self, unit: Unit) -> list[str]:
        """The unit itself, where it has a name, and the antennas that see through it."""
        watches = self._watches[unit.number].values()
        own = [watch.watched.antenna for watch in watches if watch.watched.reads and watch.watched.antenna]
        return own if unit.name is None else [unit.name, *own]

    def _bad(self, number: int, points: Sequence[Point], why: str, time: float) -> None:
        for point in points:
            self.observations += self._watches[number][point.name].bad(Bad(why), time)

    def _watch(self, station: Station, points: list[tuple[Watched, float]], now: float, gap: int | None = None) -> None:
        unit = self._units[station.number]
        for watched, _ in points:
            self._watches[station.number][watched.point.name] = self._memory.watch(watched)
        for interval in sorted({interval for _, interval in points}):
            chosen = [watched.point for watched, often in points if often == interval]
            for block in plan(chosen, self._gap if gap is None else gap, station.most):
                self._schedule.add(Task(unit, block, interval), now)

    def _discover(self, station: Station, now: float) -> None:
        asking = discover(sunspec_models())
        unit = self._units[station.number]
        self._schedule.add(Task(unit, next(asking), station.interval, asking), now)

    def _restart(self, task: Task) -> None:
        task.asking = discover(sunspec_models())
        task.block = next(task.asking)

    def _discovered(self, task: Task, words: Sequence[int] | None, now: float) -> None:
        """The next question of the discovery; at its end the blocks of the models that were found."""
        assert task.asking is not None
        station = self._stations[task.unit.number]
        try:
            task.block = task.asking.send(words)
        except StopIteration as end:
            for model in end.value:
                self._watch(station, self._chosen(station, model), now, gap=station.most)  # declared whole: no gaps
            if not end.value:
                self._condition.trouble(task.unit.label, "speaks no SunSpec that is known: no model was found")
                self._restart(task)
                self._schedule.add(task, now + 60.0)
        else:
            self._schedule.add(task, now)

    def _chosen(self, station: Station, model: tuple[Named, ...]) -> list[tuple[Watched, float]]:
        """Points of a model that was found; texts do not change. A point of the file has its name first."""
        known = self._watches[station.number]
        wanted = [one for one in model if not station.only or one.point.name in station.only]
        found = [(placed(profile_point(one), station.name), one.point.type == "string") for one in wanted]
        return [
            (one, max(station.interval, _TEXTS) if text else station.interval)
            for one, text in found
            if one.point.name not in known
        ]
