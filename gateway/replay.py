"""Recordings through the same location code as `run`, in their own time, as fast as it goes. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from drivers.contract import Observation, Status
from drivers.lines import RecordingError, parse_line
from gateway.config.site import Segment, Site
from gateway.identity.directory import Directory
from gateway.location.engine import Engine, Outcome
from gateway.messages import Composer
from gateway.model import Draft

_HEAD = b'{"specversion":"1.0","stream":"replay","epoch":0,"sequence":"%d","clock":"synchronized",%b}'


class _Course:
    """One segment in replay. Each decision has the time at which it is due, or of the line that made it."""

    def __init__(self, site: Site, segment: Segment) -> None:
        self._engine = Engine(segment.rules, Directory(segment.identities).resolve)
        self._composer = Composer(site.gateway, segment.name, site.read_points)

    def reach(self, now: float) -> list[Draft]:
        """Fire the deadlines at or before `now`, each at its own time."""
        engine = self._engine
        drafts: list[Draft] = []
        while (due := engine.deadline) is not None and due <= now:
            drafts += self._drafts(engine.advance(due))
        return drafts

    def take(self, device: str, observation: Observation, now: float) -> list[Draft]:
        """One line's observation."""
        outcomes = self._engine.feed(device, (observation,), now)
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
    site: Site, lines: Iterable[str | bytes], segment: str | None = None, *, every: bool = False
) -> Iterator[bytes]:
    """One JSON message a decision, without line ends: location events; with `every` also health.

    Deadlines at or before a line's time fire before it; time ends with the last line. Lines of devices that are in no
    segment (or another than `segment`) pass time only. Raises `RecordingError` with the line's number at its head.
    """
    names = [segment] if segment is not None else list(site.segments)
    courses = {name: _Course(site, site.segments[name]) for name in names}
    where = {device.name: courses.get(device.segment) for device in site.devices.values()}
    now, sequence = -math.inf, 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            device, observation, received = parse_line(line)
        except RecordingError as error:
            raise RecordingError(f"{number}: {error}") from None
        now = max(now, received)
        drafts: list[Draft] = []
        for course in courses.values():
            drafts += course.reach(now)
        course_of = where.get(device)
        if course_of is not None:
            drafts += course_of.take(device, observation, now)
            if every and isinstance(observation, Status):
                drafts.append(course_of.health(device, observation))
        for draft in drafts:
            sequence += 1
            yield _HEAD % (sequence, draft.body)
    for course in courses.values():
        for draft in course.finish():
            sequence += 1
            yield _HEAD % (sequence, draft.body)
