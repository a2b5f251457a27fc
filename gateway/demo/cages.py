"""The demo's beacons: roll cages that are pushed about between two adapters of a BlueZ that is played."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from gateway.demo.site import ADAPTERS
from simulators.ble_tags import bus
from simulators.ble_tags.walk import PROXIMITY, Floor

TAGS = 8
INTERVAL = 0.7
STAY = 10.0
"""Seconds that a cage stays where it is, on average."""


def identities() -> Mapping[str, str]:
    """Each beacon by its name on the air, with the id of its roll cage; every fourth tag is a sensor, and no cage's."""
    beacons = (serial for serial in range(1, TAGS + 1) if serial % 4)
    return {
        f"urn:readpoint:ibeacon:{PROXIMITY}:1:{serial}": f"urn:epc:id:grai:9521141.00001.{serial}" for serial in beacons
    }


@asynccontextmanager
async def cages() -> AsyncIterator[dict[str, str]]:
    """The variables under which a process finds the BlueZ that hears them. Raises `bus.Missing`."""
    lacking = await bus.missing()
    if lacking is not None:
        raise bus.Missing(lacking)
    from simulators.ble_tags.bluez import SimulatedBlueZ, simulated_bluez  # noqa: PLC0415 - only where there is D-Bus

    async def push(bluez: SimulatedBlueZ) -> None:
        floor = Floor(ADAPTERS, TAGS, INTERVAL, STAY, seed=3, now=time.time())
        while True:
            for heard in floor.advance(time.time()):
                await bluez.advertise(heard.adapter, heard.address, heard.payload, heard.rssi, random=heard.random)
            await asyncio.sleep(0.05)

    async with simulated_bluez(ADAPTERS) as bluez:
        task = asyncio.create_task(push(bluez), name="beacons")
        try:
            yield {"DBUS_SYSTEM_BUS_ADDRESS": bluez.address}
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
