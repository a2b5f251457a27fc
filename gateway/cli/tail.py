"""`readpoint tail`: every event as it is stored."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.sockets import find, segment_options
from gateway.control import protocol
from gateway.control.client import NotRunning, Refused, ask
from gateway.describe import describe


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Whole events, one JSON object a line.")
@click.option("--channel", help="Only this channel: epcis, telemetry, health, loss.")
@click.option("-n", "--count", type=int, default=0, help="Stop after so many events.")
@segment_options
def tail(
    config: Path | None,
    run_dir: Path | None,
    segments: tuple[str, ...],
    channel: str | None,
    count: int,
    *,
    as_json: bool,
) -> None:
    """Show events as they are stored, until Ctrl-C.

    \b
    Examples:
      readpoint tail
      readpoint tail --json --channel epcis | jq .data.epcList
    """
    for seen, line in enumerate(_merged(find(config, run_dir, segments), protocol.Tail(channel)), start=1):
        click.echo(line.decode() if as_json else describe(line))
        if seen == count:
            return


def _merged(sockets: dict[str, Path], request: protocol.Tail) -> Iterator[bytes]:
    """Lines of all segments as they come; ends when the last segment has."""
    lines: queue.Queue[bytes | Exception | None] = queue.Queue(maxsize=1000)

    def follow(path: Path) -> None:
        try:
            for line in ask(path, request, patience=None):
                lines.put(line)
        except (NotRunning, Refused, OSError) as error:
            lines.put(error)
        lines.put(None)

    for name, path in sockets.items():
        threading.Thread(target=follow, args=(path,), name=f"tail {name}", daemon=True).start()
    running = len(sockets)
    while running:
        line = lines.get()
        if isinstance(line, Exception):
            raise line
        if line is None:
            running -= 1
        else:
            yield line
