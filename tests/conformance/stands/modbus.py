"""Modbus: a simulated PLC over TCP, RTU frames over TCP, and a serial line."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Literal

from drivers.contract import Measurement, Observation, Signal
from simulators.modbus_plc.cable import Cable
from simulators.modbus_plc.machines import Door
from simulators.modbus_plc.server import ModbusPlc
from tests.conformance.stand import Device, Stand

Wiring = Literal["tcp", "rtu+tcp", "rtu"]
COMMON = {
    "points": {
        "beam": {"table": "discrete", "address": 3, "signal": True},
        "open": {"table": "discrete", "address": 4},
    },
    "interval": "20ms",
    "timeout": "1s",
    "connect_timeout": "5s",
}


def sees(seen: Sequence[Observation]) -> bool:
    signal = any(isinstance(one, Signal) and one.name == "beam" for one in seen)
    return signal and any(isinstance(one, Measurement) and one.quality == "good" for one in seen)


def nobody(port: int) -> dict[str, Any]:
    return {**COMMON, "url": f"tcp://127.0.0.1:{port}"}


@asynccontextmanager
async def start(wiring: Wiring) -> AsyncIterator[Device]:
    door = Door()
    async with AsyncExitStack() as nest:
        cable = await nest.enter_async_context(Cable()) if wiring == "rtu" else None
        path = cable.far if cable is not None else None
        plc = ModbusPlc({1: door}, path=path, framing="mbap" if wiring == "tcp" else "rtu")
        await nest.enter_async_context(plc)

        async def speak() -> None:
            door.beam(broken=not door.bank.tables["discrete"][3])

        async def lose() -> None:
            await plc.stop()
            if cable is not None:
                cable.unplug()

        async def back() -> None:
            if cable is not None:
                cable.plug()
            await plc.start()

        async def silence() -> None:
            plc.faults.silent = True

        async def garbage() -> None:
            plc.faults.garbage()

        url = f"{wiring}://{cable.path if cable else f'127.0.0.1:{plc.port}'}"
        # a pseudo-terminal knows no parity
        serial = {"serial": {"parity": "none", "stop_bits": 1}} if cable else {}
        yield Device(
            settings={**COMMON, "url": url, **serial},
            sees=sees,
            busy=lambda: cable.busy if cable is not None else plc.connections > 0,
            speak=speak,
            lose=lose,
            back=back,
            silence=silence,
            garbage=garbage,
        )


LACKS: dict[Any, str] = {"flood": "a unit speaks only when it is asked, one answer at a time"}
KINDS: tuple[Wiring, ...] = ("tcp", "rtu+tcp", "rtu")
STANDS = {f"modbus-{kind}": Stand("modbus", partial(start, kind), nobody, LACKS) for kind in KINDS}
