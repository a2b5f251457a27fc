"""`readpoint simulate`: devices that speak their real protocol, for trying things out without one."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.files import write
from gateway.cli.options import PORT
from gateway.cli.simulate_barcode import barcode
from gateway.cli.simulate_ble import ble
from gateway.cli.simulate_http import http
from gateway.cli.simulate_modbus import modbus
from gateway.cli.simulate_nmea import nmea
from simulators.llrp_reader.options import FAMILIES, Family, ReaderOptions, Tls

if TYPE_CHECKING:
    from simulators.warehouse import Warehouse

MOST_ANTENNAS = 32

ANTENNAS = 4
"""Unless the command line says otherwise."""


@click.group()
def simulate() -> None:
    """Simulate devices of the floor, on their real wire."""


simulate.add_command(ble)
simulate.add_command(modbus)
simulate.add_command(http)
simulate.add_command(barcode)
simulate.add_command(nmea)


@simulate.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5084, show_default=True, type=PORT, help="Port; 0 takes a free one and prints it.")
@click.option("--tags", default=20, show_default=True, type=click.IntRange(0, 100_000), help="Tags on the floor.")
@click.option(
    "--antennas",
    type=click.IntRange(1, MOST_ANTENNAS),
    help="Antennas, one over each aisle (default: one for each name of --zones, else 4).",
)
@click.option(
    "--zones",
    metavar="NAME,...",
    help="The aisles' names, one an antenna, as the site file has them (default: aisle-1,aisle-2 and so on).",
)
@click.option(
    "--family", default="impinj-speedway", show_default=True, type=click.Choice(FAMILIES), help="Whose reader."
)
@click.option(
    "--stay",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0.0, min_open=True),
    help="Seconds a tag stays in its aisle, on average.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same floor.")
@click.option("--control-port", type=PORT, help="Take orders for faults here (JSON lines on loopback).")
@click.option("--cert", type=click.Path(exists=True, dir_okay=False), help="Speak TLS with this certificate (PEM).")
@click.option("--key", type=click.Path(exists=True, dir_okay=False), help="Its key (PEM).")
@click.option(
    "--truth",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="At the end, write what really happened here (JSON lines), as `tune --truth` takes it.",
)
def llrp(
    *,
    host: str,
    port: int,
    tags: int,
    antennas: int | None,
    zones: str | None,
    family: Family,
    stay: float,
    seed: int,
    control_port: int | None,
    cert: str | None,
    key: str | None,
    truth: Path | None,
) -> None:
    """Simulate an RFID reader that speaks LLRP: tags wander between the aisles under its antennas, until Ctrl-C.

    \b
    Examples:
      readpoint simulate llrp --tags 100
      readpoint simulate llrp --zones aisle-a,aisle-b --stay 60 --truth truth.jsonl
      readpoint simulate llrp --family zebra-fx --port 0 --control-port 5099
      echo '{"fault": "silence"}' | nc 127.0.0.1 5099

    What a client does to its outputs (stack light, horn) is told on stdout, a line a change.
    """
    if (cert is None) != (key is None):
        raise click.UsageError("--cert and --key belong together")
    names = _zones(zones, antennas)
    if truth is not None:
        _writable(truth)
    tls = Tls(cert=cert, key=key) if cert and key else None
    options = ReaderOptions(
        name="reader", family=family, host=host, port=port, antennas=len(names), control_port=control_port, tls=tls
    )
    floor = _floor(names, tags, stay, seed)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options, floor))
    if truth is not None:
        write(truth, "".join(change.line() + "\n" for change in floor.tell(time.time())))


def _writable(file: Path) -> None:
    """click.BadParameter before anything starts; what is there stays until it is written anew."""
    new = not file.exists()
    try:
        with file.open("ab"):
            pass
        if new:
            file.unlink()
    except OSError as error:
        raise click.BadParameter(f"{file}: cannot be written: {error.strerror}", param_hint="--truth") from None


def _zones(named: str | None, antennas: int | None) -> list[str]:
    """The names of the aisles, one an antenna."""
    if named is None:
        return [f"aisle-{number}" for number in range(1, (antennas or ANTENNAS) + 1)]
    names = [name.strip() for name in named.split(",")]
    if not all(names) or len(set(names)) < len(names) or len(names) > MOST_ANTENNAS:
        raise click.UsageError(f"--zones '{named}': write up to {MOST_ANTENNAS} different names, as aisle-a,aisle-b")
    if antennas not in (None, len(names)):
        raise click.UsageError(
            f"--zones names {len(names)} aisles, and --antennas says {antennas}: each antenna is over one of them;"
            f" leave --antennas out, or name {antennas}"
        )
    return names


def _floor(zones: list[str], tags: int, stay: float, seed: int) -> Warehouse:
    from simulators.warehouse import Warehouse, aisles  # noqa: PLC0415 - help needs no floor

    floor = Warehouse(*aisles(zones, "reader"), seed=seed)
    now = time.time()
    for serial in range(1, tags + 1):
        # SGTIN-96 of GTIN 9506000134352, GS1's example (TDS 2.3 section 14.6.1).
        epc = (0x30 << 88 | 1 << 85 | 5 << 82 | 9506000 << 58 | 13435 << 38 | serial).to_bytes(12, "big")
        floor.place(epc, zones[serial % len(zones)], now, stay=stay if len(zones) > 1 else None)
    return floor


async def _serve(options: ReaderOptions, floor: Warehouse) -> None:
    from simulators.llrp_reader.server import LlrpReader, Switched  # noqa: PLC0415 - help needs no reader

    def tell(change: Switched) -> None:
        at = datetime.fromtimestamp(change.time).astimezone().isoformat(timespec="milliseconds")
        click.echo(f"{at} output {change.gpo} {'on' if change.on else 'off'}")

    async with LlrpReader(options, floor) as reader:
        reader.on_output = tell
        click.echo(f"{options.family} reader listens on {options.host}:{reader.port}", err=True)
        await asyncio.Event().wait()
