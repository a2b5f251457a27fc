"""`readpoint tail`: every event as it is stored."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.sockets import Where, segment_options
from gateway.control import protocol
from gateway.control.client import NotRunning, Refused, ask
from gateway.describe import describe


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Whole events, one JSON object a line.")
@click.option("--channel", type=click.Choice(protocol.CHANNELS), help="Only this channel.")
@click.option("-n", "--count", type=click.IntRange(min=1), help="Stop after so many events.")
@segment_options
def tail(where: Where, channel: protocol.TailChannel | None, count: int | None, *, as_json: bool) -> int:
    """Show events as they are stored, until Ctrl-C.

    \b
    Examples:
      readpoint tail
      readpoint tail --json --channel epcis | jq .data.epcList
    """
    try:
        for seen, line in enumerate(_merged(where.find(), protocol.Tail(channel)), start=1):
            click.echo(line.decode() if as_json else describe(line))
            if seen == count:
                return 0
    except KeyboardInterrupt:
        return 0
    return 1


def _merged(sockets: dict[str, Path], request: protocol.Tail) -> Iterator[bytes]:
    """Lines of all segments as they come, until the last one ends; that one has, is said on stderr."""
    lines: queue.Queue[bytes | str] = queue.Queue(maxsize=1000)

    def follow(name: str, path: Path) -> None:
        try:
            for line in ask(path, request, patience=None):
                lines.put(line)
        except (NotRunning, Refused) as error:
            lines.put(f"{name}: {error}")
        else:
            lines.put(f"{name}: the gateway stopped, or events came faster than they were read here")

    for name, path in sockets.items():
        threading.Thread(target=follow, args=(name, path), name=f"tail {name}", daemon=True).start()
    running = len(sockets)
    while running:
        line = lines.get()
        if isinstance(line, str):
            click.echo(f"Error: {line}", err=True)
            running -= 1
        else:
            yield line
