"""`readpoint check`: is this site file right?"""

from __future__ import annotations

from collections.abc import Sequence, Sized
from pathlib import Path

import click

from gateway.config.problem import ConfigError, Problem


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--elsewhere", is_flag=True, help="For another machine: look at no serial port, certificate or map here.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a problem and line.")
def check(file: Path, *, elsewhere: bool, as_json: bool) -> int:
    """Check a site FILE: all its errors in one pass, each with line, column and what to write instead.

    Exit code 78 if there is an error; warnings are no errors.

    \b
    Examples:
      readpoint check /etc/readpoint/site.yaml
      readpoint check --elsewhere site.yaml      written here, to run on another machine
    """
    from gateway.config.load import load  # noqa: PLC0415 - help needs none of it

    try:
        loaded = load(file, files=not elsewhere, identities=not elsewhere, ports=not elsewhere)
    except ConfigError as error:
        _print(error.problems, "error", as_json=as_json)
        _print(error.warnings, "warning", as_json=as_json)
        click.echo(f"{file}: refused: {_counted(error.problems, 'error')}", err=True)
        return 78
    _print(loaded.warnings, "warning", as_json=as_json)
    site = loaded.site
    parts = (
        _counted(site.segments, "segment"),
        _counted(site.read_points, "read point"),
        _counted(site.devices, "device"),
    )
    click.echo(f"{file}: good: {', '.join(parts)}", err=True)
    return 0


def _print(problems: Sequence[Problem], severity: str, *, as_json: bool) -> None:
    if as_json and problems:
        import msgspec  # noqa: PLC0415 - only for programs

        for problem in problems:
            click.echo(msgspec.json.encode({"severity": severity, **problem._asdict()}).decode())
        return
    for problem in problems:
        click.echo(f"{problem} (warning)" if severity == "warning" else str(problem))


def _counted(things: Sized, noun: str) -> str:
    count = len(things)
    return f"{count} {noun}{'' if count == 1 else 's'}"
