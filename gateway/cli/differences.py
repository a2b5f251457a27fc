"""What `replay --compare` found, as a table for a person and as JSON for a program."""

from __future__ import annotations

import datetime as dt
import statistics
from typing import Any

import click
import msgspec
from rich.table import Table

from gateway.cli.tables import escape, screen, table_of
from gateway.timestamps import rfc3339
from gateway.tuning.comparison import Comparison, Pair
from gateway.tuning.events import Event

_COLOURS = {"lost": "red", "added": "green", "moved": "cyan", "changed": "yellow"}
_WORDS = {"lost": "lost", "added": "added", "moved": "moved in time", "changed": "at another place or in another way"}


def print_differences(compared: Comparison, ours: str, theirs: str, zone: dt.tzinfo) -> None:
    """A row a difference, with its time in `zone`, and a line that sums up. `ours`, `theirs` name the files."""
    if compared.differences:
        screen().print(_table(compared.differences, zone))
    click.echo(summary(compared, ours, theirs))


def summary(compared: Comparison, ours: str, theirs: str) -> str:
    """One line."""
    if not compared.differences:
        return f"{ours} and {theirs} decide the same: {_events(compared.same)}"
    found = [f"{count} {_WORDS[what]}" for what in _WORDS if (count := compared.count(what))]
    shifts = [pair.shift for pair in compared.differences if pair.what == "moved"]
    late = ""
    if shifts:
        most = max(shifts, key=abs)
        late = f"; times moved by {statistics.median(shifts):+.1f} s (median), {most:+.1f} s at most"
    counts = f"{_events(compared.before)} with {ours}, {compared.after} with {theirs}"
    return f"{counts}: {compared.same} the same, {', '.join(found)}{late}"


def as_document(compared: Comparison) -> str:
    """One JSON object."""
    return msgspec.json.encode(
        {
            "before": compared.before,
            "after": compared.after,
            "same": compared.same,
            **{what: compared.count(what) for what in _WORDS},
            "equal": not compared.differences,
            "differences": [_difference(pair) for pair in compared.differences],
        }
    ).decode()


def _events(count: int) -> str:
    return f"{count} event{'' if count == 1 else 's'}"


def _table(pairs: list[Pair], zone: dt.tzinfo) -> Table:
    table = table_of("", "object", "transition", "read point", "time", "becomes", overflow="fold")
    for pair in pairs:
        event = pair.event
        table.add_row(
            f"[{_COLOURS[pair.what]}]{pair.what}[/]",
            escape(event.object),
            event.kind,
            escape(_where(event)),
            _clock(event.time, zone),
            escape(_becomes(pair)),
        )
    return table


def _becomes(pair: Pair) -> str:
    if pair.before is None or pair.after is None:
        return ""
    place = _where(pair.after) if _where(pair.after) != _where(pair.before) else ""
    shift = f"{pair.shift:+.3f} s" if abs(pair.shift) > 0 else ""
    return ", ".join(part for part in (place, shift) if part)


def _where(event: Event) -> str:
    return f"{event.read_point} {event.direction}" if event.direction else event.read_point


def _clock(time: float, zone: dt.tzinfo) -> str:
    return dt.datetime.fromtimestamp(time, zone).isoformat(" ", "milliseconds")


def _difference(pair: Pair) -> dict[str, Any]:
    shift = round(pair.shift, 3) if pair.before is not None and pair.after is not None else None
    return {
        "what": pair.what,
        "object": pair.event.object,
        "transition": pair.event.kind,
        "before": _one(pair.before),
        "after": _one(pair.after),
        "shift": shift,
    }


def _one(event: Event | None) -> dict[str, Any] | None:
    if event is None:
        return None
    one: dict[str, Any] = {"readPoint": event.read_point, "eventTime": rfc3339(event.time)}
    return one | ({"direction": event.direction} if event.direction else {})
