"""A floor to walk tags over: an engine fed one observation at a time, as `replay` feeds it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Any

import pytest

from drivers.contract import Antenna, Observation, Read, Signal, Status
from gateway.location.engine import Engine, Outcome
from gateway.model import Absent, Identity, Port, Present, ReadPoint, Rules, Transition

Zone = str | None


def identify(read: Read) -> Identity:
    """The value is the name; a `class:` is one, other things are instances; what follows # is no part of the name."""
    name = read.value.decode().split("#")[0]
    if read.pc is not None and read.pc & 0x100:
        name += ".afi"
    scheme = name.split(":")[0] if ":" in name else "sgtin"
    return Identity(f"urn:test:{name}", scheme, "class" if scheme == "class" else "instance")


class Walk:
    """Feeds an engine, keeps what it says, and holds its presence against what the outcomes imply.

    Time ends after each observation, so that its decision need not wait for the end of its step, unless `steps`, or
    where there is a portal: there it tells who waits for company.
    """

    def __init__(self, rules: Rules, present: Iterable[Present] = (), *, steps: bool = False, **options: Any) -> None:
        known = list(present)
        self.steps = steps or any(point.kind == "portal" for point in rules.read_points.values())
        numbers = count(1)
        self.engine = Engine(rules, identify, known, new_id=lambda _: f"passage-{next(numbers)}", **options)
        self.now = 0.0
        self.events: list[Transition] = []
        self.calls: list[list[Transition]] = []
        self.stored = {(one.object.uri, one.read_point): one for one in known}

    def tell(self, time: float, observation: Observation, device: str = "reader") -> list[Transition]:
        """One observation arrives at `time`; returns what that alone decided."""
        return self.take((observation,), time, device)

    def read(
        self,
        time: float,
        antenna: Antenna | None = 1,
        rssi: float | None = -50.0,
        *,
        tag: str = "a",
        device: str = "reader",
        arrives: float | None = None,
        pc: int | None = None,
    ) -> list[Transition]:
        """One read of a tag, arriving when it was made unless said otherwise."""
        read = Read("epc", tag.encode(), time, antenna, rssi, pc=pc)
        return self.tell(time if arrives is None else arrives, read, device)

    def stay(
        self, begin: float, end: float, antenna: Antenna = 1, rssi: float = -50.0, *, tag: str = "a", step: float = 0.5
    ) -> None:
        """Reads of one antenna from `begin` until before `end`."""
        for index in range(int((end - begin) / step)):
            self.read(begin + index * step, antenna, rssi, tag=tag)

    def state(self, time: float, state: str, antenna: Antenna | None = None, device: str = "reader") -> None:
        """A device or an antenna says how it is."""
        self.tell(time, Status(antenna, state, "", time), device)  # type: ignore[arg-type]

    def take(self, held: Sequence[Observation], time: float, device: str = "reader") -> list[Transition]:
        """What arrives together."""
        self.reach(time)
        said = self._take(self.engine.feed(device, held, time))
        return said if self.steps else said + self.finish()

    def finish(self) -> list[Transition]:
        """Time ends here."""
        return self._take(self.engine.finish())

    def signal(self, time: float, value: float, name: str = "beam", device: str = "plc") -> None:
        """An input changes."""
        self.tell(time, Signal(name, value, time), device)

    def reach(self, time: float) -> list[Transition]:
        """Let time pass: every deadline fires at its own time."""
        self.now = time
        before = len(self.events)
        while (due := self.engine.deadline) is not None and due <= time:
            self._take(self.engine.advance(due))
        self._take(self.engine.advance(time))
        return self.events[before:]

    def replace(self, rules: Rules, time: float) -> list[Transition]:
        """New rules."""
        return self._take(self.engine.replace(rules, time))

    def _take(self, outcomes: list[Outcome]) -> list[Transition]:
        for outcome in outcomes:
            for change in outcome.presence:
                if isinstance(change, Absent):
                    assert self.stored.pop((change.uri, change.read_point), None), f"{change} was not present"
                else:
                    self.stored[change.object.uri, change.read_point] = change
        said = [outcome.transition for outcome in outcomes if outcome.transition is not None]
        self.events += said
        assert self.engine.present_count == len(self.stored)
        if said:
            self.calls.append(said)
        if said and len(self.stored) < 100:
            known = {(one.uri, one.read_point) for one in self.engine.sightings()}
            assert known == set(self.stored)
        return said

    def story(self) -> list[tuple[str, str, float]]:
        """(what, where, when) of all transitions."""
        return [(one.kind, one.read_point, one.time) for one in self.events]


def sound(events: Iterable[Transition]) -> None:
    """What zones said of one tag: one zone at a time, arrivals and departures in turn, eventTimes forward."""
    here, last = None, float("-inf")
    for one in events:
        assert last <= one.time <= one.decided
        assert one.first_seen <= one.last_seen <= one.decided
        assert (one.reason == "unobserved") == (one.unobserved is not None)
        last = one.time
        if one.kind == "arrived":
            assert here is None
            here = one.read_point
        elif one.kind == "moved":
            assert here == one.origin != one.read_point
            here = one.read_point
        else:
            assert (one.kind, one.read_point) == ("departed", here)
            here = None
    assert here is None


def make_rules(points: Iterable[ReadPoint], ports: Iterable[Port], **options: object) -> Rules:
    """Rules of these read points and ports."""
    return Rules({point.name: point for point in points}, tuple(ports), **options)  # type: ignore[arg-type]


def make_zones(count: int = 2, **settings: object) -> Rules:
    """Zones z1, z2 … under antennas 1, 2 … of one reader."""
    points = [ReadPoint(f"z{n}", f"urn:test:z{n}", "zone", **settings) for n in range(1, count + 1)]  # type: ignore[arg-type]
    return make_rules(points, [Port("reader", n, f"z{n}") for n in range(1, count + 1)])


@pytest.fixture
def rules() -> Callable[..., Rules]:
    """Makes rules of read points and ports."""
    return make_rules


@pytest.fixture
def zones() -> Callable[..., Rules]:
    """Makes rules of zones under the antennas of one reader."""
    return make_zones


@pytest.fixture
def walk() -> Callable[..., Walk]:
    """Makes walks."""
    return Walk
