"""`readpoint run`: the gateway itself."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from gateway.cli.options import unknown


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--segment", "segments", multiple=True, metavar="NAME", help="Only this segment; may be repeated.")
@click.option("--metrics", "listen", metavar="HOST:PORT", help="Show /metrics and /healthz there.")
@click.option("-v", "--verbose", is_flag=True, help="Log each change, too.")
def run(file: Path, segments: tuple[str, ...], listen: str | None, *, verbose: bool) -> int:
    """Run a site FILE until SIGTERM or Ctrl-C. SIGHUP reads it again, and restarts only what changed.

    \b
    Examples:
      readpoint run site.yaml
      readpoint run site.yaml --segment rfid     one segment, as its own process
      readpoint run site.yaml --metrics 127.0.0.1:9464
    """
    from gateway.config.load import load  # noqa: PLC0415 - help needs none of it
    from gateway.logs import configure, get_logger  # noqa: PLC0415 - same

    # Before it runs there is nothing to bring to an end, and systemd takes a death by SIGTERM for a clean one.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    configure(sys.stderr, verbose=verbose)
    loaded = load(file, segments=segments or None)
    for warning in loaded.warnings:
        get_logger("gateway.run").warning(str(warning))
    for name in segments:
        if name not in loaded.site.segments:
            raise click.UsageError(f"{file}: {unknown('segment', name, loaded.site.segments)}")
    address = None if listen is None else _address(listen)
    from gateway.app import run_site  # noqa: PLC0415 - a refused configuration needs none of it

    return run_site(loaded.site, segments, address)


def _address(listen: str) -> tuple[str, int]:
    from gateway.config.values import parse_listen  # noqa: PLC0415 - help needs none of it

    try:
        return parse_listen(listen)
    except ValueError as error:
        raise click.UsageError(f"--metrics: {error}") from None
