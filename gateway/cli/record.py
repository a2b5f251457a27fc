"""`readpoint record`: what the devices say, as it arrives, in a file that `replay` reads."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, Self

import click

from gateway.cli.options import DurationType, SizeType, unknown
from gateway.cli.progress import Progress
from gateway.cli.recorder import Recorder, Rotation
from gateway.cli.sockets import Where, segment_options
from gateway.control import protocol
from gateway.control.client import NotRunning, ask


class Wish(NamedTuple):
    """Whose observations are recorded, and for how many seconds."""

    device: str | None
    seconds: float | None


def rotation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--rotate`, `--keep` and `--gzip`."""
    for option in (
        click.option("--gzip", "packed", is_flag=True, help="With --rotate: pack finished files."),
        click.option(
            "--keep",
            type=click.IntRange(min=1),
            metavar="N",
            help="With --rotate: so many files at most; the oldest go.",
        ),
        click.option(
            "--rotate",
            type=SizeType(),
            metavar="SIZE",
            help="Begin a new file, named by the time, after so much, as in 64MiB.",
        ),
    ):
        command = option(command)
    return command


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@click.option("--device", metavar="NAME", help="Only this device.")
@click.option("--for", "seconds", type=DurationType(), help="Stop after so long, as in 60s (default: at Ctrl-C).")
@click.option("--direct", is_flag=True, help="From the devices of the site file (--config), where no gateway runs.")
@rotation_options
@segment_options
def record(
    file: Path,
    where: Where,
    device: str | None,
    seconds: float | None,
    rotate: int | None,
    keep: int | None,
    *,
    direct: bool,
    packed: bool,
) -> int:
    """Record reads, signals and states to FILE, or '-' for stdout: of a running segment, or straight from devices.

    What is in FILE stays; lines are added at its end. With --rotate, FILE is followed by the time in each file's name.

    \b
    Examples:
      readpoint record dock.jsonl --for 60s
      readpoint record - --device dock-reader | head
      readpoint record dock.jsonl --direct --config site.yaml
      readpoint record dock.jsonl --rotate 64MiB --keep 10 --gzip
    """
    recorder = Recorder(file, _rotation(file, rotate, keep, packed=packed))
    wish = Wish(device, seconds)
    ended = _directly(where, wish, recorder) if direct else _asking(where, wish, recorder)
    of = f"{recorder.files} files, the last {recorder.path.name}: " if recorder.files > 1 else ""
    click.echo(f"{of}{recorder.lines} lines recorded", err=True)
    if not ended:
        raise NotRunning("the recording ended early: the gateway stopped, or reads came faster than they were written")
    return 0


def _rotation(file: Path, size: int | None, keep: int | None, *, packed: bool) -> Rotation | None:
    if size is None:
        if keep is not None or packed:
            raise click.UsageError("--keep and --gzip go with --rotate SIZE, as in --rotate 64MiB")
        return None
    if str(file) == "-":
        raise click.UsageError("--rotate makes files: name one instead of '-'")
    return Rotation(size, keep, packed)


def _asking(where: Where, wish: Wish, recorder: Recorder) -> bool:
    """Of the running gateway; whether it lasted as long as was wished."""
    try:
        _, path = where.one()
        lines = ask(path, protocol.Record(wish.device, wish.seconds), patience=None)
    except NotRunning as error:
        raise NotRunning(f"{error}; or record straight from the devices: --direct --config FILE") from None
    ends = None if wish.seconds is None else time.monotonic() + wish.seconds
    with _Stop() as stop, recorder, Progress() as progress:
        progress.ticking(_telling(recorder))
        for line in stop.following(lines):
            recorder.write(line)
    return stop.asked or (ends is not None and time.monotonic() >= ends)


def _directly(where: Where, wish: Wish, recorder: Recorder) -> bool:
    site = where.site
    if site is None:
        raise click.UsageError("--direct needs the site file that says which devices: --config FILE")
    from gateway.cli.direct import choose, record_directly  # noqa: PLC0415 - asking needs no drivers

    wanted = choose(site, where.segments, wish.device)
    if not wanted:
        known = choose(site, where.segments, None)
        names = [name for each in known.values() for name in each]
        raise click.UsageError(f"{site.path.name}: {unknown('device', wish.device or '', names)}")
    with Progress() as progress, recorder:
        progress.ticking(_telling(recorder))
        record_directly(site, wanted, recorder, wish.seconds, progress.note)
    return True


def _telling(recorder: Recorder) -> Callable[[], str]:
    """Says where the recording is, and how fast it was since it was asked before."""
    from gateway.cli.tables import size  # noqa: PLC0415 - brings rich, which help needs not

    before = [time.monotonic(), recorder.reads]

    def tell() -> str:
        now, reads = time.monotonic(), recorder.reads
        rate = (reads - before[1]) / max(now - before[0], 1e-3)
        before[:] = now, reads
        of = f" in {recorder.files} files" if recorder.files > 1 else ""
        return f"{recorder.path.name}: {size(recorder.bytes)}{of}, {recorder.lines} lines, {rate:.0f} reads/s"

    return tell


class _Stop:
    """SIGINT and SIGTERM as a wish to end: never in the middle of a line, but a second one ends it at once."""

    def __init__(self) -> None:
        self.asked = False
        self._waiting = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        again, self.asked = self.asked, True
        if self._waiting or again:
            raise KeyboardInterrupt

    def following(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        """These, until one of the signals."""
        while True:
            self._waiting = True
            try:
                line = None if self.asked else next(lines, None)
            except KeyboardInterrupt:
                return
            finally:
                self._waiting = False
            if line is None:
                return
            yield line
