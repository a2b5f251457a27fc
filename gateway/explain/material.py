"""What a running segment gives so that its last minutes can be explained, and the trace that is made of it. Pure.

It gives what it decided and what it heard; what was weighed is found out by weighing it again.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from drivers.lines import parse_line
from drivers.observations import Antenna
from gateway.explain.subject import Known, Subject
from gateway.explain.trace import Trace, Tracer
from gateway.model import Identity, Port, Present, Rules, Transition


class Learned(msgspec.Struct, frozen=True):
    """dB that the rule of zones adds to what an antenna hears."""

    device: str
    antenna: Antenna | None
    offset: float


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """The first line of the answer. Behind it come recording lines, or `others` where nobody met the object.

    `since` is how far back the gateway remembers, `time` now; of `every` reads one was kept. `placed` is where it was
    at that time, `told` what was decided since, `patience` for how long it may be silent now (s).
    """

    time: float
    since: float | None
    every: int
    timezone: str
    rules: Rules
    learned: tuple[Learned, ...] = ()
    identity: Identity | None = None
    placed: Present | None = None
    patience: float = 0.0
    told: tuple[Transition, ...] = ()
    others: tuple[Known, ...] = ()


def before(now: Present | None, told: list[Transition]) -> str | None:
    """The zone in which an object was before these transitions; `now` is where it is after them."""
    first = next((one for one in told if one.kind in ("arrived", "moved", "departed")), None)
    if first is None:
        return None if now is None else now.read_point
    if first.kind == "arrived":
        return None
    return first.origin if first.kind == "moved" else first.read_point


def traced(
    material: Material, lines: Iterable[bytes], subject: Subject, window: tuple[float, float]
) -> tuple[Trace | None, list[Known]]:
    """The trace, or whom else there is. ValueError for what is no answer of a gateway."""
    identity = material.identity
    if identity is None:
        return None, list(material.others)
    seen = sorted(map(parse_line, lines), key=lambda one: one.received)
    zone = material.placed
    present = []
    if zone is not None and zone.read_point in material.rules.read_points:
        begin = min((one.received for one in seen), default=zone.since)
        present = [msgspec.structs.replace(zone, last_seen=max(zone.since, begin))]
    tracer = Tracer(material.rules, lambda _: identity, subject, present, window, _with(material))
    for one in seen:
        tracer.take(one.device, one.observation, one.received)
    trace = tracer.trace(material.time, list(material.told))
    if trace is not None:
        trace.learned = {(one.device, one.antenna): one.offset for one in material.learned}
        trace.every = material.every
        trace.patience = material.patience
        trace.since = material.since
    return trace, []


def _with(material: Material) -> Rules:
    """The rules, with what was learned already in the offsets of the antennas."""
    learned = {(one.device, one.antenna): one.offset for one in material.learned}

    def corrected(port: Port) -> Port:
        offset = port.rssi_offset_db + learned.get((port.device, port.antenna), 0.0)
        return msgspec.structs.replace(port, rssi_offset_db=offset)

    rules = material.rules
    return msgspec.structs.replace(rules, ports=tuple(map(corrected, rules.ports)))
