"""`readpoint replay`: a recording through the same location code as `run`, as fast as it goes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from gateway.cli.options import unknown

LONGEST = 2**16
"""Bytes of one line: many times what the longest code needs. What has no line ends is no recording."""


@click.command()
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The site file whose read points and devices the recording is of. Its certificates may be elsewhere.",
)
@click.option("--segment", metavar="NAME", help="Only the devices of this segment.")
@click.option("--all", "every", is_flag=True, help="All channels, not only location events.")
@click.argument("recording", type=click.File("rb"))
def replay(config: Path, recording: BinaryIO, segment: str | None, *, every: bool) -> int:
    """Decide again what RECORDING says, in its own time; one event a line.

    RECORDING is a file that `readpoint record` wrote, or '-' for stdin.

    \b
    Examples:
      readpoint replay --config site.yaml dock.jsonl
      readpoint replay --config site.yaml dock.jsonl | jq -r .data.readPoint.id
    """
    from drivers.lines import RecordingError  # noqa: PLC0415 - same
    from gateway.config.load import load  # noqa: PLC0415 - help needs none of it
    from gateway.replay import replay as run_replay  # noqa: PLC0415 - same

    site = load(config, files=False).site
    if segment is not None and segment not in site.segments:
        raise click.UsageError(f"{config}: {unknown('segment', segment, site.segments)}")
    write = sys.stdout.buffer.write
    try:
        for line in run_replay(site, _lines(recording), segment, every=every):
            write(line + b"\n")
    except RecordingError as error:
        click.echo(f"{recording.name}:{error}", err=True)
        return 1
    finally:
        sys.stdout.buffer.flush()
    return 0


def _lines(recording: BinaryIO) -> Iterator[bytes]:
    """Lines of a file, and of what is none no more than a piece: it will not parse."""
    while line := recording.readline(LONGEST):
        yield line
