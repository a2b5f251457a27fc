"""An explanation on a terminal: the table, the events with their reasons, and what else there is to know."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from datetime import tzinfo

from rich.console import Console
from rich.table import Table

from gateway.cli.tables import escape, screen, table_of
from gateway.describe import printable
from gateway.explain.clock import clock, label
from gateway.explain.document import Explanation
from gateway.explain.rows import ANTENNAS, Row
from gateway.explain.subject import Known, Subject

LISTED = 10
"""Other identifiers that are named where the one asked for was not read."""


def print_explanation(value: Explanation, zone: tzinfo, console: Console | None = None) -> None:
    """All of it, for a person."""
    console = console or screen()
    where = f"in [bold]{escape(value.zone)}[/]" if value.zone else "in no zone"
    console.print(f"[bold]{escape(value.object)}[/]  {where}, {value.reads} reads, segment {escape(value.segment)}")
    if value.identifiers:
        console.print(f"read as {escape(', '.join(value.identifiers[:3]))}")
    console.print(_table(value, zone))
    for number, event in enumerate(value.events, 1):
        said = f"[bold]{escape(event.what)}[/]: {escape(event.why)}"
        console.print(f"{number:>2}  {clock(event.at, zone)}  {said}", soft_wrap=True, highlight=False)
    for note in value.notes:
        console.print(f" •  {escape(note)}", soft_wrap=True, highlight=False)


def _table(value: Explanation, zone: tzinfo) -> Table:
    names = list(dict.fromkeys(name for row in value.rows for name in sorted(row.zones)))
    table = table_of("time", "strongest antennas (dBm, reads)")
    for name in names:
        table.add_column(f"{escape(name)} dB", justify="right")
    table.add_column("zone")
    table.add_column("event")
    before: float | None = None
    for row in value.rows:
        if before is not None and row.at - before > 1.5 * value.every:
            table.add_row(f"[dim]{row.at - before - value.every:.0f} s[/]", "[dim]not heard[/]")
        table.add_row(*_cells(row, names, zone))
        before = row.at
    return table


def _cells(row: Row, names: Sequence[str], zone: tzinfo) -> Iterator[str]:
    yield clock(row.at, zone)
    yield "  ".join(
        f"{escape(one.antenna)} {'-' if one.level is None else f'{one.level:.1f}'} ({one.reads})"
        for one in row.heard[:ANTENNAS]
    )
    for name in names:
        level = row.zones.get(name)
        said = "" if level is None else f"{level:.1f}"
        yield f"[bold]{said}[/]" if name == row.zone else said
    yield escape(row.zone or "-")
    yield escape("; ".join(row.events))


def unread(subject: Subject, others: Sequence[Known], segments: str) -> Iterator[str]:
    """What to say where nobody read it: who it may have been, and what was read at all."""
    place = f" in segment {printable(segments)}" if segments else ""
    yield f"Error: '{printable(textwrap.shorten(subject.text, 200))}' was not read{place}"
    if subject.fault:
        yield printable(subject.fault)
    if not others:
        yield "nothing was read at all: is it the right recording, and do its devices stand in the site file?"
        return
    near = subject.near(others)
    for one in near:
        yield f"did you mean {_known(one)}?"
    if not near:
        yield f"{len(others)} others were, most of all:"
        for one in sorted(others, key=lambda other: (-other.reads, other.uri))[:LISTED]:
            yield f"  {_known(one)}"


def _known(one: Known) -> str:
    names = one.uri if one.value in one.uri else f"{one.uri} ({one.value})"
    return f"{printable(names)}, read {one.reads} times, last by {label(one.device, one.antenna)}"
