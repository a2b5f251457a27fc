"""`readpoint outbox`: what waits, what was given up, and sending it again.

The running gateway is asked; where none runs and the site file is named, the file itself is looked into.
"""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import os
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click
import msgspec

from gateway.cli.options import InstantType
from gateway.cli.sockets import Where, segment_options
from gateway.control import protocol
from gateway.control.client import NotRunning, ask
from gateway.outbox.values import Entry, OutboxError, Selection

if TYPE_CHECKING:
    from gateway.outbox.inspect import Stopped

Question: TypeAlias = protocol.OutboxList | protocol.OutboxShow | protocol.OutboxResend

PATIENCE = 60.0
"""Seconds that a large outbox on a small box may take to find a row."""


MOST = 2**63 - 1
"""SQLite's integers go no further."""


class IdType(click.ParamType[str]):
    """A CloudEvents id, with or without `urn:uuid:`."""

    name = "uuid"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return str(uuid.UUID(value.removeprefix("urn:uuid:")))
        except ValueError:
            self.fail(f"{value!r} is no id: copy it from the event, as urn:uuid:0192f7c1-…", param, ctx)


LIMIT = click.option(
    "--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="So many rows at most."
)
AS_CSV = click.option("--csv", "as_csv", is_flag=True, help="Comma-separated values, with a line of names.")
FILE = click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path, exists=True),
    help="A copied outbox: its file, or the folder it stands in. No gateway is asked.",
)
REASON = click.option("--reason", help="Only those given up for this reason, as `readpoint outbox dead` shows it.")
SINCE = click.option("--since", type=InstantType(), help="Only those given up since then, RFC 3339 or local time.")
ROWS_AS_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a row and line.")


@click.group()
def outbox() -> None:
    """Look into the durable queue of a segment.

    Where no gateway runs, --config names the site file whose queue is meant; --file a copied queue.

    \b
    Examples:
      readpoint outbox list --state pending
      readpoint outbox show --sequence 10233
      readpoint outbox resend --reason 0x87 --dry-run
      readpoint outbox dead --config site.yaml --csv
      readpoint outbox list --state pending --file copy/outbox.db
    """


@outbox.command("list")
@click.option("--state", type=click.Choice(protocol.STATES), help="Only rows in this state.")
@click.option("--after", type=click.IntRange(0, MOST), default=0, help="Start after this row.")
@LIMIT
@ROWS_AS_JSON
@AS_CSV
@FILE
@segment_options
def list_rows(
    where: Where,
    state: protocol.RowState | None,
    after: int,
    limit: int,
    file: Path | None,
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List rows, oldest first."""
    _one_form(as_json=as_json, as_csv=as_csv)
    _print(_answer(where, file, protocol.OutboxList(state, after, limit)), as_json=as_json, as_csv=as_csv)


@outbox.command()
@REASON
@SINCE
@LIMIT
@ROWS_AS_JSON
@AS_CSV
@FILE
@segment_options
def dead(
    where: Where,
    reason: str | None,
    since: dt.datetime | None,
    limit: int,
    file: Path | None,
    *,
    as_json: bool,
    as_csv: bool,
) -> None:
    """List the events that were given up, and why."""
    _one_form(as_json=as_json, as_csv=as_csv)
    asked = protocol.OutboxList("dead", 0, limit, reason, since.timestamp() if since else None)
    _print(_answer(where, file, asked), as_json=as_json, as_csv=as_csv)


@outbox.command()
@click.option("--id", "event_id", type=IdType(), help="CloudEvents id, with or without urn:uuid:.")
@click.option("--epoch", type=click.IntRange(1, MOST), help="Epoch; the newest one if left out.")
@click.option("--sequence", type=click.IntRange(1, MOST), help="Sequence in the epoch.")
@FILE
@segment_options
def show(where: Where, event_id: str | None, epoch: int | None, sequence: int | None, file: Path | None) -> None:
    """Print one event as it is stored."""
    if (event_id is None) == (sequence is None):
        raise click.UsageError("name the event with --id or with --sequence (and --epoch)")
    for line in _answer(where, file, protocol.OutboxShow(event_id, epoch, sequence)):
        click.echo(line.decode(errors="replace"))


@outbox.command()
@REASON
@SINCE
@click.option("--dry-run", is_flag=True, help="Only say how many it would be.")
@click.option("--json", "as_json", is_flag=True, help="The answer as a JSON object.")
@FILE
@segment_options
def resend(
    where: Where,
    reason: str | None,
    since: dt.datetime | None,
    file: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send what was given up again, with the same ids.

    In the queue of a stopped gateway it waits for the next start.
    """
    request = protocol.OutboxResend(reason, since.timestamp() if since else None, dry_run)
    for line in _answer(where, file, request):
        if as_json:
            click.echo(line.decode())
            continue
        count = msgspec.json.decode(line)["resent"]
        click.echo(f"{count} events would be sent again" if dry_run else f"{count} events are pending again")


def _answer(where: Where, file: Path | None, question: Question) -> Iterator[bytes]:
    """What the running gateway says, else the file."""
    if file is not None:
        return _offline(file, question)
    name, path = where.one()
    try:
        return ask(path, question, PATIENCE)
    except NotRunning as error:
        site = where.site
        if site is None:
            text = f"{error}, or name the site file with --config to look into the queue of a stopped one"
            raise NotRunning(text) from None
    return _offline(site.gateway.state_dir / name, question)


def _offline(path: Path, question: Question) -> Iterator[bytes]:
    from gateway.outbox.inspect import stopped  # noqa: PLC0415 - only where no gateway runs

    change = isinstance(question, protocol.OutboxResend) and not question.dry_run
    try:
        with stopped(path, change=change) as rows:
            found = list(_looked_up(rows, path, question))  # a gateway may start while this is printed, if ever it is
    except (OutboxError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    return iter(found)


def _looked_up(rows: Stopped, path: Path, question: Question) -> Iterator[bytes]:
    match question:
        case protocol.OutboxList():
            named = question.state, question.limit, question.after, question.reason, question.since
            for entry in rows.rows(*named):
                yield msgspec.json.encode(entry._asdict())
        case protocol.OutboxResend():
            yield _resent(rows, path if path.is_dir() else path.parent, question)
        case protocol.OutboxShow():
            row = (
                rows.find(uuid.UUID(question.id)) if question.id else rows.show(question.epoch, question.sequence or 0)
            )
            if row is None:
                raise click.ClickException(f"{path}: no such event in this outbox")
            yield row.payload


def _resent(rows: Stopped, folder: Path, question: protocol.OutboxResend) -> bytes:
    """Noted beside the outbox before anything is changed, as the running gateway does."""
    from gateway import audit  # noqa: PLC0415 - only where no gateway runs

    selection = Selection(reason=question.reason, since=question.since)
    count = rows.resend(selection, dry_run=True)
    if count and not question.dry_run:
        asyncio.run(audit.Asked(folder, time.time(), os.getuid(), question).begin())
        count = rows.resend(selection)
    return msgspec.json.encode({"resent": count, "dryRun": question.dry_run})


def _one_form(*, as_json: bool, as_csv: bool) -> None:
    if as_json and as_csv:
        raise click.UsageError("either --json or --csv")


def _print(lines: Iterator[bytes], *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        for line in lines:
            click.echo(line.decode())
        return
    entries = [Entry(**msgspec.json.decode(line)) for line in lines]
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(Entry._fields)
        writer.writerows(entries)
        return
    from gateway.cli import tables  # noqa: PLC0415 - rich is imported only where a person reads

    tables.print_entries(entries)
