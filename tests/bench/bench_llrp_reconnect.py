"""An outage of the link and one of the process: how true the times of held reads are, and whether any is missing.

`python -m tests.bench.bench_llrp_reconnect [SECONDS]`: how long the outage lasts, 30 by default. All cases run at once.
"""

from __future__ import annotations

import asyncio
import sys
from typing import NamedTuple

from drivers.contract import Context, DriverError, Read
from drivers.llrp.driver import LlrpDriver
from drivers.llrp.settings import Settings
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from tests.driving import Numbered

_AROUND = 3.0
"""Seconds of reading before and after the outage."""


class Case(NamedTuple):
    """What is cut, and what the reader's clock says."""

    outage: str
    clock: str


class Result(NamedTuple):
    """Worst error of a read's time (s); reads in all; of those the air heard in between, how many did not come."""

    worst: float
    count: int
    missing: int


async def _follow(driver: LlrpDriver, into: list[Read], until: float) -> None:
    """Reads until then, connecting again as often as needed."""
    try:
        async with asyncio.timeout_at(until):
            while True:
                try:
                    async with driver.open() as batches:
                        async for batch in batches:
                            into += [one for one in batch.observations if isinstance(one, Read)]
                except DriverError:
                    await asyncio.sleep(0.5)
    except TimeoutError:
        pass


async def _run(case: Case, seconds: float) -> Result:
    air, got = Numbered(), list[Read]()
    loop = asyncio.get_running_loop()
    options = ReaderOptions(family="zebra-fx", antennas=1, utc=case.clock != "uptime")
    async with LlrpReader(options, air) as reader:
        if case.clock == "2000":
            reader.faults.clock("2000-01-01")
        settings = Settings(host="127.0.0.1", port=reader.port)
        driver = LlrpDriver(settings, {}, Context("dock"))
        start = loop.time()
        if case.outage == "link":
            loop.call_later(_AROUND, reader.faults.disconnect, seconds)
            await _follow(driver, got, start + seconds + 2 * _AROUND)
        else:
            await _follow(driver, got, start + _AROUND)
            await asyncio.sleep(seconds)
            await _follow(LlrpDriver(settings, {}, Context("dock")), got, start + seconds + 2 * _AROUND)
    errors = [abs(read.time - air.heard[read.value]) for read in got]
    numbers = {int.from_bytes(read.value[1:]) for read in got}
    return Result(max(errors), len(got), max(numbers) + 1 - len(numbers))


async def _all(seconds: float) -> None:
    cases = [Case(outage, clock) for outage in ("link", "process") for clock in ("right", "2000", "uptime")]
    results = await asyncio.gather(*(_run(case, seconds) for case in cases))
    for case, result in zip(cases, results, strict=True):
        name = f"LLRP {case.outage} outage of {seconds:g} s, reader clock {case.clock}"
        print(f"{name}: {result.worst * 1000:.1f} ms (target 50), {result.count} reads, {result.missing} missing")


def main() -> None:
    """Prints a line for each case."""
    asyncio.run(_all(float(sys.argv[1]) if len(sys.argv) > 1 else 30.0))


if __name__ == "__main__":
    main()
