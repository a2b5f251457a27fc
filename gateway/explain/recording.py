"""A recording, looked at for one object: a trace for each segment that read it. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from typing import NamedTuple

from drivers.lines import Recorded, RecordingError, parse_line
from gateway.config.site import Site
from gateway.explain.clock import Moment, span
from gateway.explain.subject import Known, Subject
from gateway.explain.trace import Trace, Tracer
from gateway.identity.directory import Directory


class Explained(NamedTuple):
    """Traces by segment, and whom else was read."""

    traces: dict[str, Trace]
    others: list[Known]


def explained(
    site: Site,
    lines: Iterable[bytes],
    subject: Subject,
    segments: Iterable[str],
    window: tuple[Moment | None, Moment | None],
    zone: tzinfo,
    told: Callable[[int], None] = lambda _: None,
) -> Explained:
    """What the lines say of the object. `told` hears of every hundred thousandth line.

    Raises `RecordingError` with the line's number at its head.
    """
    wanted = list(segments) or list(site.segments)
    where = {device.name: device.segment for device in site.devices.values()}
    tracers: dict[str, Tracer] = {}
    first, now = math.inf, -math.inf
    for device, observation, received in _parsed(lines, told):
        if first == math.inf:
            first = received
            limits = span(window, first, zone)
            for name in wanted:
                rules, identities = site.segments[name].rules, site.segments[name].identities
                tracers[name] = Tracer(rules, Directory(identities).resolve, subject, window=limits)
        now = max(now, received)
        tracer = tracers.get(where.get(device, ""))
        if tracer is not None:
            tracer.take(device, observation, received)
    found = {name: trace for name, tracer in tracers.items() if (trace := tracer.trace(now)) is not None}
    return Explained(found, [other for tracer in tracers.values() for other in tracer.others.values()])


def _parsed(lines: Iterable[bytes], told: Callable[[int], None]) -> Iterator[Recorded]:
    for number, line in enumerate(lines, 1):
        if number % 100_000 == 0:
            told(number)
        if line.strip():
            try:
                yield parse_line(line)
            except RecordingError as error:
                raise RecordingError(f"{number}: {error}") from None
