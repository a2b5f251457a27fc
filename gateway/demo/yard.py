"""The demo's yard: a truck with a GPS receiver on its round, an energy meter, and a handheld that posts its scans."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from gateway.demo.pki import HANDHELDS, write_secret
from simulators.gps.lines import TcpLine
from simulators.gps.receiver import Behaviour, driving
from simulators.gps.route import Route
from simulators.http_source import HttpSource, handheld
from simulators.modbus_plc.machines import Meter
from simulators.modbus_plc.server import ModbusPlc

ROUND = ((43.35090, -8.39030), (43.35040, -8.39000), (43.34990, -8.38960))
"""In the parking, at the ramp, and outside."""

SPEED = 8.0
"""Metres a second."""

WAIT = 2.0
"""Seconds at each of them."""

SCANS = 0.8
"""Labels a second that the handheld scans, on average."""


@asynccontextmanager
async def yard(folder: Path) -> AsyncIterator[dict[str, int]]:
    """All of them at work, by name with their ports; the handheld's token is left in `folder`."""
    token, port = secrets.token_hex(16), _free()
    write_secret(folder / f"{HANDHELDS}.token", token.encode())
    source = HttpSource(f"https://127.0.0.1:{port}/v1/reads", token, ca=folder / "ca.pem", timeout=5.0)
    line = TcpLine("127.0.0.1")
    async with AsyncExitStack() as stack:
        meter = await stack.enter_async_context(ModbusPlc({1: Meter()}))
        await stack.enter_async_context(driving(Route(ROUND, speed=SPEED, wait=WAIT), line, Behaviour(rate=2.0)))
        task = asyncio.create_task(handheld(source, rate=SCANS, batch=1), name="handheld")
        try:
            yield {"yard-truck": line.port, "meter": meter.port, "handhelds": port}
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _free() -> int:
    """A port to which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
