"""`readpoint orphans`: what is read on this floor and has no GS1 id."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator

import click
import msgspec

from gateway.cli.sockets import Where, segment_options
from gateway.control import protocol
from gateway.control.client import ask
from gateway.identity.orphans import Orphan
from gateway.timestamps import rfc3339

_COLUMNS = ("identifier", "id", "first_seen", "last_seen", "reads", "device", "antenna", "read_point", "segment")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object an identifier and line.")
@click.option("--csv", "as_csv", is_flag=True, help="An identity map to be filled in: write ids in its second column.")
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="So many of a segment at most."
)
@segment_options
def orphans(where: Where, limit: int, *, as_json: bool, as_csv: bool) -> None:
    """List identifiers without a GS1 id that were read since the start, the latest first.

    They are tags that nobody can decode, beacons and codes that no identity map names. Reads are those that
    events told of.

    \b
    Examples:
      readpoint orphans
      readpoint orphans --csv > identities.csv
    """
    if as_json and as_csv:
        raise click.UsageError("either --json or --csv")
    found = _asked(where, protocol.Orphans(limit))
    if as_json:
        for segment, one in found:
            click.echo(msgspec.json.encode({**msgspec.to_builtins(one), "segment": segment}).decode())
        return
    if as_csv:
        _write(found)
        return
    from gateway.cli import tables  # noqa: PLC0415 - rich is imported only where a person reads

    listed = list(found)
    if listed:
        tables.print_orphans(listed)
    else:
        click.echo("everything that was read has a GS1 id", err=True)


def _asked(where: Where, request: protocol.Orphans) -> Iterator[tuple[str, Orphan]]:
    for name, path in where.find().items():
        for line in ask(path, request):
            try:
                yield name, msgspec.json.decode(line, type=Orphan)
            except msgspec.MsgspecError as error:
                text = f"the gateway at {path} is of another version than this command: {error}"
                raise click.ClickException(text) from None


def _write(found: Iterator[tuple[str, Orphan]]) -> None:
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for segment, one in found:
        times = rfc3339(one.first_seen), rfc3339(one.last_seen)
        antenna = "" if one.antenna is None else one.antenna
        rows.writerow((one.identifier, "", *times, one.reads, one.device, antenna, one.read_point, segment))
