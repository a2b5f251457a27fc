"""`readpoint explain`: why an object is where it is, from a recording or from the running gateway."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.files import write
from gateway.cli.options import DurationType
from gateway.cli.recordings import Recordings
from gateway.cli.sockets import Where, segment_options
from gateway.control.errors import NotRunning
from gateway.describe import printable

if TYPE_CHECKING:
    from datetime import tzinfo

    from gateway.explain.clock import Moment
    from gateway.explain.recording import Explained
    from gateway.explain.subject import Subject
    from gateway.explain.trace import Trace


_OTHER_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf")
"""Endings whose viewers would call an SVG damaged."""


class MomentType(click.ParamType["Moment"]):
    """RFC 3339, or a time of day on the site's clock."""

    name = "time"

    def convert(self, value: str | Moment, param: click.Parameter | None, ctx: click.Context | None) -> Moment:
        from gateway.explain.clock import Moment  # noqa: PLC0415 - help needs none of it

        if isinstance(value, Moment):
            return value
        try:
            return Moment(value)
        except ValueError as error:
            self.fail(f"'{value}' is no time ({error}): write 17:42:03, or 2026-11-21T17:42:03Z", param, ctx)


@click.command()
@click.argument("epc")
@click.option(
    "--recording",
    "recordings",
    multiple=True,
    type=click.File("rb"),
    help="Look at this recording, '-' for stdin; may be repeated, in order. It needs --config.",
)
@click.option("--from", "since", type=MomentType(), help="From this time on: 17:42:03, or RFC 3339.")
@click.option("--to", "until", type=MomentType(), help="Up to this time.")
@click.option("--every", type=DurationType(), help="A row of the table for so long (default: about forty rows).")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Draw it into this file, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a segment and line.")
@segment_options
def explain(
    epc: str,
    where: Where,
    recordings: Sequence[BinaryIO],
    since: Moment | None,
    until: Moment | None,
    every: float | None,
    svg: Path | None,
    *,
    as_json: bool,
) -> int:
    """Explain why a tag is where it is: what was heard, weighed and decided.

    EPC is one in hex, a URN, a Digital Link, a beacon's URI or a scanned code. Without --recording the running gateway
    is asked, which remembers its last minutes.

    \b
    Examples:
      readpoint explain 3034257bf7194e4000000001
      readpoint explain urn:epc:id:sgtin:9521141.123456.7 --svg why.svg
      readpoint explain 3034257bf7194e4000000001 --config site.yaml --recording dock.jsonl --from 17:42 --to 17:45
    """
    from gateway.explain.subject import Subject  # noqa: PLC0415 - help needs none of it

    if every is not None and every < 0.1:
        raise click.UsageError("--every is 100ms at least: that is the step in which is decided")
    if since is not None and until is not None and until.precedes(since):
        raise click.UsageError("--to is before --from: nothing lies between them")
    if svg is not None and svg.suffix.lower() in _OTHER_PICTURES:
        raise click.UsageError(f"--svg draws SVG: name it {printable(str(svg.with_suffix('.svg')))}")
    subject = Subject(epc)
    if recordings:
        found, zone = _recorded(where, recordings, subject, (since, until))
    else:
        found, zone = _remembered(where, subject, (since, until))
    if not found.traces:
        return _unknown(subject, found, where)
    for name, trace in found.traces.items():
        _show(trace, name, zone, every, as_json=as_json)
    if svg is not None:
        _draw(svg, found.traces, zone)
    return 0


def _remembered(
    where: Where, subject: Subject, window: tuple[Moment | None, Moment | None]
) -> tuple[Explained, tzinfo]:
    from gateway.cli.recent import recent  # noqa: PLC0415 - only where a gateway is asked

    try:
        return recent(where, subject, window)
    except NotRunning as error:
        raise NotRunning(f"{error}; or explain a recording: --recording FILE --config FILE") from None


def _recorded(
    where: Where, files: Sequence[BinaryIO], subject: Subject, window: tuple[Moment | None, Moment | None]
) -> tuple[Explained, tzinfo]:
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - help needs none of it

    from drivers.lines import RecordingError  # noqa: PLC0415 - same
    from gateway.cli.progress import Progress  # noqa: PLC0415 - same
    from gateway.config.load import load  # noqa: PLC0415 - same
    from gateway.explain.recording import explained  # noqa: PLC0415 - same

    if where.site is None:
        raise click.UsageError("--recording needs --config: the site file whose read points and devices it is of")
    site = load(where.site.path, files=False).site
    zone = ZoneInfo(site.gateway.timezone)
    lines = Recordings(files)
    with Progress() as progress:
        try:
            told = progress.say
            found = explained(
                site, lines, subject, where.segments, window, zone, lambda number: told(f"{number} lines")
            )
        except RecordingError as error:
            raise click.ClickException(lines.refused(error)) from None
    return found, zone


def _show(trace: Trace, segment: str, zone: tzinfo, every: float | None, *, as_json: bool) -> None:
    from gateway.explain.document import explain as as_value  # noqa: PLC0415 - help needs none of it

    value = as_value(trace, segment, zone, every)
    if as_json:
        import msgspec  # noqa: PLC0415 - same

        click.echo(msgspec.json.encode(value).decode())
        return
    from gateway.cli.explanation import print_explanation  # noqa: PLC0415 - rich is imported only where a person reads

    print_explanation(value, zone)


def _draw(file: Path, traces: dict[str, Trace], zone: tzinfo) -> None:
    from gateway.explain.picture import draw  # noqa: PLC0415 - most explanations are read

    for name, trace in traces.items():
        path = file if len(traces) == 1 else file.with_stem(f"{file.stem}-{name}")
        write(path, draw(trace, zone))
        click.echo(f"drawn into {path}", err=True)


def _unknown(subject: Subject, found: Explained, where: Where) -> int:
    from gateway.cli.explanation import unread  # noqa: PLC0415 - only where nothing was found

    for row in unread(subject, found.others, " or ".join(where.segments)):
        click.echo(row, err=True)
    return 1
