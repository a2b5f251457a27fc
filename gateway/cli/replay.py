"""`readpoint replay`: a recording through the same location code as `run`, as fast as it goes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.options import DurationType, unknown
from gateway.cli.recordings import Recordings, recordings_argument

if TYPE_CHECKING:
    from gateway.config.site import Site
    from gateway.tuning.events import Event


@click.command()
@click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The site file whose read points and devices the recording is of. Its certificates may be elsewhere.",
)
@click.option("--segment", metavar="NAME", help="Only the devices of this segment.")
@click.option("--all", "every", is_flag=True, help="All channels, not only location events.")
@click.option(
    "--compare",
    "other",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Decide it with this site file, too, and show what is different.",
)
@click.option(
    "--tolerance",
    type=DurationType(),
    default=10.0,
    show_default="10s",
    help="With --compare: as far apart may the same event be.",
)
@click.option("--json", "as_json", is_flag=True, help="With --compare: one JSON object.")
@recordings_argument
def replay(
    config: Path,
    recordings: Sequence[BinaryIO],
    segment: str | None,
    other: Path | None,
    tolerance: float,
    *,
    every: bool,
    as_json: bool,
) -> int:
    """Decide again what RECORDING says, in its own time; one event a line.

    RECORDING is a file that `readpoint record` wrote, plain or gzip, several of them in order, or '-' for stdin.

    \b
    Examples:
      readpoint replay --config site.yaml dock.jsonl
      readpoint replay --config site.yaml dock.jsonl | jq -r .data.readPoint.id
      readpoint replay --config site.yaml dock.jsonl --compare other.yaml
    """
    from drivers.lines import RecordingError  # noqa: PLC0415 - help needs none of it

    if other is not None and every:
        raise click.UsageError("--compare is about location events: leave --all out")
    if other is None and as_json:
        raise click.UsageError("--json goes with --compare: events are JSON already")
    site = _site(config, segment)
    lines = Recordings(recordings, again=other is not None)
    try:
        if other is None:
            _write(site, lines, segment, every=every)
        else:
            _compare(site, _site(other, segment), lines, segment, tolerance, as_json=as_json)
    except RecordingError as error:
        click.echo(lines.refused(error), err=True)
        return 1
    return 0


def _site(config: Path, segment: str | None) -> Site:
    from gateway.config.load import load  # noqa: PLC0415 - help needs none of it

    site = load(config, files=False).site
    if segment is not None and segment not in site.segments:
        raise click.UsageError(f"{config}: {unknown('segment', segment, site.segments)}")
    return site


def _write(site: Site, lines: Recordings, segment: str | None, *, every: bool) -> None:
    from gateway.replay import replay as run_replay  # noqa: PLC0415 - help needs none of it

    write = sys.stdout.buffer.write
    try:
        for line in run_replay(site, lines, segment, every=every):
            write(line + b"\n")
    finally:
        sys.stdout.buffer.flush()


def _compare(
    site: Site, other: Site, lines: Recordings, segment: str | None, tolerance: float, *, as_json: bool
) -> None:
    from gateway.cli.differences import as_document, print_differences  # noqa: PLC0415 - most runs compare nothing
    from gateway.tuning.comparison import compare  # noqa: PLC0415 - same

    compared = compare(_events(site, lines, segment), _events(other, lines, segment), tolerance)
    if as_json:
        click.echo(as_document(compared))
    else:
        print_differences(compared, site.path.name, other.path.name)


def _events(site: Site, lines: Recordings, segment: str | None) -> list[Event]:
    from gateway.cli.progress import Progress  # noqa: PLC0415 - most runs compare nothing
    from gateway.replay import replay as run_replay  # noqa: PLC0415 - same
    from gateway.tuning.events import parse_event  # noqa: PLC0415 - same

    names = {point.uri: name for name, point in site.read_points.items()}
    events = []
    with Progress() as progress:
        for message in run_replay(site, lines, segment):
            events.append(parse_event(message, names))
            if len(events) % 1000 == 0:
                progress.say(f"{site.path.name}: {len(events)} events")
    return events
