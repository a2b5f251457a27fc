"""`readpoint simulate barcode`: a scanner over a belt, or a base with several guns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import AddressType, DurationType, pty_option

if TYPE_CHECKING:
    from simulators.barcode_scanner.scanner import Scanner

_ENDS = {"CR": b"\r", "LF": b"\n", "CRLF": b"\r\n", "TAB": b"\t", "none": b""}


@click.command()
@pty_option
@click.option(
    "--tcp",
    default="127.0.0.1:4001",
    show_default=True,
    type=AddressType(),
    help="Listen here; port 0 takes a free one.",
)
@click.option("--every", default="2s", show_default=True, type=DurationType(), help="Time from scan to scan.")
@click.option("--count", type=click.IntRange(1), help="End after so many scans.  [default: none]")
@click.option("--code", "codes", multiple=True, help="What is scanned, in turn; default pallets, cartons and packs.")
@click.option("--suffix", default="CRLF", show_default=True, type=click.Choice(list(_ENDS)), help="Ends a scan.")
@click.option("--stx-etx", is_flag=True, help="Scans stand between STX and ETX, without a suffix.")
@click.option(
    "--guns", default=0, show_default=True, type=click.IntRange(0, 99), help="Guns: 01, 02 … before the data."
)
@click.option("--speed", type=click.FloatRange(min=1.0), help="Characters a second, as if typed.  [default: at once]")
@click.option("--ack", is_flag=True, help="Wait for ACK after each scan, and send it once more where none comes.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same labels.")
def barcode(
    *,
    pty: Path | None,
    tcp: tuple[str, int],
    every: float,
    count: int | None,
    codes: tuple[str, ...],
    suffix: str,
    stx_etx: bool,
    guns: int,
    speed: float | None,
    ack: bool,
    seed: int,
) -> None:
    """Simulate a barcode scanner on a TCP port or a serial port, until Ctrl-C. In codes, \\x1d is the separator.

    \b
    Examples:
      readpoint simulate barcode --tcp 127.0.0.1:4001
      readpoint simulate barcode --pty /tmp/scanner --ack --code ']C100095201234567891235'
    """
    from simulators.barcode_scanner.labels import labels  # noqa: PLC0415 - help needs no scanner
    from simulators.barcode_scanner.scanner import Framing, Scanner  # noqa: PLC0415 - same

    framing = Framing(suffix=b"" if stx_etx else _ENDS[suffix], stx_etx=stx_etx, gun_length=2 if guns else 0)
    scanner = Scanner(framing, path=pty, host=tcp[0], port=tcp[1], speed=speed, ack=b"\x06" if ack else b"")
    scans = _repeated(codes) if codes else labels(seed)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_scan(scanner, scans, every, count, guns))
        except OSError as error:
            raise click.ClickException(f"{scanner.port}: {error.strerror or error}") from error


def _repeated(codes: tuple[str, ...]) -> Iterator[bytes]:
    while True:
        for code in codes:
            yield code.replace("\\x1d", "\x1d").encode()


async def _scan(scanner: Scanner, scans: Iterator[bytes], every: float, count: int | None, guns: int) -> None:
    done = 0
    async with scanner:
        click.echo(f"barcode scanner speaks on {scanner.port}", err=True)
        while count is None or done < count:
            await asyncio.sleep(every)
            label = next(scans)
            gun = b"%02d" % (done % guns + 1) if guns else b""
            await scanner.scan(label, gun)
            done += 1
            click.echo(label.decode().replace("\x1d", "\\x1d"), err=True)
