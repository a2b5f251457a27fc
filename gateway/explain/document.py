"""An explanation as one value: what `--json` prints, and what the table is made of. Pure."""

from __future__ import annotations

from datetime import tzinfo

import msgspec

from gateway.explain.reasons import Reasons
from gateway.explain.rows import Row, rows, step
from gateway.explain.trace import Trace
from gateway.timestamps import rfc3339


class Event(msgspec.Struct, frozen=True, rename="camel"):
    """A transition: `time` is when it happened, `decided` when that was decided; `why` in words."""

    time: str
    at: float
    decided: str
    what: str
    why: str


class Explanation(msgspec.Struct, frozen=True, rename="camel"):
    """Why an object is where it is. `zone` is where it is at the end, by what was decided."""

    segment: str
    object: str
    identifiers: list[str]
    begin: str
    end: str
    reads: int
    zone: str | None
    every: float
    rows: list[Row]
    events: list[Event]
    notes: list[str]


def explain(trace: Trace, segment: str, zone: tzinfo, every: float | None = None) -> Explanation:
    """Everything that is known of it; `every`: seconds of a row, by itself such that there are about forty."""
    reasons = Reasons(trace, zone)
    size = every or step(trace)
    spans = list(trace.spans())
    here = spans[-1][2] if spans and spans[-1][1] >= trace.end else None
    return Explanation(
        segment=segment,
        object=trace.identity.uri,
        identifiers=trace.values,
        begin=rfc3339(trace.begin),
        end=rfc3339(trace.end),
        reads=trace.count,
        zone=here,
        every=size,
        rows=list(rows(trace, reasons, size)),
        events=[
            Event(rfc3339(told.time), told.time, rfc3339(told.decided), reasons.headline(told), reasons.why(one))
            for one in trace.decided
            for told in [one.transition]
        ],
        notes=list(reasons.notes()),
    )
