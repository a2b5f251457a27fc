"""`readpoint outbox`: what waits, what was given up, and sending it again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from gateway.cli.sockets import one, segment_options
from gateway.control import protocol
from gateway.control.client import ask
from gateway.outbox.values import Entry


@click.group()
def outbox() -> None:
    """Look into the durable queue of a running segment.

    \b
    Examples:
      readpoint outbox list --state pending
      readpoint outbox show --sequence 10233
      readpoint outbox resend --reason 0x87 --dry-run
    """


@outbox.command("list")
@click.option("--state", type=click.Choice(["pending", "sent", "confirmed", "dead"]), help="Only rows in this state.")
@click.option("--after", type=int, default=0, help="Start after this row.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="So many rows at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row and line.")
@segment_options
def list_rows(
    config: Path | None,
    run_dir: Path | None,
    segments: tuple[str, ...],
    state: protocol.RowState | None,
    after: int,
    limit: int,
    *,
    as_json: bool,
) -> None:
    """List rows, oldest first."""
    _, path = one(config, run_dir, segments)
    _print(ask(path, protocol.OutboxList(state, after, limit), patience=60.0), as_json=as_json)


@outbox.command()
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="So many rows at most.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row and line.")
@segment_options
def dead(config: Path | None, run_dir: Path | None, segments: tuple[str, ...], limit: int, *, as_json: bool) -> None:
    """List the events that were given up, and why."""
    _, path = one(config, run_dir, segments)
    _print(ask(path, protocol.OutboxList("dead", 0, limit), patience=60.0), as_json=as_json)


@outbox.command()
@click.option("--id", "event_id", help="CloudEvents id, with or without urn:uuid:.")
@click.option("--epoch", type=int, help="Epoch; the running one if left out.")
@click.option("--sequence", type=int, help="Sequence in the epoch.")
@segment_options
def show(
    config: Path | None,
    run_dir: Path | None,
    segments: tuple[str, ...],
    event_id: str | None,
    epoch: int | None,
    sequence: int | None,
) -> None:
    """Print one event as it is stored."""
    if (event_id is None) == (sequence is None):
        raise click.UsageError("name the event with --id or with --sequence (and --epoch)")
    _, path = one(config, run_dir, segments)
    for line in ask(path, protocol.OutboxShow(event_id, epoch, sequence), patience=60.0):
        click.echo(line.decode())


@outbox.command()
@click.option("--reason", help="Only those given up for this reason.")
@click.option("--since", type=click.DateTime(), help="Only those given up since then (local time).")
@click.option("--dry-run", is_flag=True, help="Only say how many it would be.")
@segment_options
def resend(
    config: Path | None,
    run_dir: Path | None,
    segments: tuple[str, ...],
    reason: str | None,
    since: dt.datetime | None,
    *,
    dry_run: bool,
) -> None:
    """Send what was given up again, with the same ids."""
    _, path = one(config, run_dir, segments)
    request = protocol.OutboxResend(reason, since.timestamp() if since else None, dry_run)
    for line in ask(path, request, patience=60.0):
        count = msgspec.json.decode(line)["resent"]
        click.echo(f"{count} events would be sent again" if dry_run else f"{count} events are pending again")


def _print(lines: Iterator[bytes], *, as_json: bool) -> None:
    if as_json:
        for line in lines:
            click.echo(line.decode())
        return
    from gateway.cli import tables  # noqa: PLC0415 - rich is imported only where a person reads

    tables.print_entries([Entry(**msgspec.json.decode(line)) for line in lines])
