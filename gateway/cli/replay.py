"""`readpoint replay`: a recording through the same location code as `run`, as fast as it goes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

import click

from gateway.config.load import load
from gateway.recording import RecordingError
from gateway.replay import replay as run_replay


@click.command()
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The site file whose read points and devices the recording is of.",
)
@click.option("--all", "every", is_flag=True, help="All channels, not only location events.")
@click.argument("recording", type=click.File("rb"))
def replay(config: Path, recording: BinaryIO, *, every: bool) -> int:
    """Decide again what RECORDING ('-' for stdin) says, in its own time; one event a line.

    \b
    Examples:
      readpoint replay --config site.yaml dock.jsonl
      readpoint replay --config site.yaml dock.jsonl | jq -r .data.readPoint.id
    """
    site = load(config).site
    write = sys.stdout.buffer.write
    try:
        for line in run_replay(site, recording, every=every):
            write(line + b"\n")
    except RecordingError as error:
        click.echo(f"{recording.name}:{error}", err=True)
        return 1
    sys.stdout.buffer.flush()
    return 0
