"""`readpoint replay`: a recording through the same location code as `run`, as fast as it goes."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.options import DurationType
from gateway.cli.recordings import Recordings, load_site, recordings_argument, site_of_recording

if TYPE_CHECKING:
    from gateway.config.site import Site
    from gateway.tuning.events import Event


@click.command()
@site_of_recording
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
    default="10s",
    show_default=True,
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
    site = load_site(config, segment)
    lines = Recordings(recordings, again=other is not None)
    try:
        if other is None:
            _write(site, lines, segment, every=every)
        else:
            _compare(site, load_site(other, segment), lines, segment, tolerance, as_json=as_json)
    except RecordingError as error:
        click.echo(lines.refused(error), err=True)
        return 1
    return 0


def _write(site: Site, lines: Recordings, segment: str | None, *, every: bool) -> None:
    from gateway.replay import replay as run_replay  # noqa: PLC0415 - help needs none of it

    write = sys.stdout.buffer.write
    unknown: Counter[str] = Counter()
    events = 0
    try:
        for events, line in enumerate(run_replay(site, lines, segment, every=every, unknown=unknown), 1):  # noqa: B007 - counted on
            write(line + b"\n")
    finally:
        sys.stdout.buffer.flush()
    _note(site, lines, unknown, events)


def _note(site: Site, lines: Recordings, unknown: Counter[str], events: int) -> None:
    """Say on stderr what a person would wonder about."""
    from gateway.describe import printable  # noqa: PLC0415 - help needs none of it

    for device, count in sorted(unknown.items()):
        text = f"{count} lines are of device '{device}', which {site.path.name} does not have: they decided nothing"
        click.echo(printable(text), err=True)
    if not lines.count:
        click.echo(f"{lines.name}: nothing is recorded there: 0 lines", err=True)
    elif events == 0:
        why = "`readpoint explain EPC` with this --config and --recording says what was read, and what it was worth"
        click.echo(f"{site.path.name}: no event in {lines.count} lines: {why}", err=True)


def _compare(
    site: Site, other: Site, lines: Recordings, segment: str | None, tolerance: float, *, as_json: bool
) -> None:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - most runs compare nothing

    from gateway.cli.differences import as_document, print_differences  # noqa: PLC0415 - same
    from gateway.tuning.comparison import compare  # noqa: PLC0415 - same

    compared = compare(_events(site, lines, segment), _events(other, lines, segment), tolerance)
    if as_json:
        click.echo(as_document(compared))
    else:
        print_differences(compared, site.path.name, other.path.name, ZoneInfo(site.gateway.timezone))


def _events(site: Site, lines: Recordings, segment: str | None) -> list[Event]:
    from gateway.cli.progress import Progress  # noqa: PLC0415 - most runs compare nothing
    from gateway.replay import replay as run_replay  # noqa: PLC0415 - same
    from gateway.tuning.events import parse_event  # noqa: PLC0415 - same

    names = {point.uri: name for name, point in site.read_points.items()}
    events = []
    unknown: Counter[str] = Counter()
    with Progress() as progress:
        for message in run_replay(site, lines, segment, unknown=unknown):
            events.append(parse_event(message, names))
            if len(events) % 1000 == 0:
                progress.say(f"{site.path.name}: {len(events)} events")
    _note(site, lines, unknown, len(events))
    return events
