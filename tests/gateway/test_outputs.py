"""Signals reach the outputs that are connected, a storm as one write, and nothing waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gateway.model import Identity, Transition
from gateway.outputs import Signalling, given
from gateway.signals import Rule
from tests.driving import BOUND, until

DOCK = frozenset({"dock-1"})
NOW = 1_790_000_000.0


class Wired:
    """Outputs of a device, as they are written."""

    def __init__(self) -> None:
        self.writes: list[dict[int, bool]] = []
        self._written = asyncio.Event()

    def write(self, states: Mapping[int, bool]) -> None:
        self.writes.append(dict(states))
        self._written.set()

    async def until(self, states: dict[int, bool]) -> None:
        async with asyncio.timeout(BOUND):
            while not self.writes or self.writes[-1] != states:
                self._written.clear()
                await self._written.wait()


def passed(time: float = NOW, read_point: str = "dock-1") -> Transition:
    return Transition(
        "passed", Identity("urn:a", "sgtin", "instance"), read_point, time, time, time, time, direction="in"
    )


async def test_an_event_is_written_and_taken_back_in_time() -> None:
    wired, signalling = Wired(), Signalling(lambda: NOW)
    signalling.apply({"reader": (Rule("passed", 1, DOCK, hold=0.2), Rule("offline", 2))})
    async with given(signalling, lambda: False):
        signalling.connect("reader", wired)
        await wired.until({1: False, 2: False})
        signalling.committed([passed()])
        await wired.until({1: True, 2: False})
        await wired.until({1: False, 2: False})
    assert wired.writes == [{1: False, 2: False}, {1: True, 2: False}, {1: False, 2: False}]


async def test_a_storm_of_events_is_one_pulse() -> None:
    wired, signalling = Wired(), Signalling(lambda: NOW)
    signalling.apply({"reader": (Rule("passed", 1, DOCK, hold=0.3),)})
    async with given(signalling, lambda: False):
        signalling.connect("reader", wired)
        for _ in range(100):
            signalling.committed([passed()] * 100)
            await asyncio.sleep(0)
        await wired.until({1: True})
        await wired.until({1: False})
    assert len(wired.writes) <= 3


async def test_offline_is_seen_and_told_again_after_a_reconnection() -> None:
    wired, again, offline = Wired(), Wired(), [True]
    signalling = Signalling(lambda: NOW)
    signalling.apply({"reader": (Rule("offline", 3),)})
    async with given(signalling, lambda: offline[0]):
        signalling.connect("reader", wired)
        await wired.until({3: True})
        signalling.connect("reader", None)
        signalling.connect("reader", again)
        await again.until({3: True})
        offline[0] = False
        await again.until({3: False})
    assert wired.writes[-1] == {3: True}


async def test_old_events_and_other_places_switch_nothing() -> None:
    wired, signalling = Wired(), Signalling(lambda: NOW)
    signalling.apply({"reader": (Rule("passed", 1, DOCK, hold=60.0), Rule("moved", 2, DOCK, hold=60.0))})
    async with given(signalling, lambda: False):
        signalling.connect("reader", wired)
        await wired.until({1: False, 2: False})
        signalling.committed([passed(NOW - 3600.0), passed(read_point="dock-2")])
        signalling.committed([passed()])
        await wired.until({1: True, 2: False})
    assert wired.writes == [{1: False, 2: False}, {1: True, 2: False}]


async def test_new_rules_are_shown_and_unchanged_ones_go_on() -> None:
    one, two = Wired(), Wired()
    signalling = Signalling(lambda: NOW)
    first, second = (Rule("passed", 1, DOCK, hold=60.0),), (Rule("passed", 4, DOCK, hold=60.0),)
    signalling.apply({"one": first, "two": first, "none": ()})
    async with given(signalling, lambda: False):
        signalling.connect("one", one)
        signalling.connect("two", two)
        signalling.connect("none", Wired())
        signalling.committed([passed()])
        await one.until({1: True})
        await two.until({1: True})
        signalling.connect("two", None)
        signalling.apply({"one": first, "two": second})
        signalling.connect("two", two)
        await two.until({4: False})
        assert one.writes[-1] == {1: True}


async def test_without_rules_nobody_asks_whether_anything_is_offline() -> None:
    asked: list[bool] = []
    signalling = Signalling(lambda: NOW)
    signalling.apply({"reader": (Rule("passed", 1, DOCK, hold=0.1),)})
    wired = Wired()
    async with given(signalling, lambda: bool(asked.append(True))):
        signalling.connect("reader", wired)
        signalling.committed([passed()])
        await wired.until({1: True})
        await until(lambda: wired.writes[-1] == {1: False})
    assert not asked
