"""Recordings as commands take them: one or several files, in order, gzip or plain, or standard input; of which site."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

import click

from gateway.cli.options import unknown

if TYPE_CHECKING:
    from gateway.config.site import Site

LONGEST = 2**16
"""Bytes of one line: many times what the longest code needs. What has no line ends is no recording."""

_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"
"""What some editors put before UTF-8 text."""


def recordings_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """One recording or more; the command gets them as `recordings`, open files."""
    argument = click.argument("recordings", metavar="RECORDING...", nargs=-1, required=True, type=click.File("rb"))
    return argument(command)


site_of_recording = click.option(
    "--config",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="The site file whose read points and devices the recording is of. Its certificates may be elsewhere.",
)


def load_site(config: Path, segment: str | None) -> Site:
    """The site of a recording. click.UsageError for a segment that it does not have."""
    from gateway.config.load import load  # noqa: PLC0415 - help needs none of it

    site = load(config, files=False).site
    if segment is not None and segment not in site.segments:
        raise click.UsageError(f"{config}: {unknown('segment', segment, site.segments)}")
    return site


class _Start(NamedTuple):
    """So many lines stand before the first of this file."""

    before: int
    name: str


class Recordings:
    """The lines of several files as of one, without an end of line only where a file has none.

    It can be read again and again where `again` says so: what comes through a pipe is then kept in a temporary file.
    `count` is the number of lines of the files that were read to their end, empty ones included.
    """

    def __init__(self, files: Sequence[BinaryIO], *, again: bool = False) -> None:
        self._files = [(file.name, _kept(file) if again and not file.seekable() else file) for file in files]
        self._starts: list[_Start] = []
        self._again = again
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        self._starts = []
        before = 0
        for name, file in self._files:
            self._starts.append(_Start(before, name))
            if self._again:
                file.seek(0)
            number = 0
            for number, line in enumerate(_lines(name, file), 1):
                yield line.removeprefix(_MARK) if number == 1 else line
            before += number
            self.count = before

    @property
    def name(self) -> str:
        """Of all files."""
        return ", ".join(name for name, _ in self._files)

    def place(self, number: int) -> str:
        """`FILE:LINE` of a line, counted from 1 over all files read so far."""
        start = next(start for start in reversed(self._starts) if start.before < number)
        return f"{start.name}:{number - start.before}"

    def refused(self, error: Exception) -> str:
        """The sentence of a `RecordingError` that begins with the number of its line."""
        number, _, text = str(error).partition(": ")
        return f"{self.place(int(number))}: {text}; mend or remove that line, or name what `readpoint record` wrote"


def _lines(name: str, file: BinaryIO) -> Iterator[bytes]:
    """What is in it, unpacked if it is packed."""
    peek = getattr(file, "peek", None)
    packed = peek is not None and peek(2)[:2] == _GZIP
    return _unpacked(name, file) if packed else iter(partial(file.readline, LONGEST), b"")


def _unpacked(name: str, file: BinaryIO) -> Iterator[bytes]:
    import gzip  # noqa: PLC0415 - most recordings are plain, and are to be read at once
    import zlib  # noqa: PLC0415 - same

    try:
        yield from iter(partial(gzip.GzipFile(fileobj=file, mode="rb").readline, LONGEST), b"")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        text = f"{name}: this gzip file is damaged or cut off ({error}): what stood before it was read"
        raise click.ClickException(text) from None


def _kept(file: BinaryIO) -> BinaryIO:
    import shutil  # noqa: PLC0415 - only for a pipe that is read twice
    import tempfile  # noqa: PLC0415 - same

    kept = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - as long as the recordings
    shutil.copyfileobj(file, kept)
    return kept
