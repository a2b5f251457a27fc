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


class Cast(NamedTuple):
    """The segments there are, and what to say of the devices; `missing` says what cannot be played here, and why."""

    segments: tuple[str, ...]
    who: str
    missing: str | None = None


class Stage(NamedTuple):
    """The site file, and the variables the gateway needs in its environment."""

    site: Path
    variables: Mapping[str, str] = {}


async def cast(host: str | None) -> Cast:
    """What is shown: all families of devices, or the reader at `host`."""
    if host is not None:
        return Cast(("rfid",), f"the reader at {host}")
    missing = await cages.missing()
    segments = ("rfid", "yard") if missing else ("rfid", "ble", "yard")
    return Cast(segments, f"a simulated warehouse, {len(segments)} segments", missing)


def certify(folder: Path, seen: Cast) -> None:
    """Certificates for all that meet, each segment with its own."""
    pki.make(folder, map(site.identity, seen.segments))


@asynccontextmanager
async def played(
    folder: Path, seen: Cast, where: Broker, uplink: int, host: str | None, seconds: float
) -> AsyncIterator[Stage]:
    """The devices at work; their segments send to port `uplink`."""
    if host is not None:
        yield Stage(site.write(folder, site.own(where, uplink, *address(host))))
        return
    async with AsyncExitStack() as stack:
        variables = {}
        if "ble" in seen.segments:
            (folder / site.CAGES).write_text(site.identity_map(cages.identities()))
            variables = await stack.enter_async_context(cages.cages())
        ports = {
            **await stack.enter_async_context(belt()),
            **await stack.enter_async_context(yard(folder)),
            **await stack.enter_async_context(readers(seconds)),
        }
        text = site.simulated(where, uplink, ports, beacons="ble" in seen.segments)
        yield Stage(site.write(folder, text), variables)


def address(host: str) -> tuple[str, int]:
    """`HOST`, `HOST:PORT` or `[IPV6]:PORT`; LLRP's port is 5084. ValueError for another port than a number."""
    name, colon, port = host.rpartition(":")
    if not colon or (":" in name and not name.endswith("]")):
        return host.strip("[]"), 5084
    if not port.isdecimal() or not 0 < int(port) <= 65535:
        raise ValueError(f"{port!r} is no port: write ADDRESS or ADDRESS:PORT, as in 192.0.2.21:5084")
    return name.strip("[]"), int(port)
