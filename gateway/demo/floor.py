"""The demo's warehouse: cases that wander through four aisles, pallets that pass the dock door, and two readers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Literal

from gateway.demo.site import AISLES
from gateway.identity.epc import encode_urn
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.warehouse import Warehouse, aisles, dock

CASES = 24
STAY = 12.0
"""Seconds that a case stays in its aisle, on average."""

PALLET_EVERY = 5.0
PALLET_CASES = 5
PALLET_SPEED = 2.0
PALLET_RUN = 4.0
"""Metres before and behind the door."""

DOCK = (-200.0, 0.0)
"""Far enough from the aisles, with walls of air instead of brick, that neither hears the other's tags."""


@asynccontextmanager
async def readers(seconds: float, seed: int = 7) -> AsyncIterator[Mapping[str, int]]:
    """Two simulated readers, by name with their ports, over a floor on which things happen for `seconds`."""
    mounts, doors = dock("dock-1", "dock-reader", at=DOCK, apart=4.0)
    floor = Warehouse([*mounts, *aisles(AISLES, "aisle-reader")[0]], doors, seed=seed)
    random = Random(seed)  # noqa: S311 - a show, not a secret
    start = time.time()
    _cases(floor, random, start, seconds)
    _pallets(floor, start, seconds)
    async with AsyncExitStack() as stack:
        ports = {}
        for name, antennas in (("dock-reader", 2), ("aisle-reader", len(AISLES))):
            options = ReaderOptions(name=name, family="zebra-fx", antennas=antennas)
            reader = await stack.enter_async_context(LlrpReader(options, floor))
            ports[name] = reader.port
        yield ports


def _cases(floor: Warehouse, random: Random, start: float, seconds: float) -> None:
    for serial in range(1, CASES + 1):
        epc = encode_urn(f"urn:epc:id:sgtin:9506000.013435.{serial}", filter=2)
        floor.place(epc, random.choice(AISLES), start + random.uniform(0, 3), stay=STAY)
        floor.remove(epc, start + seconds)


def _pallets(floor: Warehouse, start: float, seconds: float) -> None:
    """Every few seconds a load goes in or out: one SSCC, and its cases."""
    for number in range(int(seconds // PALLET_EVERY)):
        pallet = encode_urn(f"urn:epc:id:sscc:952012.{3456789123 + number:011d}", filter=2)
        cases = [
            encode_urn(f"urn:epc:id:sgtin:9506000.013436.{number * PALLET_CASES + case + 1}", filter=2)
            for case in range(PALLET_CASES)
        ]
        direction: Literal["in", "out"] = "in" if number % 2 == 0 else "out"
        floor.pallet(
            [pallet, *cases],
            "dock-1",
            direction,
            start + 1.0 + number * PALLET_EVERY,
            speed=PALLET_SPEED,
            run=PALLET_RUN,
        )
