"""Who plays: every simulated device of the warehouse and its yard, or a person's own reader; and its site file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from gateway.demo import cages, pki, site
from gateway.demo.belt import belt
from gateway.demo.broker import Broker
from gateway.demo.floor import readers
from gateway.demo.yard import yard
from simulators.ble_tags.bus import Missing


class Cast(NamedTuple):
    """The segments there are, and what to say of the devices; `missing` says what cannot be played here, and why.

    `variables` is what the gateway needs in its environment.
    """

    segments: tuple[str, ...]
    who: str
    missing: str | None = None
    variables: Mapping[str, str] = {}


@asynccontextmanager
async def cast(host: str | None) -> AsyncIterator[Cast]:
    """What is shown: all families of devices, beacons if these can be played here, or the reader at `host`."""
    if host is not None:
        yield Cast(("rfid",), f"the reader at {host}")
        return
    who = "a simulated warehouse, {} segments"
    async with AsyncExitStack() as stack:
        try:
            variables = await stack.enter_async_context(cages.cages())
        except (Missing, OSError) as lacking:
            seen = Cast(
                ("rfid", "yard"), who.format(2), f"no beacons in this demo: {lacking or 'D-Bus does not answer'}"
            )
        else:
            seen = Cast(("rfid", "ble", "yard"), who.format(3), variables=variables)
        yield seen


def certify(folder: Path, seen: Cast) -> None:
    """Certificates for all that meet, each segment with its own."""
    pki.make(folder, map(site.identity, seen.segments))


@asynccontextmanager
async def played(
    folder: Path, seen: Cast, where: Broker, uplink: int, host: str | None, seconds: float
) -> AsyncIterator[Path]:
    """The devices at work, and their site file; their segments send to port `uplink`."""
    if host is not None:
        yield site.write(folder, site.own(where, uplink, *address(host)))
        return
    async with AsyncExitStack() as stack:
        if "ble" in seen.segments:
            (folder / site.CAGES).write_text(site.identity_map(cages.identities()))
        ports = {
            **await stack.enter_async_context(belt()),
            **await stack.enter_async_context(yard(folder)),
            **await stack.enter_async_context(readers(seconds)),
        }
        text = site.simulated(where, uplink, ports, beacons="ble" in seen.segments)
        yield site.write(folder, text)


def address(host: str) -> tuple[str, int]:
    """`HOST`, `HOST:PORT` or `[IPV6]:PORT`; LLRP's port is 5084. ValueError for another port than a number."""
    name, colon, port = host.rpartition(":")
    if not colon or (":" in name and not name.endswith("]")):
        return host.strip("[]"), 5084
    if not port.isdecimal() or not 0 < int(port) <= 65535:
        raise ValueError(f"{port!r} is no port: write ADDRESS or ADDRESS:PORT, as in 192.0.2.21:5084")
    return name.strip("[]"), int(port)
