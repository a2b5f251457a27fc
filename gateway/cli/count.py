"""`readpoint count`: what was counted by hand in a zone, held against what is present there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypeVar

import click
import msgspec

from gateway import counting
from gateway.cli.options import unknown
from gateway.cli.scans import LARGEST, read_scans, write_differences
from gateway.cli.sockets import Where, segment_options
from gateway.control import protocol
from gateway.control.client import NotRunning, ask
from gateway.counting import Count, Page, Place, Scan, Standing, compare
from gateway.identity.scanned import known
from gateway.outbox.values import OutboxError
from gateway.timestamps import rfc3339

if TYPE_CHECKING:
    from gateway.config.site import Segment, Site
    from gateway.identity.mapping import IdentityMap

PATIENCE = 60.0
"""Seconds that a busy gateway may take for a page."""

_T = TypeVar("_T")

Namer = Callable[[list[str]], list[str | None]]
"""Keys → the GS1 ids that the segment's identity map gives them."""


class _Floor(NamedTuple):
    """What is present in a segment, and how it names things. `stopped`: as of its last commit; `fault`: unknown why."""

    standing: Standing
    zones: Mapping[str, list[str]]
    names: Namer
    stopped: bool = False
    fault: str = ""


@click.command()
@click.argument("read_point")
@click.option(
    "--csv", "source", type=click.File("rb"), required=True, help="The count: one identifier a line, or a column `epc`."
)
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object.")
@click.option(
    "--csv-out", type=click.Path(path_type=Path, dir_okay=False, writable=True), help="Write the differences here."
)
@segment_options
def count(where: Where, read_point: str, source: BinaryIO, csv_out: Path | None, *, as_json: bool) -> None:
    """Hold a physical count against what is present in zone READ_POINT.

    The count is a file as a hand scanner or a spreadsheet saves it: EPCs in hex, EPC URNs, Digital Links, GS1 element
    strings. Missing is what is present and was not counted; extra what was counted and is present nowhere; misplaced
    what is present in another zone. Accuracy: objects in both, of all that are in either. Where no gateway runs,
    --config names the site file, and what was present when it ended counts.

    \b
    Examples:
      readpoint count aisle-a --csv scanned.csv
      readpoint count aisle-a --csv scanned.csv --csv-out differences.csv
      readpoint count aisle-a --csv - --json < scanned.csv
    """
    scans = read_scans(source.name, source.read(LARGEST + 1))
    floors = dict(_floors(where))
    here = _place(read_point, floors)
    floor = floors[here.segment]
    if floor.fault:
        raise click.ClickException(floor.fault)
    present = {Place(name, zone): uris for name, one in floors.items() for zone, uris in one.zones.items()}
    result = compare(here, _mapped(scans, floor), present)
    _warn(here, floor)
    if csv_out is not None:
        write_differences(csv_out, _rows(result))
    if as_json:
        click.echo(msgspec.json.encode(result).decode())
        return
    from gateway.cli import tables  # noqa: PLC0415 - rich is imported only where a person reads

    tables.print_count(result)


def _floors(where: Where) -> Iterator[tuple[str, _Floor]]:
    """Each segment as the gateway says, else, where the site file is named, as its stopped outbox has it."""
    site = where.site
    try:
        running = where.find()
    except NotRunning:
        if site is None:
            raise
        running = {}
    segments = dict(site.segments) if site is not None else {}
    for name in running if site is None else where.segments or segments:
        try:
            yield name, _asked(where.folder / f"{name}.sock")
        except NotRunning:
            if name not in segments or site is None:
                raise
            yield name, _stopped(site, segments[name])


def _asked(path: Path) -> _Floor:
    lines = ask(path, protocol.Standing(), PATIENCE)
    standing = _decoded(path, next(lines, b""), Standing)
    zones: dict[str, list[str]] = {}
    for line in lines:
        page = _decoded(path, line, Page)
        zones.setdefault(page.zone, []).extend(page.ids)

    def names(keys: list[str]) -> list[str | None]:
        return _decoded(path, next(ask(path, protocol.Names(tuple(keys)), PATIENCE), b""), list[str | None])

    return _Floor(standing, zones, names)


def _decoded(path: Path, line: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        text = f"the gateway at {path} is of another version than this command: {error}"
        raise click.ClickException(text) from None


def _stopped(site: Site, segment: Segment) -> _Floor:
    from gateway.outbox.inspect import stopped  # noqa: PLC0415 - only where no gateway runs

    kinds = {name: point.kind for name, point in segment.rules.read_points.items()}
    zones: dict[str, list[str]] = {}
    last: dict[str, float] = {}
    fault = ""
    try:
        with stopped(site.gateway.state_dir / segment.name) as rows:
            for one in rows.present():
                if kinds.get(one.read_point) == "zone":
                    zones.setdefault(one.read_point, []).append(one.object.uri)
                    last[one.read_point] = max(one.last_seen, last.get(one.read_point, 0.0))
            if rows.damaged:
                click.echo(
                    f"{segment.name}: {rows.damaged} rows of what was present are damaged and left out", err=True
                )
    except OutboxError as error:
        fault = str(error)  # no matter, unless it is the one that is counted
    seen = {name: counting.Zone(observing=False, since=time) for name, time in last.items()}
    names = functools.partial(_names, functools.cache(lambda: _identities(site, segment.name)))
    return _Floor(Standing(kinds, seen, identities=1), zones, names, stopped=True, fault=fault)


def _identities(site: Site, segment: str) -> IdentityMap | None:
    """The map as its file has it now; ConfigError where that is wrong."""
    from gateway.config.load import load  # noqa: PLC0415 - only where no gateway runs

    return load(site.path, files=False, segments=(segment,)).site.segments[segment].identities


def _names(identities: Callable[[], IdentityMap | None], keys: list[str]) -> list[str | None]:
    there = identities()
    return [None if there is None else there.name(key) for key in keys]


def _place(read_point: str, floors: Mapping[str, _Floor]) -> Place:
    """Where it is. click.UsageError for what is no zone."""
    zones = [name for one in floors.values() for name, kind in one.standing.read_points.items() if kind == "zone"]
    for segment, floor in floors.items():
        kind = floor.standing.read_points.get(read_point)
        if kind == "zone":
            return Place(segment, read_point)
        if kind is not None:
            there = f"the zones are {', '.join(sorted(zones))}" if zones else "there are no zones"
            text = f"'{read_point}' is a {kind}: things pass it, nothing stays there that could be counted; {there}"
            raise click.UsageError(text)
    raise click.UsageError(unknown("zone", read_point, sorted(zones)))


def _mapped(scans: Iterable[Scan], floor: _Floor) -> Iterator[Scan]:
    """With the keys of the ids that the segment's identity map gives them, as what was read there has them."""
    if not floor.standing.identities:
        yield from scans
        return
    rest = iter(scans)
    while some := list(islice(rest, counting.KEYS)):
        for scan, name in zip(some, floor.names([one.key for one in some]), strict=True):
            yield scan if name is None else scan._replace(key=known(name))


def _warn(here: Place, floor: _Floor) -> None:
    seen = floor.standing.zones.get(here.zone)
    if floor.stopped:
        when = f", last seen {rfc3339(seen.since)}" if seen is not None else ""
        click.echo(f"no gateway runs: counted against what was present when it ended{when}", err=True)
    elif seen is not None and not seen.observing:
        text = f"{here.zone} has not been observed since {rfc3339(seen.since)}: what is present is as of then"
        click.echo(text, err=True)


def _rows(result: Count) -> Iterator[tuple[object, ...]]:
    yield "difference", "identifier", "id", "read_point", "segment", "line"
    for one in (*result.missing, *result.extra, *result.misplaced):
        yield one.difference, one.identifier or one.id, one.id, one.read_point, one.segment, one.line
