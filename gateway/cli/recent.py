"""The last minutes of the running gateway, asked for over its control sockets."""

from __future__ import annotations

from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec

from drivers.lines import RecordingError
from gateway.cli.sockets import Where
from gateway.control import protocol
from gateway.control.client import ask
from gateway.explain.clock import Moment, span
from gateway.explain.material import Material, traced
from gateway.explain.recording import Explained
from gateway.explain.subject import Known, Subject
from gateway.explain.trace import Trace


def recent(where: Where, subject: Subject, window: tuple[Moment | None, Moment | None]) -> tuple[Explained, tzinfo]:
    """What each running segment remembers of the object, and the site's clock."""
    traces: dict[str, Trace] = {}
    others: list[Known] = []
    zone: tzinfo = ZoneInfo("UTC")
    for name, path in where.find().items():
        try:
            trace, unlike, zone = _asked(path, subject, window)
        except (msgspec.MsgspecError, RecordingError) as error:
            text = f"the gateway at {path} is of another version than this command: {error}"
            raise click.ClickException(text) from None
        others += unlike
        if trace is not None:
            traces[name] = trace
    return Explained(traces, others), zone


def _asked(
    path: Path, subject: Subject, window: tuple[Moment | None, Moment | None]
) -> tuple[Trace | None, list[Known], tzinfo]:
    lines = ask(path, protocol.Explain(subject.text))
    material = msgspec.json.decode(next(lines), type=Material)
    zone = ZoneInfo(material.timezone)
    limits = span(window, material.since or material.time, zone)
    trace, others = traced(material, lines, subject, limits)
    return trace, others, zone
