"""NMEA 0183: the simulated GPS receiver, on each line it can speak on."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from drivers.contract import Observation, Read
from drivers.nmea.geometry import offset
from simulators.gps.lines import Line, SerialLine, TcpLine, UdpLine
from simulators.gps.receiver import Behaviour, driving
from simulators.gps.route import Route
from tests.brokers import free_datagram_port
from tests.conformance.stand import Device, Fate, Stand

TRUCK = "urn:epc:id:giai:9521141.truck12"
YARD = (43.35, -8.39)
QUICK = {"fix_timeout": "2s", "silence": "3s", "connect_timeout": "5s"}


def fence() -> list[tuple[float, float]]:
    return [offset(YARD, east, north) for east, north in ((-50, -50), (50, -50), (50, 50), (-50, 50))]


def sees(seen: Sequence[Observation]) -> bool:
    return any(isinstance(one, Read) and one.value == TRUCK.encode() and one.antenna == "yard" for one in seen)


@asynccontextmanager
async def start(kind: str) -> AsyncIterator[Device]:
    with tempfile.TemporaryDirectory() as folder:
        lines: dict[str, Line] = {
            "serial": SerialLine(Path(folder) / "gps"),
            "tcp": TcpLine("127.0.0.1"),
            "udp": UdpLine("127.0.0.1", free_datagram_port()),
        }
        line = lines[kind]
        async with driving(Route([YARD], speed=1.0), line, Behaviour(rate=20.0)) as receiver:

            async def silence() -> None:
                receiver.mute = True

            async def garbage() -> None:
                receiver.noise()

            where = {"port": str(line.path)} if isinstance(line, SerialLine) else {"url": f"{kind}://{address(line)}"}
            yield Device(
                settings={**where, **QUICK, "object": TRUCK},
                ports={"yard": {"polygon": fence()}},
                sees=sees,
                busy=lambda: line.busy,
                lose=line.unplug,
                back=line.plug,
                silence=silence,
                garbage=garbage,
                flood=partial(receiver.flood, 1.0),
            )


def address(line: Line) -> str:
    assert isinstance(line, TcpLine | UdpLine)
    return f"{line.host}:{line.port}"


def nobody(kind: str, port: int) -> dict[str, Any]:
    if kind == "serial":
        return {"port": f"/dev/serial/by-id/no-receiver-{port}"}
    return {"url": f"{kind}://127.0.0.1:{port}", **QUICK}


NONE: dict[Fate, str] = {}

STANDS = {
    f"nmea-{kind}": Stand("nmea", partial(start, kind), partial(nobody, kind), NONE)
    for kind in ("serial", "tcp", "udp")
}
