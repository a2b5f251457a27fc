"""Units on pymodbus's server: TCP, TLS, RTU over TCP or a serial line, with faults, and a record of what was asked."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Literal, Self

import msgspec
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import DataType, SimData, SimDevice
from pymodbus.simulator.simcore import SimCore

from simulators.modbus_plc.bank import Table
from simulators.modbus_plc.faults import Faults
from simulators.modbus_plc.machines import Machine

_TABLES: dict[int, Table] = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
"""Function codes of reads (Modbus Application Protocol 1.1b3, section 6)."""


class Asked(msgspec.Struct, frozen=True):
    """A request as it came over the wire."""

    unit: int
    function: int
    address: int
    count: int
    time: float


class _Units(SimCore):
    """pymodbus's datastore, with the machines' registers in it."""

    def __init__(self, machines: Mapping[int, Machine], clock: Callable[[], float]) -> None:
        super().__init__(SimDevice(0, [SimData(0, values=0, datatype=DataType.REGISTERS)]))
        self._machines = machines
        self._clock = clock

    async def async_getValues(  # noqa: N802 - pymodbus's name
        self, device_id: int, func_code: int, address: int, count: int = 1
    ) -> list[int] | list[bool] | ExcCodes:
        machine = self._machines[device_id]
        machine.advance(self._clock())
        values = machine.bank.read(_TABLES[func_code], address, count)
        if values is None:
            return ExcCodes.ILLEGAL_ADDRESS
        return [bool(value) for value in values] if func_code in (1, 2) else values

    async def async_setValues(self, *_: object) -> ExcCodes | None:  # noqa: N802 - same
        return ExcCodes.ILLEGAL_FUNCTION


class ModbusPlc:
    """A bus with its units, listening while entered. Without `path` it listens on `host` and `port`, 0 being any.

    `asked` holds what came, `functions` how often each function code was asked for.
    """

    def __init__(
        self,
        machines: Mapping[int, Machine],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        path: str | None = None,
        framing: Literal["mbap", "rtu"] = "mbap",
        tls: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.machines = machines
        self.faults = Faults()
        self.asked: list[Asked] = []
        self.functions: Counter[int] = Counter()
        self.port = port
        self._host, self._path, self._framing, self._tls = host, path, framing, tls
        self.clock = clock
        self._server: _Tcp | _Tls | _Serial | None = None
        self._answers: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens."""
        server = self._made()
        server.plc = self
        server.context = _Units(self.machines, self.clock)
        await server.serve_forever(background=True)
        self._server = server
        if self._path is None:
            self.port = server.transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]

    async def stop(self) -> None:
        """Switched off: connections end, nobody listens."""
        for answer in tuple(self._answers):
            answer.cancel()
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]
        self._server = None

    @property
    def connections(self) -> int:
        """How many clients are connected; a serial line counts as one."""
        return 0 if self._server is None else len(self._server.active_connections)

    async def until_asked(self, times: int) -> None:
        """Waits until so many requests more have come."""
        target = len(self.asked) + times
        while len(self.asked) < target:
            self._news.clear()
            await self._news.wait()

    def note(self, asked: Asked) -> None:
        """Keeps a request."""
        self.asked.append(asked)
        self.functions[asked.function] += 1
        self._news.set()

    def answer(self, task: asyncio.Task[None]) -> None:
        """Keeps an answer until it is given."""
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    def _made(self) -> _Tcp | _Tls | _Serial:
        nothing = SimDevice(0, [SimData(0, values=0, datatype=DataType.REGISTERS)])
        framer = FramerType.SOCKET if self._framing == "mbap" else FramerType.RTU
        if self._path is not None:
            return _Serial(nothing, port=self._path, framer=FramerType.RTU)
        where = (self._host, self.port)
        if self._tls is not None:
            return _Tls(nothing, framer=framer, address=where, sslctx=self._tls)
        return _Tcp(nothing, framer=framer, address=where)


class _Handler(ServerRequestHandler):
    """One client: pymodbus reads and writes frames, we answer late, wrongly or not at all where a fault says so."""

    def __init__(self, owner: _Tcp | _Tls | _Serial) -> None:
        super().__init__(owner, None, None, None)  # type: ignore[no-untyped-call]
        self._plc = owner.plc

    def handle_later(self) -> None:
        """Each request has its own answer, however late."""
        self._plc.answer(asyncio.get_running_loop().create_task(self._answer()))

    async def _answer(self) -> None:
        pdu, plc = self.last_pdu, self._plc
        if pdu is None:
            return
        plc.note(Asked(pdu.dev_id, pdu.function_code, pdu.address, pdu.count, plc.clock()))
        unit, faults = pdu.dev_id, plc.faults
        if faults.mute(unit) or unit not in plc.machines:
            return
        if unit in faults.delays:
            await asyncio.sleep(faults.delays[unit])
        spoilt = faults.spoilt()
        if spoilt is not None:
            self.send(spoilt)
            return
        response: ModbusPDU
        if unit in faults.exceptions:
            response = ExceptionResponse(pdu.function_code, faults.exceptions[unit])
        else:
            response = await pdu.datastore_update(self.server.context, unit)
        response.transaction_id, response.dev_id = pdu.transaction_id, unit
        self.server_send(response, None)  # type: ignore[no-untyped-call]


class _Handled:
    """A server whose clients are handled by ours."""

    plc: ModbusPlc

    def callback_new_connection(self) -> _Handler:
        return _Handler(self)  # type: ignore[arg-type]


class _Tcp(_Handled, ModbusTcpServer):
    """Modbus TCP, or RTU frames over TCP."""


class _Tls(_Handled, ModbusTlsServer):
    """Modbus/TCP Security: the MBAP frames of TCP, inside TLS."""


class _Serial(_Handled, ModbusSerialServer):
    """Modbus over Serial Line."""
