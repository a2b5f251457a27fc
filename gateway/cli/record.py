"""`readpoint record`: what the devices say, as it arrives, in a file that `replay` reads."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from gateway.cli.options import DurationType
from gateway.cli.sockets import Where, segment_options
from gateway.control import protocol
from gateway.control.client import NotRunning, ask


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--device", metavar="NAME", help="Only this device.")
@click.option("--for", "seconds", type=DurationType(), help="Stop after so long, as in 60s (default: at Ctrl-C).")
@segment_options
def record(file: Path, where: Where, device: str | None, seconds: float | None) -> int:
    """Record reads, signals and states of a running segment to FILE, or '-' for stdout.

    What is in FILE stays; lines are added at its end.

    \b
    Examples:
      readpoint record dock.jsonl --for 60s
      readpoint record - --device dock-reader | head
    """
    _, path = where.one()
    lines = ask(path, protocol.Record(device, seconds), patience=None)
    ends = None if seconds is None else time.monotonic() + seconds
    with _opened(file) as out:
        written, interrupted = _copy(lines, out)
    click.echo(f"{written} lines recorded", err=True)
    if not interrupted and (ends is None or time.monotonic() < ends):
        raise NotRunning("the recording ended early: the gateway stopped, or reads came faster than they were written")
    return 0


def _opened(file: Path) -> contextlib.AbstractContextManager[BinaryIO]:
    return contextlib.nullcontext(sys.stdout.buffer) if str(file) == "-" else file.open("ab")


def _copy(lines: Iterator[bytes], out: BinaryIO) -> tuple[int, bool]:
    """How many were written, and whether a person ended it."""
    written, interrupted = 0, False
    try:
        for line in lines:
            out.write(line + b"\n")
            out.flush()
            written += 1
    except KeyboardInterrupt:
        interrupted = True
    return written, interrupted
