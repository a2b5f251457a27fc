"""`readpoint simulate ble`: tags under Bluetooth adapters, heard through a BlueZ that is played."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time

import click


@click.command()
@click.option(
    "--adapters", default=2, show_default=True, type=click.IntRange(1, 8), help="Adapters: hci0, hci1, … in a row."
)
@click.option("--tags", default=20, show_default=True, type=click.IntRange(1, 500), help="Tags; one in four a sensor.")
@click.option(
    "--interval",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 600.0),
    help="Seconds between the advertisements of a tag.",
)
@click.option(
    "--stay",
    default=60.0,
    show_default=True,
    type=click.FloatRange(min=0.0, min_open=True),
    help="Seconds a tag stays under its adapter, on average.",
)
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same floor.")
def ble(*, adapters: int, tags: int, interval: float, stay: float, seed: int) -> None:
    """Simulate BLE tags: a BlueZ on a D-Bus of its own, until Ctrl-C. The system's D-Bus is not touched.

    It prints the variable under which a gateway finds that D-Bus. A phone that is nobody's tag advertises among them.

    \b
    Example:
      readpoint simulate ble --tags 50
      DBUS_SYSTEM_BUS_ADDRESS=unix:path=… readpoint run site.yaml      in another terminal
    """
    from simulators.ble_tags.bus import Missing  # noqa: PLC0415 - help needs no BlueZ

    with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
        try:
            asyncio.run(_play([f"hci{number}" for number in range(adapters)], tags, interval, stay, seed))
        except Missing as lacking:
            raise click.ClickException(str(lacking)) from lacking


async def _play(adapters: list[str], tags: int, interval: float, stay: float, seed: int) -> None:
    from simulators.ble_tags.bluez import simulated_bluez  # noqa: PLC0415 - help needs no BlueZ
    from simulators.ble_tags.walk import Floor  # noqa: PLC0415 - same

    playing = asyncio.current_task()
    assert playing is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, playing.cancel)
    async with simulated_bluez(adapters) as bluez:
        click.echo(f"DBUS_SYSTEM_BUS_ADDRESS={bluez.address}")
        click.echo(f"{tags} tags under {', '.join(adapters)}", err=True)
        floor = Floor(adapters, tags, interval, stay, seed, time.time())
        while True:
            for heard in floor.advance(time.time()):
                await bluez.advertise(heard.adapter, heard.address, heard.payload, heard.rssi, random=heard.random)
            await asyncio.sleep(0.05)
