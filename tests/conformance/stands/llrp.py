"""LLRP: the simulated reader of each family."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from drivers.contract import Observation, Read
from simulators.air import Heard, Shelf
from simulators.llrp_reader.options import FAMILIES, Family, ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from tests.conformance.stand import Act, Device, Stand

EPC = bytes.fromhex("3034257bf7194e4000000001")


def sees(seen: Sequence[Observation]) -> bool:
    return any(isinstance(one, Read) and one.value == EPC and one.antenna in {1, 2} for one in seen)


def nobody(port: int) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "connect_timeout": "5s"}


def act(do: Callable[[], None]) -> Act:
    async def acted() -> None:
        do()

    return acted


@asynccontextmanager
async def start(family: Family) -> AsyncIterator[Device]:
    async with LlrpReader(ReaderOptions(family=family), Shelf([Heard(EPC, -55.0)])) as reader:
        faults = reader.faults

        async def back() -> None:
            faults.restart()
            await reader.listening.wait()

        async def flood() -> None:
            faults.flood(50_000)
            await asyncio.sleep(1.0)
            faults.flood(0)

        yield Device(
            settings={"host": "127.0.0.1", "port": reader.port, "keepalive": "1s", "connect_timeout": "5s"},
            ports={1: {"power_dbm": 20.0}, 2: {}},
            sees=sees,
            busy=lambda: reader.connected,
            outputs=lambda: reader.outputs,
            lose=act(lambda: faults.restart(3600.0)),
            back=back,
            silence=act(faults.silence),
            garbage=act(faults.garbage),
            flood=flood,
        )


STANDS = {f"llrp-{family}": Stand("llrp", partial(start, family), nobody) for family in FAMILIES}
