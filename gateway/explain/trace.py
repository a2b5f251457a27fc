"""What led to each decision about one object: its reads, what was weighed and decided, who did not observe. Pure.

The engine that `run` has decides; here it is only watched.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

import msgspec

from drivers.observations import Antenna, Observation, Read, Signal, Status
from gateway.explain.subject import Known, Subject, spelled
from gateway.location.admission import wanted
from gateway.location.engine import Engine, Outcome
from gateway.location.floor import STRONGEST, WEAKEST
from gateway.location.gate import GateState
from gateway.location.outcome import Key, key
from gateway.location.steps import RATE
from gateway.model import Identity, Kind, Port, Present, ReadPoint, Rules, Side, Transition

STEP = 1.0 / RATE
"""Seconds between two looks at what is weighed."""

KEPT = 50_000
"""Reads, and looks at what is weighed, that are kept of one object; of more every second one goes, and so on."""

OTHERS = 100_000
"""Other identifiers that are remembered, for who mistyped one."""


class Seen(NamedTuple):
    """A read: `level` in dBm as it is weighed, its offset added; Hz. `unused`: why it decided nothing, in words."""

    time: float
    device: str
    antenna: Antenna | None
    level: float | None
    read_point: str
    kind: Kind | None
    side: Side | None
    unused: str
    doppler: float | None = None


class Weighed(NamedTuple):
    """The zone it is in, and (zone, dB), the strongest first."""

    time: float
    here: str | None
    zones: tuple[tuple[str, float], ...]

    def of(self, zone: str | None) -> float | None:
        """dB of one zone."""
        return next((level for name, level in self.zones if name == zone), None)


class Decided(NamedTuple):
    """A transition, and what was weighed when it was decided."""

    transition: Transition
    weighed: Weighed | None


class Outage(NamedTuple):
    """A device, or one of its antennas, did not observe; `end` is infinite if it still does not."""

    device: str
    antenna: Antenna | None
    begin: float
    end: float
    state: str


class Gated(NamedTuple):
    """The gate of a read point opened or closed."""

    time: float
    read_point: str
    on: bool


T = TypeVar("T")


class Thinned(Generic[T]):
    """A list of bounded length: every item until it is full, then every second, every fourth …"""

    def __init__(self) -> None:
        self.items: list[T] = []
        self.every = 1
        self._count = 0

    def add(self, item: T) -> None:
        """Keep it if it is its turn."""
        if self._count % self.every == 0:
            self.items.append(item)
            if len(self.items) >= KEPT:
                self.items = self.items[::2]
                self.every *= 2
        self._count += 1


class Trace(msgspec.Struct, kw_only=True):
    """All about one object from `begin` to `end` (Unix seconds). `initial` is the zone it was in before,
    since `placed`; `patience` is for how long it may be silent at the end (s).

    `reads`, `weighed` and `decided` are in order of time.
    Of a running gateway `since` is how far back it remembers; of so many reads as `every` one was kept.
    """

    identity: Identity
    values: list[str]
    rules: Rules
    begin: float
    end: float
    initial: str | None
    placed: float | None
    reads: list[Seen]
    count: int
    weighed: list[Weighed]
    decided: list[Decided]
    outages: list[Outage]
    gates: list[Gated]
    learned: dict[tuple[str, Antenna | None], float]
    patience: float = 0.0
    every: int = 1
    since: float | None = None

    @property
    def transitions(self) -> list[Transition]:
        """What was decided, in the order in which it happened."""
        return [one.transition for one in self.decided]

    def point(self, name: str) -> ReadPoint:
        """A read point by name."""
        return self.rules.read_points[name]

    def spans(self) -> Iterator[tuple[float, float, str]]:
        """(begin, end, zone): where it was, by what was decided."""
        here, since = self.initial, self.begin
        for one in self.transitions:
            if one.kind not in ("arrived", "moved", "departed"):
                continue
            if here is not None and one.time > since:
                yield since, one.time, here
            here, since = (None if one.kind == "departed" else one.read_point), max(one.time, self.begin)
        if here is not None:
            yield since, self.end, here


class Tracer:
    """Feeds an engine and watches one object.

    `present` is where it was before. `weighing` is what the engine is told in place of `rules`, where it should know
    offsets that another has learned. `window`: what is looked at (Unix seconds); the engine gets everything.
    """

    def __init__(
        self,
        rules: Rules,
        resolve: Callable[[Read], Identity],
        subject: Subject,
        present: Iterable[Present] = (),
        window: tuple[float, float] = (-math.inf, math.inf),
        weighing: Rules | None = None,
    ) -> None:
        self.others: dict[Key, Known] = {}
        self._rules = rules
        self._resolve = resolve
        self._subject = subject
        known = list(present)
        self._before: tuple[str | None, float | None] = (known[0].read_point, known[0].since) if known else (None, None)
        self._initial: str | None = self._before[0]
        self._placed: float | None = self._before[1]
        self._engine = Engine(weighing or rules, resolve, known)
        self._ports = {(port.device, port.antenna): port for port in rules.ports}
        self._window = window
        self._gate = {name: gate for name, point in rules.read_points.items() if (gate := GateState.of(point))}
        self._mine: dict[Key, bool] = {}
        self._identity: Identity | None = known[0].object if known else None
        self._values: list[str] = []
        self._reads: Thinned[Seen] = Thinned()
        self._weighed: Thinned[Weighed] = Thinned()
        self._waiting = math.inf
        self._patience = 0.0
        self._count = 0
        self._decided: list[Decided] = []
        self._outages: list[Outage] = []
        self._gates: list[Gated] = []
        self._begin, self._now = math.inf, -math.inf

    def take(self, device: str, seen: Observation, received: float) -> None:
        """One observation; deadlines before it fire first, each at its own time."""
        self._now = now = max(self._now, received)
        self._reach(now)
        self._begin = min(self._begin, now)
        if type(seen) is Read:
            if self._is_mine(device, seen):
                self._hear(device, seen, now)
            else:
                self._note(self._engine.feed(device, (seen,), now))
            return
        if isinstance(seen, Status):
            self._state(device, seen)
        elif isinstance(seen, Signal):
            self._signal(device, seen)
        self._note(self._engine.feed(device, (seen,), now))

    def _reach(self, now: float) -> None:
        while (due := self._engine.deadline) is not None and due <= now:
            self._note(self._engine.advance(due))
        if self._waiting <= now:
            self._look(self._waiting)

    def _is_mine(self, device: str, read: Read) -> bool:
        which = key(read)
        mine = self._mine.get(which)
        if mine is None:
            identity = self._resolve(read)
            mine = self._mine[which] = self._subject.matches(identity, read)
            if len(self._mine) > OTHERS:
                self._mine.clear()
            if mine:
                self._identity = identity
                if (value := spelled(read)) not in self._values:
                    self._values.append(value)
            elif len(self.others) < OTHERS:
                self.others[which] = Known(identity.uri, spelled(read), 0, read.time, device, read.antenna)
        if not mine and (other := self.others.get(which)) is not None:
            other.reads += 1
            other.last, other.device, other.antenna = read.time, device, read.antenna
        return mine

    def _hear(self, device: str, read: Read, now: float) -> None:
        self._note(self._engine.feed(device, (read,), now))
        if self._waiting == math.inf:
            self._waiting = now + STEP
        if self._inside(read.time):
            port = self._ports.get((device, read.antenna)) or self._ports.get((device, None))
            self._count += 1
            self._reads.add(self._seen(device, read, port, now))

    def _seen(self, device: str, read: Read, port: Port | None, now: float) -> Seen:
        time = read.time if 0.0 <= read.time <= now else now
        level = read.rssi if read.rssi is not None and WEAKEST < read.rssi < STRONGEST else None
        if port is None:
            return Seen(time, device, read.antenna, level, "", None, None, "its antenna is at no read point")
        level = None if level is None else level + port.rssi_offset_db
        point = self._rules.read_points[port.read_point]
        unused = self._unused(read, level, port, point)
        return Seen(time, device, read.antenna, level, point.name, point.kind, port.side, unused, read.doppler)

    def _unused(self, read: Read, level: float | None, port: Port, point: ReadPoint) -> str:
        """Why the read decides nothing."""
        floor = port.rssi_floor_dbm if port.rssi_floor_dbm is not None else point.rssi_floor_dbm
        if level is not None and floor is not None and level < floor:
            return f"below rssi_floor_dbm {floor:g}"
        gate = self._gate.get(point.name)
        if gate is not None and not gate.counts(read.time):
            return f"the gate of {point.name} was closed"
        if self._identity is not None and not wanted(self._identity, self._rules, point):
            return f"{point.name} or its segment does not accept {self._identity.scheme}"
        return ""

    def _look(self, time: float) -> Weighed | None:
        """What is weighed now, of reads until that time."""
        assert self._identity is not None
        self._waiting = math.inf
        here, zones, self._patience = self._engine.weighed(self._identity.uri)
        if not zones:
            return None
        weighed = Weighed(time, here.read_point if here is not None else None, tuple(zones))
        if self._inside(time):
            self._weighed.add(weighed)
        return weighed

    def _note(self, outcomes: list[Outcome]) -> None:
        for one in outcomes:
            told = one.transition
            if told is None or self._identity is None or told.object.uri != self._identity.uri:
                continue
            if self._told(told):
                self._decided.append(Decided(told, self._last(told)))

    def _told(self, told: Transition) -> bool:
        """Whether it is looked at; what was decided before says where the object was."""
        if self._inside(told.time) or self._inside(told.decided):
            return True
        if told.decided < self._window[0] and told.kind in ("arrived", "moved", "departed"):
            self._initial = None if told.kind == "departed" else told.read_point
            self._placed = told.time
        return False

    def _last(self, told: Transition) -> Weighed | None:
        if told.kind in ("arrived", "moved"):
            return self._look(told.decided)
        return self._weighed.items[-1] if self._weighed.items else None

    def _state(self, device: str, seen: Status) -> None:
        """An outage begins or ends; one of the whole device ends those of its antennas."""
        for at, outage in enumerate(self._outages):
            if outage.device == device and outage.end == math.inf and seen.antenna in (None, outage.antenna):
                self._outages[at] = outage._replace(end=max(seen.time, outage.begin))
        if seen.state in ("offline", "stopped"):
            self._outages.append(Outage(device, seen.antenna, seen.time, math.inf, seen.state))

    def _signal(self, device: str, seen: Signal) -> None:
        for name, state in self._gate.items():
            before = state.on
            state.hear(device, seen.name, seen.value, seen.time)
            if state.on != before:
                self._gates.append(Gated(seen.time, name, state.on))

    def _inside(self, time: float) -> bool:
        return self._window[0] <= time <= self._window[1]

    def trace(self, now: float | None = None, given: list[Transition] | None = None) -> Trace | None:
        """What was found up to `now` (default: the last line); None if the object was not met.

        `given` transitions are told instead of the engine's own.
        """
        if now is not None:
            self._now = max(self._now, now)
            self._reach(self._now)
        self._note(self._engine.finish())
        if self._waiting < math.inf:
            self._look(self._now)
        if self._identity is None:
            return None
        decided = self._decided
        if given is not None:
            self._initial, self._placed = self._before
            decided = [Decided(one, self._nearest(one)) for one in given if self._told(one)]
        first = min([self._begin, *(one.transition.time for one in decided)])
        begin, end = max(first, self._window[0]), min(self._now, self._window[1])
        return Trace(
            identity=self._identity,
            values=self._values,
            rules=self._rules,
            begin=min(begin, end),
            end=end,
            initial=self._initial,
            placed=self._placed,
            reads=sorted(self._reads.items, key=lambda one: one.time),
            count=self._count,
            weighed=self._weighed.items,
            decided=sorted(decided, key=lambda one: (one.transition.time, one.transition.decided)),
            outages=[one for one in self._outages if one.end >= begin and one.begin <= end],
            gates=[one for one in self._gates if begin <= one.time <= end],
            learned=self._engine.learned(),
            patience=self._patience,
        )

    def _nearest(self, told: Transition) -> Weighed | None:
        before = [one for one in self._weighed.items if one.time <= told.decided + STEP]
        return before[-1] if before else None
