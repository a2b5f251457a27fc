"""Where the running segments listen: the options that every asking command shares."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gateway.control.client import NotRunning

DEFAULT_RUN_DIR = Path("/run/readpoint")

F = TypeVar("F", bound=Callable[..., Any])


def segment_options(command: F) -> F:
    """`--config`, `--run-dir` and `--segment`, as every command takes them that asks a running gateway."""
    for option in (
        click.option(
            "--segment", "segments", multiple=True, metavar="NAME", help="Only this segment; may be repeated."
        ),
        click.option(
            "--run-dir",
            type=click.Path(path_type=Path),
            envvar="READPOINT_RUN_DIR",
            help="Folder of the control sockets (default: the configuration's, else /run/readpoint).",
        ),
        click.option(
            "--config",
            "config",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="Take run_dir from this site file.",
        ),
    ):
        command = option(command)
    return command


def find(config: Path | None, run_dir: Path | None, segments: tuple[str, ...]) -> dict[str, Path]:
    """Socket of each segment asked for, by its name; without names, of all that run. NotRunning if there is none."""
    folder = run_dir or (_run_dir(config) if config else DEFAULT_RUN_DIR)
    if segments:
        return {name: folder / f"{name}.sock" for name in segments}
    found = {path.stem: path for path in sorted(folder.glob("*.sock"))}
    if not found:
        raise NotRunning(
            f"no gateway runs here: no control socket in {folder}; start one with `readpoint run FILE`, "
            "or name its site file with --config"
        )
    return found


def one(config: Path | None, run_dir: Path | None, segments: tuple[str, ...]) -> tuple[str, Path]:
    """The one segment asked for. click.UsageError where the choice is the person's."""
    found = find(config, run_dir, segments)
    if len(found) > 1:
        raise click.UsageError(f"several segments run here: name one with --segment ({', '.join(found)})")
    return next(iter(found.items()))


def _run_dir(config: Path) -> Path:
    from gateway.config.load import load  # noqa: PLC0415 - only where a site file is named

    return load(config).site.gateway.run_dir
