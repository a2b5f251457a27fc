"""Where the running segments listen: the options that every asking command shares."""

from __future__ import annotations

import functools
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import unknown
from gateway.control.errors import NotRunning

if TYPE_CHECKING:
    from gateway.config.site import Site

DEFAULT_RUN_DIR = Path("/run/readpoint")


class Where:
    """Which segments a person means, and where they can be asked."""

    def __init__(self, config: Path | None, run_dir: Path | None, segments: tuple[str, ...]) -> None:
        self._config = config
        self._run_dir = run_dir
        self.segments = segments

    @cached_property
    def site(self) -> Site | None:
        """The site file that was named. ConfigError if it is wrong; keys may be out of our reach."""
        if self._config is None:
            return None
        from gateway.config.load import load  # noqa: PLC0415 - only where a site file is named

        site = load(self._config, files=False, identities=False).site
        for name in self.segments:
            if name not in site.segments:
                raise click.UsageError(f"{self._config}: {unknown('segment', name, site.segments)}")
        return site

    @property
    def folder(self) -> Path:
        """Of the control sockets."""
        if self._run_dir is not None:
            return self._run_dir
        return self.site.gateway.run_dir if self.site is not None else DEFAULT_RUN_DIR

    def find(self) -> dict[str, Path]:
        """Socket of each segment asked for, by its name; without names, of all that run. NotRunning if none does."""
        site, folder = self.site, self.folder
        found = {name: folder / f"{name}.sock" for name in listening(folder)}
        if not found:
            raise NotRunning(
                f"no gateway runs here: no control socket in {folder}; start one with `readpoint run FILE`"
                + (", or name its site file with --config" if site is None else "")
            )
        for name in self.segments:
            if name not in found and site is None:
                raise click.UsageError(f"{folder}: {unknown('running segment', name, found)}")
        return {name: folder / f"{name}.sock" for name in self.segments or found}

    def of(self, segment: str) -> Where:
        """The same for one segment."""
        return Where(self._config, self._run_dir, (segment,))

    def one(self) -> tuple[str, Path]:
        """The one segment asked for, and its socket. click.UsageError where the choice is the person's."""
        known = self.segments or (tuple(self.site.segments) if self.site is not None else tuple(self.find()))
        if len(known) > 1:
            raise click.UsageError(f"there are several segments: name one with --segment ({', '.join(known)})")
        return known[0], self.folder / f"{known[0]}.sock"


def listening(folder: Path) -> list[str]:
    """Names of the segments that have a socket in a folder. OSError where it may not be looked into."""
    try:
        return sorted(path.stem for path in folder.iterdir() if path.suffix == ".sock")
    except (FileNotFoundError, NotADirectoryError):
        return []


def _complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    try:
        names = listening(ctx.params.get("run_dir") or DEFAULT_RUN_DIR)
    except OSError:
        return []
    return [name for name in names if name.startswith(incomplete)]


_OPTIONS = (
    click.option(
        "--segment",
        "segments",
        multiple=True,
        metavar="NAME",
        shell_complete=_complete,
        help="Only this segment; may be repeated.",
    ),
    click.option(
        "--run-dir",
        type=click.Path(path_type=Path),
        envvar="READPOINT_RUN_DIR",
        show_envvar=True,
        help="Folder of the control sockets (default: the configuration's, else /run/readpoint).",
    ),
    click.option(
        "--config",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        envvar="READPOINT_CONFIG",
        show_envvar=True,
        help="Take the folders from this site file.",
    ),
)


def segment_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--config`, `--run-dir` and `--segment`; the command gets them as `where`."""

    @functools.wraps(command)
    def wrapped(*, config: Path | None, run_dir: Path | None, segments: tuple[str, ...], **rest: Any) -> Any:
        return command(where=Where(config, run_dir, segments), **rest)

    taken: Callable[..., Any] = wrapped
    for option in _OPTIONS:
        taken = option(taken)
    return taken
