"""`readpoint simulate nmea`: a GPS receiver that drives a route."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from gateway.cli.options import AddressType, pty_option
from simulators.gps.sentences import Blind

if TYPE_CHECKING:
    from simulators.gps.lines import Line
    from simulators.gps.receiver import Behaviour
    from simulators.gps.route import Route

KMH = 3.6
_SHARE = click.FloatRange(0.0, 1.0)
_ROUND = ((43.35140, -8.39080), (43.35090, -8.39030), (43.35040, -8.38970), (43.35000, -8.39130))
"""Through both areas of drivers/nmea/sample.yaml, and out of them."""


@click.command()
@pty_option
@click.option(
    "--tcp",
    default="127.0.0.1:10110",
    show_default=True,
    type=AddressType(),
    help="Listen here; port 0 takes a free one.",
)
@click.option("--udp", type=AddressType(), help="Send datagrams to this HOST:PORT instead.")
@click.option("--waypoint", "waypoints", multiple=True, help="LAT,LON: a corner of its round. Give several.")
@click.option("--speed", default=20.0, show_default=True, type=click.FloatRange(0.1, 200), help="km/h.")
@click.option("--wait", default=10.0, show_default=True, type=click.FloatRange(0), help="Seconds at each waypoint.")
@click.option("--rate", default=1.0, show_default=True, type=click.FloatRange(0.1, 50), help="Positions a second.")
@click.option("--haste", default=1.0, show_default=True, type=click.FloatRange(0.1, 1000), help="Drive so much faster.")
@click.option("--damage", default=0.0, show_default=True, type=_SHARE, help="Share of sentences with a wrong byte.")
@click.option("--noise", default=0.0, show_default=True, type=_SHARE, help="Share of cycles followed by garbage.")
@click.option("--outage", default=0.0, show_default=True, type=click.FloatRange(0), help="Seconds without a fix …")
@click.option("--outages", default=60.0, show_default=True, type=click.FloatRange(1), help="… in every so many.")
@click.option(
    "--blind", default="empty", show_default=True, type=click.Choice(get_args(Blind)), help="What it tells then."
)
def nmea(
    *,
    pty: Path | None,
    tcp: tuple[str, int],
    udp: tuple[str, int] | None,
    waypoints: tuple[str, ...],
    speed: float,
    wait: float,
    rate: float,
    haste: float,
    damage: float,
    noise: float,
    outage: float,
    outages: float,
    blind: Blind,
) -> None:
    """Simulate a GPS receiver that drives from waypoint to waypoint and tells it in NMEA 0183, until Ctrl-C.

    \b
    Examples:
      readpoint simulate nmea --tcp 127.0.0.1:10110
      readpoint simulate nmea --pty /tmp/gps --outage 15 --damage 0.02
    """
    from simulators.gps.lines import SerialLine, TcpLine, UdpLine  # noqa: PLC0415 - help needs no receiver
    from simulators.gps.receiver import Behaviour  # noqa: PLC0415 - same
    from simulators.gps.route import Route  # noqa: PLC0415 - same

    corners = [_point(text) for text in waypoints] or _ROUND
    route = Route(corners, speed=speed / KMH, wait=wait)
    line: Line = SerialLine(pty) if pty else UdpLine(*udp) if udp else TcpLine(*tcp)
    behaviour = Behaviour(rate, haste, damage, noise, outage, outages if outage else 0.0, blind)
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_drive(route, line, behaviour))
        except OSError as error:
            raise click.ClickException(f"{line}: {error.strerror or error}") from error


async def _drive(route: Route, line: Line, behaviour: Behaviour) -> None:
    from simulators.gps.receiver import driving  # noqa: PLC0415 - help needs no receiver

    async with driving(route, line, behaviour):
        click.echo(f"GPS receiver speaks on {line}; one round takes {route.lasts / behaviour.haste:.0f} s", err=True)
        await asyncio.Event().wait()


def _point(text: str) -> tuple[float, float]:
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(f"--waypoint {text}: write LAT,LON, as in 43.3512,-8.3910") from None
    if abs(latitude) > 89.0 or abs(longitude) > 180.0:
        raise click.UsageError(f"--waypoint {text}: a latitude within 89, a longitude within 180 degrees")
    return latitude, longitude
