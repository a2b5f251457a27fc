"""The demo's conveyor: a PLC that shows its photo-eye, and a scanner that reads what stands in the beam."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from simulators.barcode_scanner.labels import labels
from simulators.barcode_scanner.scanner import Scanner
from simulators.modbus_plc.machines import Conveyor
from simulators.modbus_plc.server import ModbusPlc

PACE = 0.5
"""Items a second."""

DWELL = 1.0
"""Seconds that an item stands in the beam: many of the PLC's polls, also on a machine that is busy."""

SCAN_AFTER = 0.4
"""Seconds into the beam at which the scanner reads the label."""


@asynccontextmanager
async def belt() -> AsyncIterator[dict[str, int]]:
    """Conveyor and scanner at work, by name with their ports."""
    conveyor = Conveyor(PACE, DWELL)
    scanner = Scanner()
    async with AsyncExitStack() as stack:
        plc = await stack.enter_async_context(ModbusPlc({1: conveyor}))
        await stack.enter_async_context(scanner)
        task = asyncio.create_task(_scan(conveyor, scanner), name="belt")
        try:
            yield {"conveyor": plc.port, "belt-scanner": int(scanner.port.rpartition(":")[2])}
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def _scan(conveyor: Conveyor, scanner: Scanner) -> None:
    """Each item once, until cancelled."""
    before = False
    for label in labels():
        broken = before
        while before or not broken:
            before = broken
            await asyncio.sleep(0.05)
            conveyor.advance(time.time())
            broken = bool(conveyor.bank.tables["discrete"][3])
        before = broken
        await asyncio.sleep(SCAN_AFTER)
        await scanner.scan(label)
