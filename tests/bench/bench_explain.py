"""What remembering the last minutes costs: time a read, memory, and what one answer holds up."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

from drivers.contract import Batch, Read
from gateway.explain.subject import Subject
from gateway.history import History
from gateway.identity.resolve import Resolver
from gateway.inbox import Received
from gateway.location.engine import Engine
from gateway.model import Port, ReadPoint, Rules
from gateway.recall import Memory, recalled
from simulators.tags import sgtin_96

SECONDS, REPORT, TAGS = 20, 50, 10_000
RULES = Rules({"aisle": ReadPoint("aisle", "urn:x:aisle", "zone")}, (Port("reader", None, "aisle"),))


def batches(rate: int, second: int) -> list[Received]:
    """One second's reports of a reader with four antennas."""
    now = 1_790_000_000.0 + second
    epcs = [sgtin_96(13435, 1 + (second * rate + n) % TAGS) for n in range(rate)]
    reads = [Read("epc", epc, now + n / rate, 1 + n % 4, -60.0, pc=0x3000) for n, epc in enumerate(epcs)]
    return [
        Received("reader", Batch(reads[at : at + REPORT]), now + (at + REPORT) / rate) for at in range(0, rate, REPORT)
    ]


def cost(rate: int) -> float:
    """Nanoseconds of CPU a read."""
    history, spent, count = History(), 0.0, 0
    for second in range(SECONDS):
        given = batches(rate, second)
        begun = time.process_time()
        for received in given:
            history.take(received)
        if second:  # the first second sets the pace
            spent += time.process_time() - begun
            count += rate
    return spent / count * 1e9


def memory() -> int:
    """Bytes that a history holds that has been full for long."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    history = History()
    for second in range(200):
        for received in batches(1900, second):
            history.take(received)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held - before


async def longest() -> tuple[float, float]:
    """Seconds of a whole answer, and of the longest piece of it that holds up the loop."""
    history = History()
    for second in range(200):
        for received in batches(1900, second):
            history.take(received)
    resolve = Resolver().resolve
    memory_ = Memory(history, Engine(RULES, resolve), RULES, None, "UTC", asyncio.Lock())
    subject = sgtin_96(13435, 7).hex()
    assert Subject(subject)
    pauses: list[float] = []

    async def watch() -> None:
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            pauses.append(time.perf_counter() - before)
            before = time.perf_counter()

    watching = asyncio.create_task(watch())
    begun = time.perf_counter()
    lines = [line async for line in recalled(memory_, subject)]
    took = time.perf_counter() - begun
    watching.cancel()
    assert lines
    return took, max(pauses)


def main() -> None:
    for rate in (500, 2000, 50_000):
        target = " (target <= 100)" if rate == 50_000 else ""
        print(f"remembering at {rate:,} reads/s: {cost(rate):.0f} ns a read{target}")
    print(f"memory of a full history: {memory() / 1e6:.2f} MB (target <= 2)")
    took, pause = asyncio.run(longest())
    print(f"one answer from a full history: {took * 1e3:.0f} ms")
    print(f"longest pause of the loop meanwhile: {pause * 1e3:.1f} ms (target <= 20)")


if __name__ == "__main__":
    main()
