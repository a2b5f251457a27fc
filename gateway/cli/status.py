"""`readpoint status`: how is it, at a glance."""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from gateway.cli.sockets import Where, segment_options
from gateway.control import protocol
from gateway.control.client import NotRunning, Refused, ask
from gateway.overview import Overview
from gateway.troubles import troubles


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a segment and line.")
@segment_options
def status(where: Where, *, as_json: bool) -> int:
    """Show uplink, outbox and devices of the running gateway.

    Exit code 1 if anything there needs a person, or a segment does not answer.

    \b
    Examples:
      readpoint status
      readpoint status --segment rfid --json | jq .outbox.pending
    """
    well = True
    for name, path in where.find().items():
        try:
            line, overview = _asked(path)
        except (NotRunning, Refused) as error:
            click.echo(f"{name}: {error}", err=True)
            well = False
            continue
        well = well and not troubles(overview)
        if as_json:
            click.echo(line.decode())
        else:
            from gateway.cli import tables  # noqa: PLC0415 - rich is imported only where a person reads

            tables.print_overview(overview, time.time())
    return int(not well)


def _asked(path: Path) -> tuple[bytes, Overview]:
    for line in ask(path, protocol.Status()):
        try:
            return line, msgspec.json.decode(line, type=Overview)
        except msgspec.MsgspecError as error:
            text = f"the gateway at {path} is of another version than this command: {error}"
            raise click.ClickException(text) from None
    raise NotRunning(f"the gateway at {path} is just ending: ask again")
