"""Recordings through the same location code as `run`, in their own time, as fast as it goes. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from drivers.lines import Recorded, RecordingError, parse_line
from drivers.observations import Observation, Read, Status
from gateway.config.site import Segment, Site
from gateway.identity.directory import Directory
from gateway.location.engine import Engine, Outcome
from gateway.location.steps import step_after, step_before
from gateway.messages import Composer
from gateway.model import Draft

_HEAD = b'{"specversion":"1.0","stream":"replay","epoch":0,"sequence":"%d","clock":"synchronized",%b}'


LINES = 10_000
"""Lines of one step that are put in order; of a flood, in parts."""

UNKNOWN = 100
"""Names of unknown devices whose lines are counted."""

MOST = 1000
"""Reads of a device that wait for the end of their step; of more in one step, some go to the engine before it."""


class _Course:
    """One segment in replay. Each decision has the time at which it is due, or of the line that made it.

    Reads that decide nothing before the end of their step wait for it in `_waiting`, by device: the engine takes many
    at a time for less.
    """

    def __init__(self, site: Site, segment: Segment) -> None:
        self._engine = Engine(segment.rules, Directory(segment.identities).resolve)
        self._composer = Composer(site.gateway, segment.name, site.read_points)
        self._due: float | None = None
        self._waiting: dict[str, list[Observation]] = {
            device.name: []
            for device in site.devices.values()
            if device.segment == segment.name and self._engine.waits(device.name)
        }

    def reach(self, now: float) -> list[Draft]:
        """Fire the deadlines at or before `now`, each at its own time."""
        drafts: list[Draft] = []
        while (due := self._due) is not None and due <= now:
            outcomes = self._engine.advance(due)
            self._due = self._engine.deadline
            drafts += self._drafts(outcomes)
        return drafts

    def catch_up(self, now: float) -> list[Draft]:
        """Take what waited, all of it of the step of `now`."""
        drafts: list[Draft] = []
        for device, reads in self._waiting.items():
            if reads:
                drafts += self.reach(now)
                drafts += self.take(device, reads, now)
                reads.clear()
        return drafts

    def holds(self, device: str, seen: Observation, received: float, now: float) -> bool:
        """Take a read that decides nothing now: it waits for the end of its step, or repeats what is quiet still."""
        if type(seen) is not Read:
            return False
        reads = self._waiting.get(device)
        if reads is None:
            return (self._due is None or now < self._due) and self._engine.repeats(device, seen, now)
        if seen.time > received or len(reads) >= MOST:
            return False
        reads.append(seen)
        return True

    def take(self, device: str, observations: Sequence[Observation], now: float) -> list[Draft]:
        """What lines say, of one device at one time."""
        outcomes = self._engine.feed(device, observations, now)
        self._due = self._engine.deadline
        return self._drafts(outcomes) if outcomes else []

    def finish(self) -> list[Draft]:
        """Time ended with the last line, be it within a step."""
        return self._drafts(self._engine.finish())

    def health(self, device: str, status: Status) -> Draft:
        """A state line as a health message."""
        antennas = () if status.antenna is None else ((status.antenna, str(status.state)),)
        state = "degraded" if antennas and status.state != "online" else status.state
        time = status.time
        return self._composer.health(device, state, status.cause, since=time, time=time, antennas=antennas)

    def _drafts(self, outcomes: list[Outcome]) -> list[Draft]:
        return [self._composer.epcis(one.transition) for one in outcomes if one.transition is not None]


def replay(
    site: Site,
    lines: Iterable[str | bytes],
    segment: str | None = None,
    *,
    every: bool = False,
    unknown: Counter[str] | None = None,
) -> Iterator[bytes]:
    """One JSON message a decision, without line ends: location events; with `every` also health.

    Deadlines at or before a line's time fire before it; time ends with the last line. Lines of devices that are in no
    segment (or another than `segment`) pass time only; `unknown` counts those of devices that the site does not have.
    Raises `RecordingError` with the line's number at its head.
    """
    counted = Counter() if unknown is None else unknown
    for sequence, draft in enumerate(_drafts(site, lines, segment, counted, every=every), 1):
        yield _HEAD % (sequence, draft.body)


def _drafts(
    site: Site, lines: Iterable[str | bytes], segment: str | None, unknown: Counter[str], *, every: bool
) -> Iterator[Draft]:
    names = [segment] if segment is not None else list(site.segments)
    courses = {name: _Course(site, site.segments[name]) for name in names}
    where = {device.name: courses.get(device.segment) for device in site.devices.values()}
    now = end = -math.inf
    for device, seen, received in _in_order(_parsed(lines)):
        before, now = now, max(now, received)
        course = where.get(device)
        if received < end and course is not None and course.holds(device, seen, received, now):
            continue
        for each in courses.values():
            yield from each.catch_up(before)
        end = step_after(now)
        for each in courses.values():
            yield from each.reach(now)
        if course is None:
            _count(device, where, unknown)
            continue
        if not course.holds(device, seen, received, now):
            yield from course.take(device, (seen,), now)
        if every and isinstance(seen, Status):
            yield course.health(device, seen)
    for course in courses.values():
        yield from course.catch_up(now)
        yield from course.reach(now)
        yield from course.finish()


def _count(device: str, known: Container[str], unknown: Counter[str]) -> None:
    if device not in known and (device in unknown or len(unknown) < UNKNOWN):
        unknown[device] += 1


def _in_order(lines: Iterator[Recorded]) -> Iterator[Recorded]:
    """Lines of one step in the order of their times, so that what was written in another order is decided alike."""
    some: list[Recorded] = []
    begin = end = -math.inf
    try:
        for one in lines:
            received = one[2]
            if not begin <= received < end or len(some) >= LINES:
                yield from _sorted(some)
                some = []
                begin, end = step_before(received), step_after(received)
            some.append(one)
    except RecordingError:
        yield from _sorted(some)
        raise
    yield from _sorted(some)


def _sorted(some: list[Recorded]) -> list[Recorded]:
    some.sort(key=itemgetter(2))
    times = [one[2] for one in some]
    if len(set(times)) == len(times):
        return some
    done: list[Recorded] = []
    for alike, run in groupby(some, _alike):
        reads = list(run)
        if alike is not None:
            reads.sort(key=_rank)
        done += reads
    return done


def _alike(one: Recorded) -> float | None:
    """Reads of one time have an order of their own where they do not say when each arrived."""
    return one.received if type(one.observation) is Read and one.observation.time == one.received else None


def _rank(one: Recorded) -> tuple[str, str]:
    return one.device, repr(one.observation)


def _parsed(lines: Iterable[str | bytes]) -> Iterator[Recorded]:
    for number, line in enumerate(lines, 1):
        try:
            yield parse_line(line)
        except RecordingError as error:
            if line.strip():
                raise RecordingError(f"{number}: {error}") from None
