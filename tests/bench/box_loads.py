"""What stands around the box of `bench_box`, a process for each kind of wire, until stdin closes.

Usage: python -m tests.bench.box_loads readers|tags|machines|small. Prints where it is to be found, as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from dbus_fast import BusType
from dbus_fast.aio import MessageBus

from simulators.air import Air, Heard
from simulators.barcode_scanner.labels import labels
from simulators.barcode_scanner.scanner import Scanner
from simulators.ble_tags.bluez import signals, simulated_bluez
from simulators.ble_tags.bus import Missing
from simulators.ble_tags.payloads import Payload, ibeacon, ruuvi
from simulators.gps.lines import TcpLine
from simulators.gps.receiver import driving
from simulators.gps.route import Route
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.modbus_plc.bank import Bank
from simulators.modbus_plc.server import ModbusPlc
from simulators.tags import sgtin_96
from tests.bench.belt import Belt

Places = dict[str, int | str]

BEACONS, HEARD_EVERY, MOVING = 2000, 5.0, 10
"""Beacons, seconds between two advertisements of one, and how many a second move to the other adapter."""

SCANNERS, SCANS = 4, 2.0
"""Scanners, and labels a second of each."""

UNITS, POINTS = 20, 20
"""Modbus units of a bus (there are two), and registers of a unit."""

PROXIMITY = uuid.UUID("e2c56db5-dffb-48d2-b060-d0f5a71096e0")
PARKING, RAMP = [(43.3512, -8.3910), (43.3506, -8.3895)], [(43.3506, -8.3910), (43.3502, -8.3895)]
"""Opposite corners of the geofences."""


class Dock:
    """A door through which 12.5 tags a second pass, 4 s each: 500 reads a second, by both antennas."""

    PERIOD, PACE, TAKES = 0.05, 12.5, 4.0

    def __init__(self) -> None:
        self._start = time.time()
        self._rounds = [0, 0]
        self._chance = random.Random(2)

    def hear(self, reader: str, antenna: int, now: float) -> Sequence[Heard]:
        self._rounds[antenna - 1] += 1
        since = max(0.0, now - self._start)
        first, last = int(max(0.0, since - self.TAKES) * self.PACE), int(since * self.PACE)
        heard = []
        for tag in range(first, last):
            if (tag + self._rounds[antenna - 1]) % 2:
                way = (since - tag / self.PACE) / self.TAKES
                far = way if antenna == 1 else 1.0 - way
                heard.append(Heard(sgtin_96(20_000, tag + 1), -48.0 - 20.0 * far + self._chance.gauss(0.0, 1.5)))
        return heard


class Aisles:
    """Four aisles with 250 tags, each read once a second by its own antenna and by the next; one a second moves."""

    PERIOD, TAGS, TURNS = 0.0625, 250, 4

    def __init__(self, item: int) -> None:
        self._item = item
        self._start = time.time()
        self._rounds = [0] * 4
        self._chance = random.Random(item)

    def hear(self, reader: str, antenna: int, now: float) -> Sequence[Heard]:
        turn = self._rounds[antenna - 1] = (self._rounds[antenna - 1] + 1) % self.TURNS
        moved = int(now - self._start)
        heard = []
        for tag in range(turn, self.TAGS, self.TURNS):
            home = (tag + (moved + tag) // self.TAGS) % 4
            apart = (antenna - 1 - home) % 4
            if apart < 2:
                level = (-55.0, -67.0)[apart] + self._chance.gauss(0.0, 1.5)
                heard.append(Heard(sgtin_96(self._item, tag + 1), level))
        return heard


class Meter:
    """A unit whose registers waver by 1 %, and of which a fifth jump each second: what a deadband of 2 % tells."""

    def __init__(self, unit: int) -> None:
        self.bank = Bank()
        self._chance = random.Random(unit)
        self._second = 0
        self._levels = [2300] * POINTS

    def advance(self, now: float) -> None:
        if int(now) != self._second:
            self._second = int(now)
            for point in self._chance.sample(range(POINTS), POINTS // 5):
                self._levels[point] = self._chance.randrange(1000, 4000)
        wavering = [int(level * self._chance.uniform(0.995, 1.005)) for level in self._levels]
        self.bank.words("input", 0, wavering)


@asynccontextmanager
async def readers() -> AsyncIterator[Places]:
    """Four of them, 500 reads a second each: over a belt (5 new tags a second), at a door, above eight aisles."""
    airs: dict[str, tuple[Air, int, float]] = {
        "belt-reader": (Belt(250, 5.0), 1, 0.05),
        "dock-reader": (Dock(), 2, Dock.PERIOD),
        "aisle-reader-1": (Aisles(30_000), 4, Aisles.PERIOD),
        "aisle-reader-2": (Aisles(40_000), 4, Aisles.PERIOD),
    }
    async with AsyncExitStack() as nest:
        places: Places = {}
        for name, (air, antennas, period) in airs.items():
            options = ReaderOptions(name=name, family="zebra-fx", antennas=antennas, period=period)
            places[name] = (await nest.enter_async_context(LlrpReader(options, air))).port
        yield places


@asynccontextmanager
async def machines() -> AsyncIterator[Places]:
    """Two buses: Modbus TCP, and RTU frames over TCP."""
    meters = [{unit: Meter(bus * 1000 + unit) for unit in range(1, UNITS + 1)} for bus in range(2)]
    async with ModbusPlc(meters[0]) as tcp, ModbusPlc(meters[1], framing="rtu") as rtu:
        yield {"tcp": tcp.port, "rtu": rtu.port}


@asynccontextmanager
async def small() -> AsyncIterator[Places]:
    """Four scanners at serial servers, and a truck that drives from fence to fence."""
    middle = (PARKING[0][1] + PARKING[1][1]) / 2
    route = Route([((PARKING[0][0] + PARKING[1][0]) / 2, middle), ((RAMP[0][0] + RAMP[1][0]) / 2, middle)], speed=8.0)
    line = TcpLine("127.0.0.1")
    async with AsyncExitStack() as nest:
        scanners = [await nest.enter_async_context(Scanner()) for _ in range(SCANNERS)]
        await nest.enter_async_context(driving(route, line))
        await nest.enter_async_context(_going(*(_scan(scanner, seed) for seed, scanner in enumerate(scanners, 1))))
        yield {f"scanner-{number}": scanner.port for number, scanner in enumerate(scanners, 1)} | {"gps": str(line)}


async def _scan(scanner: Scanner, seed: int) -> None:
    chance = random.Random(seed)
    for label in labels(seed):
        await asyncio.sleep(chance.uniform(0.5, 1.5) / SCANS)
        await scanner.scan(label)


@asynccontextmanager
async def tags() -> AsyncIterator[Places]:
    """Beacons under two adapters, of a BlueZ on a bus of its own; its signals are sent by dbus-fast."""
    async with simulated_bluez(("hci0", "hci1")) as bluez:
        bus = await MessageBus(bus_address=bluez.address, bus_type=BusType.SYSTEM).connect()

        async def when_heard() -> None:
            while len(bluez.scanning) < 2:  # noqa: ASYNC110 - another process begins to scan
                await asyncio.sleep(0.05)
            await _advertise(bus)

        try:
            async with _going(when_heard()):
                yield {"bus": bluez.address}
        finally:
            bus.disconnect()


async def _advertise(bus: MessageBus) -> None:
    payloads: list[Payload] = [
        ruuvi(f"CBB8334C{tag:04X}", 20.0, 40.0) if tag % 10 == 0 else ibeacon(PROXIMITY, 1, tag)
        for tag in range(BEACONS)
    ]
    chance, known, sent = random.Random(3), set[tuple[str, int]](), 0
    begun = time.monotonic()
    while True:
        passed = time.monotonic() - begun
        while sent < passed * BEACONS / HEARD_EVERY:
            tag = sent % BEACONS
            adapter = f"hci{(tag + int(passed * MOVING + tag) // BEACONS) % 2}"
            address = f"AC:23:3F:00:{tag >> 8:02X}:{tag & 255:02X}"
            added, changed = signals(adapter, address, payloads[tag], round(chance.gauss(-60.0, 3.0)))
            await bus.send(changed if (adapter, tag) in known else added)
            known.add((adapter, tag))
            sent += 1
        await asyncio.sleep(0.02)


@asynccontextmanager
async def _going(*works: object) -> AsyncIterator[None]:
    """These coroutines run beside the block; one that ends before it is a mistake of ours."""
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(work) for work in works]  # type: ignore[arg-type]
        yield
        for task in running:
            task.cancel()


KINDS: dict[str, Callable[[], AbstractAsyncContextManager[Places]]] = {
    "readers": readers,
    "tags": tags,
    "machines": machines,
    "small": small,
}


async def main() -> None:
    """Serve until stdin closes: the benchmark's end is ours."""
    try:
        async with KINDS[sys.argv[1]]() as places:
            print(json.dumps(places), flush=True)
            await asyncio.to_thread(sys.stdin.read)
    except Missing as lacking:
        print(json.dumps({"missing": str(lacking)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
