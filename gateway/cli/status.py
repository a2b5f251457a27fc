"""`readpoint status`: how is it, at a glance."""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from gateway.cli.sockets import find, segment_options
from gateway.control import protocol
from gateway.control.client import ask
from gateway.overview import Overview


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a segment and line.")
@segment_options
def status(config: Path | None, run_dir: Path | None, segments: tuple[str, ...], *, as_json: bool) -> int:
    """Show uplink, outbox and devices of the running gateway. Exit code 1 if anything there needs a person.

    \b
    Examples:
      readpoint status
      readpoint status --segment rfid --json | jq .outbox.pending
    """
    lines = [next(ask(path, protocol.Status())) for path in find(config, run_dir, segments).values()]
    overviews = [msgspec.json.decode(line, type=Overview) for line in lines]
    if as_json:
        for line in lines:
            click.echo(line.decode())
    else:
        from gateway.cli import tables  # noqa: PLC0415 - rich is imported only where a person reads

        for overview in overviews:
            tables.print_overview(overview, time.time())
    return int(any(troubles(overview) for overview in overviews))


def troubles(overview: Overview) -> list[str]:
    """What a person should look at, a sentence each."""
    found = [
        f"{device.device}: {device.state}: {device.cause}" for device in overview.devices if device.state != "online"
    ]
    if overview.uplink.state != "online":
        found.append(f"uplink {overview.uplink.state}: {overview.uplink.cause}")
    if overview.uplink.alarm:
        found.append(f"uplink: {overview.uplink.alarm}")
    if overview.outbox.full:
        found.append(f"outbox full: {overview.outbox.cause}")
    if overview.outbox.dead:
        found.append(f"{overview.outbox.dead} events were given up: see `readpoint outbox dead`")
    if overview.location.dropped:
        found.append(f"{overview.location.dropped} reads were shed: more arrived than this box can take")
    return found
