"""`readpoint check`: is this site file right?"""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from gateway.config.load import load
from gateway.config.problem import ConfigError, Problem


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a problem and line.")
def check(file: Path, *, as_json: bool) -> int:
    """Check the site FILE: all its errors in one pass, each with line, column and what to write instead.

    \b
    Example:
      readpoint check /etc/readpoint/site.yaml
    """
    try:
        loaded = load(file)
    except ConfigError as error:
        _print(error.problems, as_json=as_json)
        return 78
    _print(loaded.warnings, as_json=as_json)
    if not as_json:
        site = loaded.site
        click.echo(
            f"{file}: good: {len(site.segments)} segments, {len(site.read_points)} read points, "
            f"{len(site.devices)} devices",
            err=True,
        )
    return 0


def _print(problems: list[Problem], *, as_json: bool) -> None:
    for problem in problems:
        click.echo(msgspec.json.encode(problem).decode() if as_json else str(problem))
