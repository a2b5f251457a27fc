"""What advertisements cost, through D-Bus, bleak and the driver: `python -m tests.bench.bench_ble`."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator

from drivers.ble.driver import BleDriver
from drivers.ble.settings import Settings
from drivers.contract import Batch, Context, Read
from simulators.ble_tags.bluez import simulated_bluez
from simulators.ble_tags.bus import Missing

RATE, SECONDS, TAGS = 1200, 5.0, 500


async def measure() -> tuple[int, int, float, float]:
    """(sent, reads, the driver's CPU seconds, the sender's)."""
    async with simulated_bluez() as bluez:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = bluez.address
        reads = 0

        async def count(batches: AsyncIterator[Batch]) -> None:
            nonlocal reads
            async for batch in batches:
                reads += sum(isinstance(seen, Read) for seen in batch.observations)

        async with BleDriver(Settings(), {}, Context("beacons")).open() as batches:
            counting = asyncio.create_task(count(batches))
            sender = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.ble_sender", bluez.address, str(RATE), str(SECONDS), str(TAGS)),
                stdout=asyncio.subprocess.PIPE,
            )
            cpu = time.process_time()
            said, _ = await sender.communicate()
            cpu = time.process_time() - cpu
            counting.cancel()
        sent, theirs = said.split()
        return int(sent), reads, cpu, float(theirs)


def main() -> None:
    """Print the figures."""
    try:
        sent, reads, ours, theirs = asyncio.run(measure())
    except Missing as lacking:
        print(f"ble: not measured: {lacking}")
        return
    rate = sent / SECONDS
    print(f"ble, {rate:.0f} advertisements/s of {TAGS} senders, one in five a stranger: {reads} reads")
    print(f"ble, CPU of the driver, bleak and dbus-fast: {ours / SECONDS:.1%} of a core (target <= 25 %)")
    print(
        f"ble, each advertisement: {ours / sent * 1e6:.0f} us; the sender's own CPU: {theirs / SECONDS:.1%} of a core"
    )


if __name__ == "__main__":
    main()
