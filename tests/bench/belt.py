"""A reader over a belt on which tags pass without end, as its own process: the load of the floor benchmark.

Usage: python -m tests.bench.belt TAGS NEW_PER_SECOND. Prints the port it listens on.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence

from simulators.air import Heard
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.tags import sgtin_96

PERIOD = 0.05
"""Seconds of a round; each tag is heard in every tenth: twice a second."""

TURNS = 10


class Belt:
    """`tags` lie under the antenna at a time, `fresh` a second come and as many leave; each is heard twice a second."""

    def __init__(self, tags: int, fresh: float) -> None:
        self._tags = tags
        self._fresh = fresh
        self._start = time.time()
        self._round = 0
        self._epcs: dict[int, bytes] = {}

    def hear(self, reader: str, antenna: int, now: float) -> Sequence[Heard]:
        self._round += 1
        if antenna != 1 or now < self._start:
            return ()
        first = int(self._fresh * (now - self._start))
        start = first + (self._round - first) % TURNS
        return [Heard(sgtin_96(13435, serial), -60.0) for serial in range(start, first + self._tags, TURNS)]


async def main() -> None:
    """Serve until stdin closes: the benchmark's end is ours."""
    belt = Belt(int(sys.argv[1]), float(sys.argv[2]))
    options = ReaderOptions(name="belt", family="zebra-fx", antennas=1, period=PERIOD, buffer=1_000_000)
    async with LlrpReader(options, belt) as reader:
        print(reader.port, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
