"""`readpoint correct`: takes back what a device said wrongly, with EPCIS error declarations.

The running gateway is asked; where none runs and the site file is named, they wait in its queue for the next start.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from gateway.cli.options import InstantType, unknown
from gateway.cli.sockets import Where, segment_options
from gateway.control import protocol
from gateway.control.client import NotRunning, ask
from gateway.outbox.values import OutboxError

if TYPE_CHECKING:
    from gateway.config.site import Site
    from gateway.correcting import Place
    from gateway.model import Present, Work
    from gateway.outbox.inspect import Stopped

T = TypeVar("T")

PATIENCE = 600.0
"""Seconds that looking through a large outbox on a small box may take."""


@click.command()
@click.option("--device", required=True, metavar="NAME", help="Whose events: all that it had a part in.")
@click.option(
    "--antenna",
    "antennas",
    multiple=True,
    metavar="N",
    help="Only events that this antenna of it had a part in, by number or name; may repeat.",
)
@click.option("--since", required=True, type=InstantType(), help="From this eventTime on, RFC 3339 or local time.")
@click.option("--until", required=True, type=InstantType(), help="Up to this eventTime, itself left out.")
@click.option(
    "--reason",
    type=click.Choice(protocol.REASONS),
    default="incorrect_data",
    show_default=True,
    help="Why, in CBV's words.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would be taken back.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an event and line, then what was done.")
@segment_options
def correct(
    where: Where,
    device: str,
    antennas: tuple[str, ...],
    since: dt.datetime,
    until: dt.datetime,
    reason: protocol.Reason,
    *,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Take back what a device said wrongly: its antennas were swapped, it stood in the wrong aisle.

    Each event that is still kept is declared wrong by a new event (EPCIS errorDeclaration) that goes out like any
    other; objects are then where what is left says. Who asks again declares nothing twice. Without a running gateway,
    --config names the site file, and the declarations go out at its next start.

    \b
    Examples:
      readpoint correct --device dock-reader --since 2026-11-21T06:00 --until 2026-11-21T09:30 --dry-run
      readpoint correct --device dock-reader --since 2026-11-21T06:00 --until 2026-11-21T09:30 --reason incorrect_data
      readpoint correct --device dock-reader --antenna 1 --antenna 2 --since 2026-11-21T06:00 --until 2026-11-21T09:30

    \b
    Exit codes:
      0 done, also where there was nothing   1 failed   2 wrong usage   78 configuration refused
    """
    if since >= until:
        raise click.UsageError("--until is not after --since: nothing lies between them")
    asked = protocol.Correct(device, since.timestamp(), until.timestamp(), reason, dry_run, antennas or msgspec.UNSET)
    segment, path = _of(where, device).one()
    try:
        lines = ask(path, asked, PATIENCE)
    except NotRunning as error:
        if where.site is None:
            text = f"{error}, or name the site file with --config to put it into the queue of a stopped one"
            raise NotRunning(text) from None
        lines = _offline(where.site, segment, asked)
    if as_json:
        line = b"{}"
        for line in lines:
            click.echo(line.decode())
        _whole(msgspec.json.decode(line))
        return 0
    _show(list(lines), dry_run=dry_run)
    return 0


def _whole(last: dict[str, Any]) -> None:
    """NotRunning where the last line is not that of what was done: who was asked has ended before."""
    if "declared" not in last:
        raise NotRunning("the gateway ended before it said what was done: ask again, nothing is declared twice")


def _of(where: Where, device: str) -> Where:
    """With a site file, the segment of the device."""
    site = where.site
    if site is None or where.segments:
        return where
    if device not in site.devices:
        if len(site.segments) > 1:
            raise click.UsageError(f"{unknown('device', device, site.devices)}; name its segment with --segment")
        return where
    return where.of(site.devices[device].segment)


def _show(lines: list[bytes], *, dry_run: bool) -> None:
    from gateway.cli import tables  # noqa: PLC0415 - rich is imported only where a person reads

    *events, done = map(msgspec.json.decode, lines or [b"{}"])
    _whole(done)
    if events:
        table = tables.table_of("eventTime", "object", "said", "at", "epoch", "sequence")
        for one in events:
            words = one["eventTime"], one["object"], one["transition"], one["readPoint"]
            table.add_row(*map(tables.escape, words), str(one["epoch"]), str(one["sequence"]))
        tables.screen().print(table)
    for sentence in sentences(done, dry_run=dry_run):
        click.echo(sentence)


def sentences(done: dict[str, Any], *, dry_run: bool) -> Iterator[str]:
    """What was done, in words."""
    antennas = f" antenna {', '.join(done['antennas'])}" if "antennas" in done else ""
    stretch = f"{done['device']}{antennas}, {done['since']} to {done['until']}"
    would = "would be" if dry_run else "are"
    yield f"{stretch}: {done['declared']} events {would} declared wrong ({done['reason']})"
    if done["placed"]:
        yield f"{done['placed']} objects {would} elsewhere in this gateway's own presence, as what is left says"
    if done["already"]:
        yield f"{done['already']} were declared wrong before"
    if done["unknown"]:
        runs = "".join(
            f"\n  {one['stream']} epoch {one['epoch']}: {one['from']} to {one['to']}" for one in done["gone"]
        )
        yield (
            f"{done['unknown']} events of any device, stored in that time, are no longer kept here: their ids are not"
            f" known, and nothing of them can be declared{runs}"
        )


# Where no gateway runs


def _offline(site: Site, segment: str, asked: protocol.Correct) -> Iterator[bytes]:
    folder = site.gateway.state_dir / segment
    try:
        return iter(asyncio.run(_stopped(site, segment, folder, asked)))
    except (OutboxError, ValueError) as error:
        raise click.ClickException(str(error)) from None


async def _stopped(site: Site, segment: str, folder: Path, asked: protocol.Correct) -> list[bytes]:
    from gateway import audit  # noqa: PLC0415 - only where no gateway runs
    from gateway.correcting import Place, correcting  # noqa: PLC0415 - same

    points = site.segments[segment].rules.read_points
    zones = {point.uri: point.name for point in points.values() if point.kind == "zone"}
    opened = _shown if asked.dry_run else _changed
    async with opened(site, segment, folder) as (queue, present):
        devices = [device.name for device in site.devices.values() if device.segment == segment]
        noted = audit.Asked(folder, time.time(), os.getuid(), asked)
        place: Place = Place(queue, _Standing(present), zones, devices, folder, time.time, noted.begin)
        return [line.rstrip(b"\n") async for line in correcting(place, asked)]


@asynccontextmanager
async def _shown(_site: Site, _segment: str, folder: Path) -> AsyncIterator[Any]:
    from gateway.outbox.inspect import stopped  # noqa: PLC0415 - only where no gateway runs

    with stopped(folder) as rows:
        present = rows.present()
        if rows.damaged:
            click.echo(f"{rows.damaged} rows of what was present are damaged and left out", err=True)
        yield _Still(rows), present


@asynccontextmanager
async def _changed(site: Site, segment: str, folder: Path) -> AsyncIterator[Any]:
    from gateway.messages import Composer  # noqa: PLC0415 - only where no gateway runs
    from gateway.outbox import database  # noqa: PLC0415 - same
    from gateway.outbox.inspect import owned  # noqa: PLC0415 - same
    from gateway.outbox.store import open_outbox  # noqa: PLC0415 - same

    if not (folder / database.FILE).is_file():
        raise OutboxError(f"{folder}: there is no outbox here; is state_dir right, and did this segment ever run?")
    owned(folder)
    loss = Composer(site.gateway, segment, {}).loss
    async with open_outbox(folder, segment, site.segments[segment].outbox, declare=loss) as outbox:
        yield outbox, outbox.presence()


class _Still:
    """A file that nobody writes to, as the queue that it was."""

    def __init__(self, rows: Stopped) -> None:
        self._rows = rows

    async def look(self, question: Callable[[Any], T]) -> T:
        return self._rows.look(question)

    async def position(self) -> int:
        return 0

    async def flush(self) -> None:
        return None

    def put(self, work: Work) -> None:
        raise OutboxError(f"{len(work.drafts)} corrections: this outbox is open for reading")


class _Standing:
    """Who was in which zone when the gateway ended."""

    def __init__(self, present: list[Present]) -> None:
        self._zones = {one.object.uri: one for one in present if one.kind != "checkpoint"}

    def where(self, uri: str) -> Present | None:
        return self._zones.get(uri)

    def correct(self, uri: str, known: Present | None) -> None:
        self._zones.pop(uri, None)
        if known is not None:
            self._zones[uri] = known
