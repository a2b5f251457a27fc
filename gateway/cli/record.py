"""`readpoint record`: what the devices say, as it arrives, in a file that `replay` reads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from gateway.cli.sockets import one, segment_options
from gateway.control import protocol
from gateway.control.client import ask


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--device", help="Only this device.")
@click.option("--for", "seconds", type=float, metavar="SECONDS", help="Stop after so long (default: at Ctrl-C).")
@segment_options
def record(
    file: Path,
    config: Path | None,
    run_dir: Path | None,
    segments: tuple[str, ...],
    device: str | None,
    seconds: float | None,
) -> None:
    """Record reads, signals and states of a running segment to FILE ('-' for stdout).

    \b
    Examples:
      readpoint record dock.jsonl --for 60
      readpoint record - --device dock-reader | head
    """
    _, path = one(config, run_dir, segments)
    if str(file) == "-":
        lines = _copy(path, device, seconds, sys.stdout.buffer)
    else:
        with file.open("ab") as out:
            lines = _copy(path, device, seconds, out)
    click.echo(f"{lines} lines recorded", err=True)


def _copy(path: Path, device: str | None, seconds: float | None, out: BinaryIO) -> int:
    lines = 0
    try:
        for line in ask(path, protocol.Record(device, seconds), patience=None):
            out.write(line + b"\n")
            lines += 1
    except KeyboardInterrupt:
        click.echo("", err=True)
    out.flush()
    return lines
