"""`readpoint tune`: what a recording says about antennas and silences, and which settings make decisions truer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.files import write
from gateway.cli.recordings import Recordings, load_site, recordings_argument, site_of_recording

if TYPE_CHECKING:
    from datetime import tzinfo

    from gateway.cli.progress import Progress
    from gateway.cli.proposals import Proposal
    from gateway.config.site import Site
    from gateway.tuning.score import Piece, Tally
    from gateway.tuning.search import Found
    from gateway.tuning.settings import Settings
    from gateway.tuning.stands import Port
    from gateway.tuning.study import Study, Truth


@click.command()
@site_of_recording
@click.option(
    "--truth",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Who was where when: CSV of time,object,read_point (empty: gone), or what `simulate llrp --truth` wrote.",
)
@click.option("--segment", metavar="NAME", help="Only the zones of this segment.")
@click.option(
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the changed site file here.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@recordings_argument
def tune(
    config: Path,
    truth: Path | None,
    recordings: Sequence[BinaryIO],
    segment: str | None,
    output: Path | None,
    *,
    as_json: bool,
) -> int:
    """Tune a site by a RECORDING: offsets of antennas, timeouts, thresholds.

    Prints the lines of the site file to change, and how true decisions are before and after. A setting is proposed only
    if it helps on a part of the walk that it was not fitted to: that the file should stay as it is, is a good answer.
    RECORDING is a file that `readpoint record` wrote, plain or gzip, several of them in order, or '-' for stdin.

    \b
    Examples:
      readpoint tune --config site.yaml dock.jsonl
      readpoint tune --config site.yaml --truth walk.csv dock.jsonl
      readpoint tune --config site.yaml --truth walk.csv dock.jsonl --output tuned.yaml
    """
    from drivers.lines import RecordingError  # noqa: PLC0415 - help needs none of it
    from gateway.cli.progress import Progress  # noqa: PLC0415 - same
    from gateway.cli.proposals import as_document, print_proposal  # noqa: PLC0415 - same
    from gateway.describe import printable  # noqa: PLC0415 - same
    from gateway.tuning.walk import WalkError  # noqa: PLC0415 - same

    lines = Recordings(recordings)
    try:
        with Progress() as progress:
            proposal = _proposed(config, truth, lines, segment, progress)
    except RecordingError as error:
        click.echo(lines.refused(error), err=True)
        return 1
    except WalkError as error:
        for problem in error.problems:
            click.echo(printable(f"{truth}:{problem}"), err=True)
        return 1
    if as_json:
        click.echo(as_document(proposal))
    else:
        print_proposal(proposal)
    if output is not None:
        write(output, proposal.edited.text)
    return 0


def _proposed(config: Path, truth: Path | None, lines: Recordings, segment: str | None, progress: Progress) -> Proposal:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - help needs none of it

    from gateway.cli.proposals import Proposal  # noqa: PLC0415 - same
    from gateway.config.edit import Wanted, edited  # noqa: PLC0415 - same
    from gateway.tuning.settings import Settings, edits  # noqa: PLC0415 - same

    site = load_site(config, segment)
    study = _study(site, segment, lines, progress)
    walked = None if truth is None else _walked(truth, study, ZoneInfo(site.gateway.timezone))
    progress.say("measuring antennas and silences")
    gains, gaps = study.gains(walked), study.gaps(walked)
    offsets = study.offsets(gains)
    found = None if walked is None else _searched(study, walked, offsets, progress)
    settings = Settings(offsets=offsets) if found is None else found.settings
    wanted = [change for each in study.segments for change in edits(each.rules, settings)]
    text = config.read_text(encoding="utf-8-sig")
    done = edited(text, [Wanted(change.place, change.value) for change in wanted])
    return Proposal(config, study.ports, gains, gaps, found, wanted, done, text)


def _study(site: Site, segment: str | None, lines: Recordings, progress: Progress) -> Study:
    from gateway.tuning.study import Study  # noqa: PLC0415 - help needs none of it
    from gateway.tuning.trial import load_recording  # noqa: PLC0415 - same

    chosen = [each for name, each in site.segments.items() if segment in (None, name)]
    study = Study(site, chosen, load_recording(site, _counted(lines, progress)))
    if not study.segments:
        raise click.UsageError(f"{site.path}: there is no zone here: tuning is about zones")
    if next(study.samples(), None) is None:
        text = f"nothing was read in a zone in {lines.count} lines: is it the right recording, and do its devices"
        raise click.ClickException(f"{text} and antennas stand in {site.path.name}?")
    return study


def _counted(lines: Recordings, progress: Progress) -> Iterator[bytes]:
    for number, line in enumerate(lines):
        if number % 20_000 == 0:
            progress.say(f"reading: {number} lines")
        yield line


def _walked(truth: Path, study: Study, zone: tzinfo) -> Truth:
    from io import StringIO  # noqa: PLC0415 - help needs none of it

    from gateway.cli.scans import LARGEST, text_of  # noqa: PLC0415 - same
    from gateway.describe import printable  # noqa: PLC0415 - same
    from gateway.tuning.walk import parse_walk  # noqa: PLC0415 - same

    kinds = {port.read_point: "zone" for port in study.ports.values()}
    kinds |= {name: point.kind for each in study.segments for name, point in each.rules.read_points.items()}
    with truth.open("rb") as file:
        text = text_of(str(truth), file.read(LARGEST + 1), "walk")
    walked = parse_walk(StringIO(text, newline=""), kinds, study.name)
    heard = {sample.object for sample in study.samples()}
    for name in walked:
        if name not in heard:
            click.echo(f"{truth}: {printable(name)} was never read in a zone: is its EPC right?", err=True)
    if not heard & walked.keys():
        raise click.ClickException(f"{truth}: none of its objects was read in a zone: nothing can be tuned by it")
    _timely(truth, walked, study.span[1], zone)
    return walked


def _timely(truth: Path, walked: Truth, end: float, zone: tzinfo) -> None:
    """A walk on another clock than the recording is of no use, and easily written."""
    from gateway.explain.clock import day  # noqa: PLC0415 - help needs none of it

    times = [change.time for changes in walked.values() for change in changes]
    late = [time for time in times if time > end]
    if late:
        text = f"{len(late)} of {len(times)} rows are later than the recording, which ended at {day(end, zone)}"
        text = f"{truth}: {text}: did the walk go on, or is the offset of its times wrong?"
        text = f"{text} The first of them is {day(min(late), zone)}"
        if len(late) == len(times):
            raise click.ClickException(text)
        click.echo(text, err=True)


def _searched(study: Study, walked: Truth, offsets: tuple[tuple[Port, float], ...], progress: Progress) -> Found:
    from gateway.tuning.search import Search, most_trials, with_floors  # noqa: PLC0415 - help needs none of it

    judge = study.judge(walked)
    grid = with_floors(study.levels(walked))
    most = most_trials(grid, offsets=bool(offsets))
    count = 0

    def trial(settings: Settings) -> Mapping[Piece, Tally]:
        nonlocal count
        count += 1
        progress.say(f"trial {count} of {most} at most: {', '.join(settings.parts) or 'the site file as it is'}")
        return study.trial(judge, settings)

    return Search(trial, grid, study.present()).run(offsets)
