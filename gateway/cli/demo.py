"""`readpoint demo`: the whole path, with its plugs pulled, in a minute."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

import click

from gateway.cli.options import DurationType

T = TypeVar("T")

NEXT = """
Next, each line in a terminal of its own:
  your own reader (its address instead of 127.0.0.1, and no simulator)
    {readpoint} simulate llrp
    {readpoint} demo --host 127.0.0.1
  your own consumer
    {readpoint} demo --for 5m --keep demo --port 18883
    {python} docs/consumer.py --port 18883 --certificates demo
  tune a zone (in demo/site.yaml, on what was recorded while that demo runs)
    {readpoint} record --config demo/site.yaml --segment rfid --for 20s demo/floor.jsonl
    {readpoint} replay --config demo/site.yaml demo/floor.jsonl"""


@click.command()
@click.option("--for", "seconds", type=DurationType(), default="45s", show_default=True, help="How long it runs.")
@click.option("--json", "as_json", is_flag=True, help="Unattended; the last line of stdout is the result as JSON.")
@click.option("--host", metavar="ADDRESS[:PORT]", help="Read the LLRP reader at this address instead of simulators.")
@click.option(
    "--broker",
    type=click.Choice(["auto", "mosquitto", "amqtt"]),
    default="auto",
    show_default=True,
    help="auto: mosquitto where it is installed, else amqtt in this process.",
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The broker's port (default: a free one).")
@click.option(
    "--keep",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep certificates, site file, outbox and logs here.",
)
def demo(
    *,
    seconds: float,
    host: str | None,
    broker: Literal["auto", "mosquitto", "amqtt"],
    port: int,
    keep: Path | None,
    as_json: bool,
) -> int:
    """Show reads becoming events at a central service, through a cut uplink and a killed gateway.

    One warehouse with every family of devices: RFID readers, a belt with scanner and PLC, beacons, a yard truck, a
    meter and a handheld that posts. Needs no root and no configuration: broker, certificates, devices and subscriber
    are made on free ports of this machine. Exit code 1 if anything was lost, or nothing was read.

    \b
    Examples:
      readpoint demo
      readpoint demo --for 20s --json
      readpoint demo --host 192.0.2.21
    """
    try:
        from gateway.demo.acts import PROGRAMME  # noqa: PLC0415 - of an extra
        from gateway.demo.screen import Screen  # noqa: PLC0415 - of an extra
        from gateway.demo.show import Plan, show  # noqa: PLC0415 - of an extra
        from gateway.demo.stage import address  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise click.ClickException(f"the demo needs {error.name}: pip install 'readpoint[demo]'") from None
    screen = Screen(PROGRAMME, quiet=as_json)
    try:
        if host is not None:
            address(host)
        result = asyncio.run(_until_told(show(Plan(seconds, host, broker, port, keep), screen)))
    except (RuntimeError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    except asyncio.CancelledError:
        click.echo("stopped before its end: nothing was counted, and nothing runs on", err=True)
        return 130
    if as_json:
        import msgspec  # noqa: PLC0415 - only for programs

        click.echo(msgspec.json.encode(result).decode())
    else:
        click.echo(result.line())
        click.echo(NEXT.format(readpoint=_here("readpoint"), python=_here("python")))
    if result.missing:
        click.echo(result.missing, err=True)
    if not result.reads:
        click.echo(f"nothing was read: {screen.figures.trouble}", err=True)
    elif result.silent:
        click.echo(f"never heard: {', '.join(result.silent)}; {screen.figures.trouble or 'give it longer'}", err=True)
    return int(result.lost > 0 or result.reads == 0)


async def _until_told(running: Coroutine[Any, Any, T]) -> T:
    """Run it; Ctrl-C, SIGTERM and a closed terminal cancel it, so that all it started ends in order."""
    task = asyncio.create_task(running, name="demo")
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    return await task


def _here(program: str) -> str:
    """How a person in this folder calls a program of this environment."""
    path = Path(sys.executable).parent / program
    if shutil.which(program) == str(path):
        return program
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
