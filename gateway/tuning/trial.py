"""A recording in memory, decided with these rules or with others. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from drivers.lines import RecordingError, parse_line
from drivers.observations import Observation, Status
from gateway.config.site import Segment, Site
from gateway.identity.directory import Directory
from gateway.location.engine import Engine, Outcome
from gateway.model import Rules
from gateway.tuning.events import Event

MOST = 2_000_000
"""Lines that are kept: some 700 MB."""


class Heard(NamedTuple):
    """What one device said at once, and when the gateway got it."""

    device: str
    observations: tuple[Observation, ...]
    received: float


class Recording(NamedTuple):
    """What devices of a site's segments said, in order, from `start` to `end` (Unix seconds)."""

    heard: list[Heard]
    start: float
    end: float
    lines: int


def load_recording(site: Site, lines: Iterable[bytes]) -> Recording:
    """Lines of a recording. Raises `RecordingError` with the line's number at its head."""
    heard: list[Heard] = []
    waiting: list[Observation] = []
    who, when = "", -math.inf
    start, end, number = math.inf, -math.inf, 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if number > MOST:
            raise RecordingError(f"{number}: more than {MOST} lines: give the files of one walk alone")
        try:
            device, observation, received = parse_line(line)
        except RecordingError as error:
            raise RecordingError(f"{number}: {error}") from None
        end = max(end, received)
        start = min(start, end)
        if (device, end) != (who, when):
            if waiting:
                heard.append(Heard(who, tuple(waiting), when))
            waiting, who, when = [], device, end
        if device in site.devices:
            waiting.append(observation)
    if waiting:
        heard.append(Heard(who, tuple(waiting), when))
    return Recording(heard, start, end, number)


def decide(recording: Recording, segment: Segment, rules: Rules, devices: frozenset[str]) -> list[Event]:
    """As `replay` does: what one segment, whose devices these are, decides with `rules`."""
    engine = Engine(rules, Directory(segment.identities).resolve)
    events: list[Event] = []

    def take(outcomes: list[Outcome]) -> None:
        events.extend(Event.of(one.transition) for one in outcomes if one.transition is not None)

    for device, observations, received in recording.heard:
        while (due := engine.deadline) is not None and due <= received:
            take(engine.advance(due))
        if device in devices:
            take(engine.feed(device, observations, received))
    take(engine.finish())
    return events


def outages(recording: Recording, devices: frozenset[str]) -> list[tuple[float, float]]:
    """When one of these devices did not observe, as a whole: from its `offline` or `stopped` to its next `online`."""
    since: dict[str, float] = {}
    found: list[tuple[float, float]] = []
    for device, observations, received in recording.heard:
        for seen in observations:
            if device not in devices or not isinstance(seen, Status) or seen.antenna is not None:
                continue
            if seen.state in ("offline", "stopped"):
                since.setdefault(device, received)
            elif device in since:
                found.append((since.pop(device), received))
    return _merged(sorted([*found, *((begin, recording.end) for begin in since.values())]))


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for begin, end in spans:
        if merged and begin <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((begin, end))
    return merged
