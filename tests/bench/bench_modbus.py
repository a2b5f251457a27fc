"""A dead unit on an RTU bus, and many units that answer: what the others lose, and what a poll costs.

`python -m tests.bench.bench_modbus [SECONDS]`: the bus runs so long, with a time-out of 3 s and an interval
of 1 s. By default all times are a tenth of that, and 12 s stand for two minutes.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter

from drivers.contract import Context
from drivers.modbus.driver import ModbusDriver
from drivers.modbus.registers import Block
from drivers.modbus.schedule import Schedule, Task, Unit
from drivers.modbus.settings import Settings
from simulators.modbus_plc.bank import Bank
from simulators.modbus_plc.cable import Cable
from simulators.modbus_plc.server import ModbusPlc

TIMEOUT = 3.0
BAUD = 921_600  # ten times as fast as the rest, too
POINTS = {f"p{n}": {"table": "input", "address": n} for n in range(20)}


class Twenty:
    """A unit with 20 registers."""

    def __init__(self) -> None:
        self.bank = Bank()
        self.bank.words("input", 0, range(20))

    def advance(self, now: float) -> None:
        self.bank.words("input", 0, [int(now * 10) % 65_536])


def settings(url: str, units: int, pace: float = 1.0) -> Settings:
    return Settings.model_validate(
        {
            "url": url,
            "timeout": TIMEOUT / pace,
            "interval": 1.0 / pace,
            "units": {f"u{number}": {"unit": number, "points": POINTS} for number in range(1, units + 1)},
            **({"serial": {"baud": BAUD, "parity": "none", "stop_bits": 1}} if url.startswith("rtu:") else {}),
        }
    )


async def poll(url: str, units: int, seconds: float, pace: float = 1.0) -> int:
    """Observations in that time."""
    seen = 0
    try:
        async with asyncio.timeout(seconds):
            async with ModbusDriver(settings(url, units, pace), {}, Context("bus")).open() as batches:
                async for batch in batches:
                    seen += len(batch.observations)
    except TimeoutError:
        pass
    return seen


async def bus(seconds: float, dead: set[int], pace: float) -> Counter[int]:
    """Polls answered by each of ten units on a serial line."""
    async with Cable(BAUD) as cable, ModbusPlc({n: Twenty() for n in range(1, 11)}, path=cable.far) as plc:
        plc.faults.dead |= dead
        await poll(f"rtu://{cable.path}", 10, seconds, pace)
        return Counter(one.unit for one in plc.asked if one.unit not in dead)


def an_hour(dead: set[int]) -> Counter[int]:
    """The same by the schedule alone, in simulated time: an hour with 50 ms a poll."""
    schedule = Schedule([Task(Unit(None, n), Block("input", 0, 20), 1.0) for n in range(1, 11)], 0.0)
    now, polls = 0.0, Counter[int]()
    while now < 3600.0:
        task, due = schedule.next(now)
        if task is None:
            now = due
        elif task.unit.number in dead:
            cost = schedule.patience(task, TIMEOUT)
            now += cost
            schedule.silent(task, now, cost)
        else:
            now += 0.05
            schedule.answered(task, now, 0.05)
            schedule.again(task, now)
            polls[task.unit.number] += 1
    return polls


def lost(whole: Counter[int], polls: Counter[int]) -> float:
    """Share of its polls (%) that the worst of the living units lost."""
    return max(100.0 * (1 - polls[unit] / whole[unit]) for unit in polls)


async def measure(seconds: float, pace: float) -> None:
    whole, with_dead = await asyncio.gather(bus(seconds, set(), pace), bus(seconds, {5}, pace))
    what = f"one dead of ten RTU units, time-out {TIMEOUT / pace:g} s, interval {1 / pace:g} s, {seconds:g} s"
    print(f"polls lost to {what}: {lost(whole, with_dead):.1f} % (target ≤ 5 %)")
    async with ModbusPlc({n: Twenty() for n in range(1, 41)}) as plc:
        began, cpu = time.monotonic(), time.process_time()
        await poll(f"tcp://127.0.0.1:{plc.port}", 40, 8.0)
        cpu, wall = time.process_time() - cpu, time.monotonic() - began
        rate = len(plc.asked) / wall
    print(
        f"40 units with 20 points at 1 s: {rate:.1f} polls/s (target 40), {100 * cpu / wall:.1f} % of a core", end=" "
    )
    print("with the simulated units")


def main() -> None:
    """Prints the figures."""
    seconds, pace = (float(sys.argv[1]), 1.0) if len(sys.argv) > 1 else (12.0, 10.0)
    what = "polls lost to one dead of ten, time-out 3 s, an hour of the schedule alone"
    print(f"{what}: {lost(an_hour(set()), an_hour({5})):.2f} % (target ≤ 5 %)")
    asyncio.run(measure(seconds, pace))


if __name__ == "__main__":
    main()
