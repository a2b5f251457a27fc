"""BLE: tags heard through bleak, on a D-Bus of our own, with the BlueZ that python-dbusmock plays."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest

from drivers.contract import Observation, Read
from simulators.ble_tags.bluez import simulated_bluez
from simulators.ble_tags.bus import Missing
from simulators.ble_tags.payloads import Payload, ibeacon
from tests.conformance.stand import Device, Stand

PROXIMITY = uuid.UUID("e2c56db5-dffb-48d2-b060-d0f5a71096e0")
TAG, OTHER = "AC:23:3F:A0:00:01", "AC:23:3F:A0:00:02"
URI = f"urn:readpoint:ibeacon:{PROXIMITY}:1:2".encode()
VARIABLE = "DBUS_SYSTEM_BUS_ADDRESS"
BROKEN = Payload(service={0xFEAA: bytes.fromhex("09e3dead")})


def sees(seen: Sequence[Observation]) -> bool:
    return any(isinstance(one, Read) and one.value == URI and one.antenna == "hci0" for one in seen)


def nobody(port: int) -> dict[str, Any]:
    return {"adapter": "hci9"}


@asynccontextmanager
async def start() -> AsyncIterator[Device]:
    before = os.environ.get(VARIABLE)
    try:
        async with simulated_bluez() as bluez:
            os.environ[VARIABLE] = bluez.address
            levels = count()

            async def speak() -> None:
                if bluez.running:
                    await bluez.advertise("hci0", TAG, ibeacon(PROXIMITY, 1, 2), -60 - next(levels) % 20)

            async def garbage() -> None:
                await bluez.advertise("hci0", OTHER, BROKEN, -70)

            async def flood() -> None:
                for serial in range(2000):
                    address = f"AC:23:3F:B0:{serial >> 8:02X}:{serial & 255:02X}"
                    await bluez.shout("hci0", address, ibeacon(PROXIMITY, 2, serial), -70)
                    if serial % 20 == 0:
                        await asyncio.sleep(0.005)

            async def silence() -> None:
                """Nobody is heard any more."""

            yield Device(
                settings={"silence": "2s", "max_tags": 1000},
                ports={"hci0": {}},
                sees=sees,
                busy=lambda: "hci0" in bluez.scanning,
                speak=speak,
                lose=bluez.kill,
                back=bluez.start,
                silence=silence,
                garbage=garbage,
                flood=flood,
            )
    except Missing as lacking:
        pytest.skip(str(lacking))
    finally:
        if before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = before


STANDS = {"ble": Stand("ble", start, nobody)}
