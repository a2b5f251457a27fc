"""The same facts as `--json`, for a person: rich tables."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Sequence
from typing import Literal

from rich.console import Console
from rich.markup import escape as escape_markup
from rich.table import Table

from gateway.counting import Count, Difference
from gateway.describe import printable
from gateway.identity.orphans import Orphan
from gateway.outbox.values import Entry
from gateway.overview import LocationView, OutboxView, Overview

_COLOURS = {"online": "green", "connecting": "yellow", "degraded": "yellow", "stopped": "yellow"}


WIDE = 240
"""Columns where no terminal says how many it has: a pipe cuts nothing off."""


def escape(text: str) -> str:
    """Text from elsewhere: neither rich nor the terminal obeys it."""
    return escape_markup(printable(text))


def screen() -> Console:
    """Standard output."""
    return Console() if sys.stdout.isatty() else Console(width=WIDE)


def table_of(*columns: str, overflow: Literal["fold", "ellipsis"] = "ellipsis") -> Table:
    """A table without lines. What is too long for its column is cut, or goes on below."""
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow=overflow)
    return table


def ago(then: float | None, now: float) -> str:
    """`12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`; a dash for never."""
    if then is None:
        return "-"
    seconds = max(0.0, now - then)
    for most, unit, name in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds / unit:.0f} {name} ago"
    return f"{seconds / 86400:.0f} d ago"


def size(count: int) -> str:
    """Bytes for a person, in the units of the configuration."""
    for unit, name in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"


def state(word: str) -> str:
    """A state in its colour."""
    return f"[{_COLOURS.get(word, 'red')}]{escape(word)}[/]"


def print_overview(overview: Overview, now: float, console: Console | None = None) -> None:
    """The segment, its uplink and outbox, then a row a device."""
    console = console or screen()
    uplink, outbox, location = overview.uplink, overview.outbox, overview.location
    table = Table.grid(padding=(0, 2))
    table.add_row("[bold]segment[/]", f"{overview.segment}  ({overview.identity}, readpoint {overview.version})")
    cause = f": {escape(uplink.cause)}" if uplink.cause else ""
    table.add_row(
        "uplink",
        f"{state(uplink.state)}{cause}  {escape(uplink.broker)}, MQTT {uplink.protocol}, {ago(uplink.since, now)}",
    )
    table.add_row("", f"{uplink.events} events published, {uplink.in_flight} in flight{_refused(uplink.refused)}")
    if uplink.acks or uplink.ignored:
        table.add_row(
            "centre",
            f"has all up to {outbox.confirmed}: {uplink.acks} receipts, {uplink.ignored} ignored, "
            f"{uplink.repeated} events sent again",
        )
    if uplink.alarm:
        table.add_row("", f"[red]{escape(uplink.alarm)}[/]")
    if uplink.promise:
        table.add_row("", f"[yellow]{escape(uplink.promise)}[/]")
    _add_outbox(table, outbox, now)
    table.add_row(
        "location",
        f"{location.reads} reads, {location.decided} events, {location.present} present, "
        f"{location.late} late, {location.unplaced} unplaced, {location.dropped} shed{_unused(location)}",
    )
    if location.gates:
        table.add_row("gates", ", ".join(f"{name} {'open' if on else 'closed'}" for name, on in location.gates.items()))
    if location.identities or location.orphans:
        table.add_row("identities", f"{location.identities} mapped, {location.orphans} read without a GS1 id")
    if overview.clock.alarm:
        table.add_row("clock", f"[red]{escape(overview.clock.alarm)}[/]")
    if overview.plain_devices:
        table.add_row("accepts plain", escape(", ".join(overview.plain_devices)))
    console.print(table)
    console.print(_devices(overview, now))


def _add_outbox(table: Table, outbox: OutboxView, now: float) -> None:
    table.add_row(
        "outbox",
        f"{outbox.pending} pending (oldest {ago(outbox.oldest, now)}), {outbox.sent} sent, {outbox.dead} dead, "
        f"{size(outbox.size)} of {size(outbox.max_size)}{_hours(outbox.hours)}",
    )
    if outbox.full:
        table.add_row("", f"[red]full: {escape(outbox.cause)}[/]")
    if outbox.saved:
        table.add_row("", f"[yellow]{escape(outbox.saved)}[/]")


def _hours(hours: float | None) -> str:
    return "" if hours is None else f", room for {hours:.0f} h at this rate"


def _unused(location: LocationView) -> str:
    """Reads that decided nothing, where there are any."""
    words = ("ignored", "weak", "gated", "strays", "future", "refused")
    return "".join(f", {count} {word}" for word in words if (count := getattr(location, word)))


def _refused(refused: dict[str, int]) -> str:
    return "".join(f", {count} refused {code}" for code, count in sorted(refused.items()))


def _devices(overview: Overview, now: float) -> Table:
    table = table_of("device", "state", "since", "last read", "reads", "signals", "values", "antennas", "cause")
    for device in overview.devices:
        antennas = " ".join(f"{escape(str(one.antenna))}:{state(one.state)}" for one in device.antennas)
        table.add_row(
            escape(device.device),
            state(device.state),
            ago(device.since, now),
            ago(device.last_read, now),
            str(device.reads),
            str(device.signals),
            str(device.values),
            antennas or "-",
            escape(device.cause),
        )
    return table


def print_orphans(found: Sequence[tuple[str, Orphan]], console: Console | None = None) -> None:
    """Identifiers without a GS1 id, each with its segment."""
    table = table_of(
        "identifier", "first seen", "last seen", "reads", "device", "read point", "segment", overflow="fold"
    )
    now = time.time()
    for segment, one in found:
        antenna = "" if one.antenna is None else f":{one.antenna}"
        table.add_row(
            escape(one.identifier),
            ago(one.first_seen, now),
            ago(one.last_seen, now),
            str(one.reads),
            escape(f"{one.device}{antenna}"),
            escape(one.read_point),
            escape(segment),
        )
    (console or screen()).print(table)


LISTED = 1000
"""Differences that a person is shown."""


def print_count(count: Count, console: Console | None = None) -> None:
    """A count: its figures, then what is not in both."""
    console = console or screen()
    table = Table.grid(padding=(0, 2))
    table.add_row(f"[bold]{escape(count.read_point)}[/]", f"accuracy {count.accuracy:.1%}")
    again = f", {count.repeated} lines again" if count.repeated else ""
    table.add_row("", f"{count.counted} counted{again}, {count.present} present, {count.matched} in both")
    table.add_row("", f"{len(count.missing)} missing, {len(count.extra)} extra, {len(count.misplaced)} misplaced")
    console.print(table)
    found = (*count.missing, *count.extra, *count.misplaced)
    if found:
        console.print(_differences(found[:LISTED]))
    if len(found) > LISTED:
        console.print(f"and {len(found) - LISTED} more: --csv-out has them all")


def _differences(found: Sequence[Difference]) -> Table:
    table = table_of("difference", "object", "as counted", "line", "present at", overflow="fold")
    for one in found:
        place = f"{one.read_point} ({one.segment})" if one.read_point else "-"
        line = "" if one.line is None else str(one.line)
        table.add_row(one.difference, escape(one.id), escape(one.identifier or "-"), line, escape(place))
    return table


def print_entries(entries: Sequence[Entry], console: Console | None = None) -> None:
    """Rows of the outbox."""
    table = table_of("row", "epoch", "sequence", "channel", "name", "stored", "state", "reason", "bytes")
    for entry in entries:
        table.add_row(
            str(entry.rowid),
            str(entry.epoch),
            str(entry.sequence),
            entry.channel,
            escape(entry.name or "-"),
            _stored(entry.stored),
            entry.state,
            escape(entry.reason or ""),
            str(entry.size),
        )
    (console or screen()).print(table)


def _stored(time: float) -> str:
    """On this machine's clock; of a damaged row the number, where no calendar has it."""
    try:
        return dt.datetime.fromtimestamp(time).astimezone().isoformat(" ", "seconds")
    except (OverflowError, ValueError, OSError):
        return f"{time:g}"
