"""Which streams there are, whose they are, and which of their numbers are here. No I/O, no clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from .rows import Row, place_of, streams
from .sequences import Numbers

ACKS = 8
"""For one segment in a tick: its gateway has room for 16 epochs, and two ticks may come between its looks."""

HOMES = 10_000
"""Of segments whose `state` is listened to."""

Json = dict[str, Any]


class Stream:
    """One life of an outbox, of the segment whose topics begin with `home`."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.epochs: defaultdict[int, Numbers] = defaultdict(Numbers)
        self.open: set[int] = set()
        """Epochs that the last `state` named: its gateway waits for them to be confirmed."""


class Streams:
    """A stream is of the segment that used it first, whoever else says so later."""

    def __init__(self) -> None:
        self.known: dict[str, Stream] = {}
        self._current: dict[str, str] = {}  # of each home, as its last `state` says

    def believe(self, home: str, event: Json) -> None:
        """A checked event speaks of its streams: ValueError where one is another's. A snapshot makes none known."""
        names = streams(event)
        for name in names:
            if name in self.known and self.known[name].home != home:
                raise ValueError(f"stream {name} is one of {self.known[name].home}")
        if event["type"] == "readpoint.state.v1" and home not in self._current and len(self._current) >= HOMES:
            raise ValueError(f"more than {HOMES} segments")
        for name in names if event["type"] != "readpoint.snapshot.v1" else ():
            self.of(home, name)

    def of(self, home: str, name: str) -> Stream:
        """The stream of that name, which is this segment's from now on if it is nobody's."""
        return self.known.setdefault(name, Stream(home))

    def refused(self, home: str, event: object) -> tuple[str, str, int, int] | None:
        """What is not valid is not asked for again: (home, stream, epoch, sequence), where the stream is its own."""
        place = place_of(event)
        if place is None or place[0] not in self.known or self.known[place[0]].home != home:
            return None
        self.known[place[0]].epochs[place[1]].add(place[2], place[2])
        return home, *place

    def stored(self, one: Row) -> bool:
        """That event is here; whether its number had been given up as lost."""
        numbers = self.known[one.stream].epochs[one.epoch]
        return not numbers.add(one.sequence, one.sequence) and one.sequence in numbers.lost

    def lost(self, home: str, data: Json) -> int:
        """Numbers that will never come are no holes; how many of them were."""
        numbers = self.of(home, data["stream"]).epochs[int(data["epoch"])]
        first, last = max(1, int(data["from"])), int(data["to"])
        numbers.lost.add(first, last)
        return numbers.add(first, last)

    def state(self, home: str, data: Json) -> None:
        """What a segment says of its stream. One of which nothing is here is known only while it is the current."""
        if self._current.get(home) != data["stream"]:
            self.forget(home)
        self._current[home] = data["stream"]
        stream = self.of(home, data["stream"])
        stream.open = {int(one["epoch"]) for one in data["epochs"]}
        for one in data["epochs"]:
            numbers, last = stream.epochs[int(one["epoch"])], int(one["last"])
            numbers.last = max(numbers.last, last)
            if one["pending"] == 0:  # then all has been sent: what does not come is missing, at the end too
                numbers.promise(last)
        for epoch in [one for one, numbers in stream.epochs.items() if not numbers.runs and one not in stream.open]:
            del stream.epochs[epoch]

    def forget(self, home: str) -> None:
        """Which stream is its current one, and that stream if nothing of it is here."""
        before = self._current.pop(home, None)
        if before in self.known and not any(numbers.runs for numbers in self.known[before].epochs.values()):
            del self.known[before]

    def complete(self, as_of: Json) -> bool:
        """Whether all that was decided in a stream up to there is here, of its older epochs too."""
        epoch, sequence, stream = int(as_of["epoch"]), int(as_of["sequence"]), self.known.get(as_of["stream"])
        if stream is None or (sequence and (epoch not in stream.epochs or not stream.epochs[epoch].whole(sequence))):
            return False
        return all(one.whole(max(one.top, one.last)) for at, one in stream.epochs.items() if at < epoch)

    def missing(self) -> dict[str, int]:
        """By home."""
        found: defaultdict[str, int] = defaultdict(int)
        for stream in self.known.values():
            found[stream.home] += sum(numbers.missing for numbers in stream.epochs.values())
        return found

    def acks(self, homes: Iterable[str], now: float, patience: float) -> list[tuple[str, Json]]:
        """What to say now to each of these: its newest epoch first, then what was said longest ago."""
        waiting: dict[str, list[Any]] = {home: [] for home in homes}
        for name, stream in self.known.items():
            if stream.home not in waiting:
                continue
            current = self._current.get(stream.home) == name
            newest = max(stream.epochs, default=0)
            for epoch, numbers in stream.epochs.items():
                again = current and (epoch == newest or epoch in stream.open)
                if again or not numbers.quiet:
                    order = not (current and epoch == newest), numbers.said_at, not current, -epoch, name
                    waiting[stream.home].append((order, epoch, again, numbers))
        said: list[tuple[str, Json]] = []
        for home, found in waiting.items():
            left = ACKS
            for order, epoch, again, numbers in sorted(found, key=lambda one: one[0]):
                ack = numbers.due(now, patience, current=not order[2], again=again) if left else None
                if ack is not None:
                    left -= 1
                    said.append((home, {"stream": order[4], "epoch": epoch, "upto": ack[0], "missing": ack[1]}))
        return said
