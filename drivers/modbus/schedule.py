"""Whose turn it is on a bus: one request at a time, each block at its interval, dead units rarely. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from itertools import count

from drivers.modbus.registers import Block, halves
from drivers.modbus.sunspec import Asking

SHARE = 40.0
"""A dead unit rests so many times as long as asking it in vain has taken, so that the others lose 2.5 % by it."""
LONGEST_REST = 1800.0
LEAST_REST = 2.0
_QUICK = 0.1
"""The shortest wait for a second try (s)."""
_SLOWEST = 60.0
"""A block that a unit refuses is asked for no more rarely than this (s)."""


class Unit:
    """One station of the bus. `rests_until` is None while it answers."""

    def __init__(self, name: str | None, number: int) -> None:
        self.name = name
        self.number = number
        self.heard = False
        self.failures = 0
        self.slowest = self.wasted = 0.0
        self.rests_until: float | None = None
        self.settles_until = 0.0
        self.retry: Task | None = None

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"unit {self.number}" if self.name is None else f"{self.name} (unit {self.number})"


class Task:
    """A block of a unit that is read every `interval` seconds; or a discovery, which ends and leaves blocks."""

    def __init__(self, unit: Unit, block: Block, interval: float, asking: Asking | None = None) -> None:
        self.unit = unit
        self.block = block
        self.interval = interval
        self.asking = asking
        self.refusals = 0
        self.due = 0.0


class Schedule:
    """What is asked next. Times are those of one monotonic clock, in seconds.

    Frames of a serial line do not say which request they answer. So a unit that was silent is asked the same again
    before anything else, and after its answer nothing for `settle` seconds, in which the other one may come.
    """

    def __init__(self, tasks: Iterable[Task], now: float, settle: float = 0.0) -> None:
        self._settle = settle
        self._order = count()
        self._heap: list[tuple[float, int, Task]] = []
        for task in tasks:
            self.add(task, now)

    def add(self, task: Task, due: float) -> None:
        """Asks for it from then on."""
        task.due = due
        heapq.heappush(self._heap, (due, next(self._order), task))

    def next(self, now: float) -> tuple[Task | None, float]:
        """The task to be asked now, taken out until it is answered or not; else None and when there will be one."""
        while self._heap:
            due, _, task = self._heap[0]
            if due > now:
                return None, due
            heapq.heappop(self._heap)
            unit = task.unit
            wait = max(unit.rests_until or 0.0, unit.settles_until)
            if wait > now:
                self.add(task, wait)
            elif unit.retry is None or unit.retry is task:
                return task, now
            else:
                self.add(task, max(now, unit.retry.due))
        return None, now + LEAST_REST

    def patience(self, task: Task, timeout: float) -> float:
        """How long to wait for the answer. The second try is for a lost frame: as long as answers took yet."""
        unit = task.unit
        if unit.heard and unit.failures == 1:
            return min(timeout, max(_QUICK, 10 * unit.slowest))
        return timeout

    def answered(self, task: Task, now: float, cost: float) -> bool:
        """Its unit answered within `cost` seconds, if only to refuse.

        True if the unit had been dead: its other blocks are due again.
        """
        unit = task.unit
        unit.slowest = max(unit.slowest, cost)
        if unit.failures:
            unit.settles_until = now + self._settle
        unit.retry = None
        revived = unit.rests_until is not None
        unit.heard, unit.failures, unit.wasted, unit.rests_until = True, 0, 0.0, None
        if revived:
            self._wake(unit, now)
        return revived

    def again(self, task: Task, now: float) -> None:
        """Its next turn: an interval after the last was due; turns that were missed are not made up for."""
        interval = min(task.interval * 2**task.refusals, max(_SLOWEST, task.interval))
        self.add(task, max(task.due + interval, now))

    def silent(self, task: Task, now: float, cost: float) -> bool:
        """Nobody answered, which took `cost` seconds. True if the unit is taken for dead, from now on.

        A unit that was heard is asked once more first. The rest doubles with every probe in vain.
        """
        unit = task.unit
        unit.failures += 1
        unit.wasted += cost
        if unit.heard and unit.failures == 1:
            unit.retry = task
            self.add(task, now)
            return False
        unit.retry = None
        died = unit.rests_until is None
        probes = unit.failures - (2 if unit.heard else 1)
        rest = max(LEAST_REST, unit.wasted * SHARE) * 2.0 ** min(max(probes, 0), 12)
        unit.wasted = 0.0
        unit.rests_until = now + min(rest, LONGEST_REST)
        self.add(task, unit.rests_until)
        return died

    def split(self, task: Task, now: float) -> bool:
        """The unit refuses some address of a block: each half is asked for on its own. False for a single point."""
        parts = halves(task.block)
        if len(parts) < 2:
            task.refusals += 1
            return False
        for part in parts:
            self.add(Task(task.unit, part, task.interval), now)
        return True

    def _wake(self, unit: Unit, now: float) -> None:
        waiting, self._heap = self._heap, []
        for due, order, task in waiting:
            self._heap.append((now if task.unit is unit else due, order, task))
            if task.unit is unit:
                task.due = now
        heapq.heapify(self._heap)
