"""`readpoint simulate modbus`: a conveyor, a door, a meter and a vibration sensor on one bus."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import click

from gateway.cli.options import PORT

if TYPE_CHECKING:
    from simulators.modbus_plc.server import ModbusPlc

UNITS = click.IntRange(1, 247)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5020, show_default=True, type=PORT, help="Port; 0 takes a free one and prints it.")
@click.option("--rtu", is_flag=True, help="RTU frames over TCP, as through a serial server.")
@click.option("--serial", is_flag=True, help="A serial port instead (a pseudo-terminal), whose path is printed.")
@click.option("--pace", default=0.5, show_default=True, type=click.FloatRange(0.0, 50.0), help="Items a second.")
@click.option("--amplitude", default=0.5, show_default=True, type=click.FloatRange(0.0, 16.0), help="Vibration in g.")
@click.option("--dead", multiple=True, type=UNITS, help="A unit that does not answer; may be repeated.")
@click.option("--slow", default=0.0, show_default=True, type=click.FloatRange(0.0, 60.0), help="Each answer waits (s).")
def modbus(
    *,
    host: str,
    port: int,
    rtu: bool,
    serial: bool,
    pace: float,
    amplitude: float,
    dead: tuple[int, ...],
    slow: float,
) -> None:
    """Simulate a Modbus bus: conveyor (unit 1), door (2), meter like an SDM630 (3), vibration sensor (4), until Ctrl-C.

    \b
    Examples:
      readpoint simulate modbus --pace 2
      readpoint simulate modbus --serial --dead 3
    """
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(host, port, pace, amplitude, set(dead), slow, rtu=rtu, serial=serial))


async def _serve(
    host: str, port: int, pace: float, amplitude: float, dead: set[int], slow: float, *, rtu: bool, serial: bool
) -> None:
    from simulators.modbus_plc import machines  # noqa: PLC0415 - help needs no bus
    from simulators.modbus_plc.cable import Cable  # noqa: PLC0415 - same
    from simulators.modbus_plc.server import ModbusPlc  # noqa: PLC0415 - same

    units: dict[int, machines.Machine] = {
        1: machines.Conveyor(pace),
        2: machines.Door(),
        3: machines.Meter(),
        4: machines.Vibration(amplitude),
    }
    async with contextlib.AsyncExitStack() as nest:
        cable = await nest.enter_async_context(Cable()) if serial else None
        path = cable.far if cable is not None else None
        plc = ModbusPlc(units, host=host, port=port, path=path, framing="rtu" if rtu else "mbap")
        await nest.enter_async_context(plc)
        plc.faults.dead |= dead
        plc.faults.delays |= dict.fromkeys(units, slow) if slow else {}
        click.echo(f"a bus listens on {_where(plc, host, cable.path if cable else None, rtu=rtu)}", err=True)
        await asyncio.Event().wait()


def _where(plc: ModbusPlc, host: str, path: str | None, *, rtu: bool) -> str:
    """The `url` of a device that reads it."""
    return f"rtu://{path}" if path else f"{'rtu+tcp' if rtu else 'tcp'}://{host}:{plc.port}"
