"""Sends advertisements as BlueZ's signals: `python -m tests.bench.ble_sender ADDRESS RATE SECONDS TAGS`.

The mock's own road takes a call for each; the driver sees the same signals when dbus-fast sends them.
"""

from __future__ import annotations

import asyncio
import sys
import time
import uuid

from dbus_fast import BusType
from dbus_fast.aio import MessageBus

from simulators.ble_tags.bluez import signals
from simulators.ble_tags.payloads import Payload, ibeacon, phone, ruuvi

PROXIMITY = uuid.UUID("e2c56db5-dffb-48d2-b060-d0f5a71096e0")

BURST = 40
"""Signals sent without a pause: dbus-fast gives a connection up whose socket is full."""


def payload(tag: int) -> Payload:
    """Of five senders one is a stranger's phone and one a sensor."""
    if tag % 5 == 0:
        return phone()
    return ruuvi(f"CBB8334C{tag:04X}", 20.0, 40.0) if tag % 5 == 1 else ibeacon(PROXIMITY, 1, tag)


async def send(address: str, rate: int, seconds: float, tags: int) -> tuple[int, float]:
    """(advertisements sent, CPU seconds spent on it)."""
    bus = await MessageBus(bus_address=address, bus_type=BusType.SYSTEM).connect()
    payloads = [payload(tag) for tag in range(tags)]
    heard = [
        [signals("hci0", f"AC:23:3F:00:{tag >> 8:02X}:{tag & 255:02X}", payloads[tag], -60 - turn) for turn in range(4)]
        for tag in range(tags)
    ]
    for number, each in enumerate(heard):
        await bus.send(each[0][0])
        if number % BURST == 0:
            await asyncio.sleep(0.02)
    begin, cpu, sent = time.perf_counter(), time.process_time(), 0
    while (passed := time.perf_counter() - begin) < seconds:
        for _ in range(min(BURST, int(passed * rate) - sent)):
            await bus.send(heard[sent % tags][sent // tags % 4][1])
            sent += 1
        await asyncio.sleep(0.005)
    cpu = time.process_time() - cpu
    await asyncio.sleep(0.2)
    bus.disconnect()
    return sent, cpu


if __name__ == "__main__":
    sent, cpu = asyncio.run(send(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
    print(sent, cpu)
