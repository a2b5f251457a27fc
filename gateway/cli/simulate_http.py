"""`readpoint simulate http`: a handheld that posts its scans."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import click

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option("--url", default="http://127.0.0.1:8080/v1/reads", show_default=True, help="Where to post.")
@click.option("--token-file", type=_FILE, help="File with the token.")
@click.option("--ca", type=_FILE, help="CA of the listener's certificate (PEM).")
@click.option("--cert", type=_FILE, help="Show this client certificate (PEM).")
@click.option("--key", type=_FILE, help="Its key (PEM).")
@click.option(
    "--rate", default=1.0, show_default=True, type=click.FloatRange(0, 1000, min_open=True), help="Scans a second."
)
@click.option("--batch", default=5, show_default=True, type=click.IntRange(1, 1000), help="Scans in one post.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same rhythm.")
def http(
    *,
    url: str,
    token_file: Path | None,
    ca: Path | None,
    cert: Path | None,
    key: Path | None,
    rate: float,
    batch: int,
    seed: int,
) -> None:
    """Simulate a handheld that posts the labels it scans, until Ctrl-C. What is not stored is posted again.

    \b
    Example:
      readpoint simulate http --url http://127.0.0.1:8080/v1/reads --token-file handhelds.token
    """
    from simulators.http_source import HttpSource, Refused, handheld  # noqa: PLC0415 - help needs no handheld

    if not url.startswith(("http://", "https://")):
        raise click.UsageError("--url begins with http:// or https://")
    token = token_file.read_text().strip() if token_file is not None else None
    source = HttpSource(url, token, ca=ca, cert=cert, key=key)

    def told(scans: int) -> None:
        click.echo(f"{scans} scans stored", err=True)

    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(handheld(source, rate=rate, batch=batch, seed=seed, told=told))
        except Refused as error:
            raise click.ClickException(f"{url} refuses: {error}") from error
