"""Signals of a segment: what was stored and what is offline, shown by the outputs of its devices."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from drivers.contract import Outputs
from gateway.model import Transition
from gateway.signals import Panel, Rule, event_of, is_news

LOOK = 0.25
"""Seconds between looks at what is offline."""

PAUSE = 0.05
"""Seconds between two writes to a device: a storm of events is one of them."""


class Signalling:
    """The panels of a segment's devices, and where they are connected. Nothing here waits for a device."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._steady = asyncio.get_running_loop().time
        self._panels: dict[str, Panel] = {}
        self._connected: dict[str, Outputs] = {}
        self._written: dict[str, Mapping[int, bool]] = {}
        self._wake = asyncio.Event()

    def apply(self, rules: Mapping[str, tuple[Rule, ...]]) -> None:
        """These rules from now on, by device; a panel whose rules are as they were goes on."""
        kept = {name: panel for name, panel in self._panels.items() if panel.rules == rules.get(name)}
        self._panels = {name: kept.get(name) or Panel(some) for name, some in rules.items() if some}
        self._wake.set()

    def connect(self, device: str, outputs: Outputs | None) -> None:
        """The device takes states; None: no longer."""
        self._written.pop(device, None)
        self._connected.pop(device, None)
        if outputs is not None and device in self._panels:
            self._connected[device] = outputs
            self._wake.set()

    def committed(self, transitions: Iterable[Transition]) -> None:
        """These events are stored."""
        if not self._panels:
            return
        now = self._clock()
        happened = {(event_of(one), one.read_point) for one in transitions if is_news(one, now)}
        for panel in self._panels.values():
            for event, point in happened:
                panel.happened(event, point)
        if happened:
            self._wake.set()

    async def run(self, offline: Callable[[], bool]) -> None:
        """Until cancelled. `offline` is asked now and then, where a rule wants to know."""
        while True:
            self._look(offline)
            await asyncio.sleep(PAUSE)
            due = min((panel.next_change(self._steady()) for panel in self._panels.values()), default=float("inf"))
            if any(panel.watches for panel in self._panels.values()):
                due = min(due, self._steady() + LOOK)
            try:
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _look(self, offline: Callable[[], bool]) -> None:
        self._wake.clear()
        now = self._steady()
        watching = [panel for panel in self._panels.values() if panel.watches]
        so = bool(watching) and offline()
        for panel in watching:
            panel.offline(so)
        for device, panel in self._panels.items():
            states, outputs = panel.states(now), self._connected.get(device)
            if outputs is not None and states != self._written.get(device):
                self._written[device] = states
                outputs.write(states)


@asynccontextmanager
async def given(signalling: Signalling, offline: Callable[[], bool]) -> AsyncIterator[None]:
    """Signals are given while inside."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(signalling.run(offline), name="signals")
        yield
        task.cancel()
