"""The asyncio shell of the reader: sockets, timers and TLS around `ReaderCore`; `serve` runs readers until stopped."""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import NamedTuple, Self

from drivers.contract import ProtocolViolation
from drivers.llrp.codec.framing import Framer
from drivers.llrp.codec.wire import encode
from simulators.air import Air
from simulators.llrp_reader import control, requests
from simulators.llrp_reader.core import ReaderCore
from simulators.llrp_reader.faults import Faults, Wire
from simulators.llrp_reader.options import ReaderOptions, Tls

_SETTLE = 0.05
"""Seconds after a dead link came back, for the old client's end to be seen before the next is let in."""
_WITHHELD = 4 * 2**20
"""Bytes a dead link swallows before the reader's own socket buffer is full."""


_SWITCHED = 1000
"""Changes of outputs that are remembered, the latest."""


class Switched(NamedTuple):
    """An output went on or off, at Unix seconds."""

    time: float
    gpo: int
    on: bool


class LlrpReader:
    """A reader on the network. Entering listens, leaving closes; `port` is where, `faults` what goes wrong.

    `listening` is set while it takes connections: not during a restart or with the cable pulled. `switched` are the
    latest changes of its outputs; `on_output` hears of each.
    """

    def __init__(self, options: ReaderOptions, air: Air, clock: Callable[[], float] = time.time) -> None:
        self.options, self.port, self.control_port = options, options.port, options.control_port
        self._clock = clock
        self._core = ReaderCore(options, air, clock())
        self.switched: deque[Switched] = deque(maxlen=_SWITCHED)
        self.on_output: Callable[[Switched], None] = lambda _change: None
        self._core.device.switched = self._output
        self._client: _Client | None = None
        self._knocking: list[_Client] = []
        self._open: set[_Client] = set()
        self._server: asyncio.Server | None = None
        self._control: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._power: asyncio.TimerHandle | None = None
        self._waking: set[asyncio.Task[None]] = set()
        self._withheld = bytearray()
        wire = Wire(clock, self._write, self._drop, self._outage, self._restart, self._kick)
        self.listening = asyncio.Event()
        self.faults = Faults(lambda: self._core, wire)

    async def __aenter__(self) -> Self:
        await self._listen()
        if self.options.control_port is not None:
            self._control = await control.listen(
                self.options.control_port, control.Controlled(self.faults, self.set_gpi, self._shown)
            )
            self.control_port = self._control.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for timer in (self._timer, self._power):
            if timer is not None:
                timer.cancel()
        for task in self._waking:
            task.cancel()
        await asyncio.gather(*self._waking, return_exceptions=True)
        for server in (self._server, self._control):
            if server is not None:
                server.close()
        for client in list(self._open):
            client.transport.abort()

    @property
    def connected(self) -> bool:
        """Whether a client is there."""
        return self._client is not None

    def set_gpi(self, port: int, state: bool) -> None:  # noqa: FBT001 - an input is on or off
        """An input changes. KeyError for an input the reader has not."""
        self._core.set_input(port, state, self._clock())
        self._kick()

    @property
    def outputs(self) -> Mapping[int, bool]:
        """Its outputs as they are now, by number."""
        return dict(self._core.device.outputs)

    def _output(self, port: int, state: bool) -> None:  # noqa: FBT001 - an output is on or off
        self.switched.append(Switched(self._clock(), port, state))
        self.on_output(self.switched[-1])

    def _shown(self) -> dict[str, object]:
        return {"outputs": self.outputs, "changes": [change._asdict() for change in self.switched]}

    # clients

    def arrived(self, client: _Client) -> None:
        """A connection was made: the first one is served, the next is told so and closed (section 7.1.1)."""
        self._open.add(client)
        if self.faults.frozen:
            client.transport.pause_reading()
            self._knocking.append(client)
            return
        now = self._clock()
        if self._client is not None:
            client.transport.write(encode(self._core.refuse(now)))
            client.transport.close()
            self._kick()
            return
        self._client = client
        self._core.connect(now)
        self._kick()

    def received(self, client: _Client, frames: list[bytes]) -> None:
        """Frames of the client that is served."""
        if client is not self._client:
            return
        now = self._clock()
        for frame in frames:
            requests.receive(self._core, frame, now)
        self._kick()

    def stalled(self, client: _Client, *, stalled: bool) -> None:
        """The client reads slower than we write, or caught up."""
        if client is not self._client:
            return
        self._core.link.stall(stalled=stalled, now=self._clock())
        if stalled:  # who does not listen is not listened to: answers would pile up
            client.transport.pause_reading()
        elif not client.frozen:
            client.transport.resume_reading()
            self._kick()

    def left(self, client: _Client) -> None:
        """A connection is gone."""
        self._open.discard(client)
        if client in self._knocking:
            self._knocking.remove(client)
        if client is self._client:
            self._client = None
            self._withheld.clear()
            self._core.disconnect()
            self._kick()

    # what the faults do

    def _outage(self, after: float) -> None:
        self._unplug()
        self._later(after, self._kick)

    def _restart(self, after: float) -> None:
        self._unplug()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._core = self._core.restarted(math.inf)
        self._later(after, self._boot)

    def _boot(self) -> None:
        self._core = self._core.restarted(self._clock())

    def _unplug(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self.listening.clear()
        self._drop(abort=True)
        for client in list(self._open):
            client.transport.abort()

    def _later(self, after: float, then: Callable[[], None]) -> None:
        if self._power is not None:
            self._power.cancel()

        def wake() -> None:
            then()
            task = asyncio.get_running_loop().create_task(self._listen(), name=f"{self.options.name}-listen")
            self._waking.add(task)
            task.add_done_callback(self._waking.discard)

        self._power = asyncio.get_running_loop().call_later(after, wake)

    def _drop(self, *, abort: bool = False) -> None:
        client = self._client
        if client is not None:
            (client.transport.abort if abort else client.transport.close)()
            self.left(client)

    def _write(self, data: bytes) -> None:
        client = self._client
        if client is None or self.faults.silent:
            return
        if self.faults.frozen:
            self._withheld += data[: max(_WITHHELD - len(self._withheld), 0)]
        elif self.faults.pieces:
            for start in range(0, len(data), self.faults.pieces):
                client.transport.write(data[start : start + self.faults.pieces])
        else:
            client.transport.write(data)

    # time

    async def _listen(self) -> None:
        options = self.options
        loop = asyncio.get_running_loop()
        context = _server_context(options.tls) if options.tls else None
        self._server = await loop.create_server(lambda: _Client(self), options.host, self.port, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        self.listening.set()

    def _kick(self) -> None:
        """Sends what is ready and sets the clock for what is due next."""
        self._thaw()
        self._send()
        deadline = self._core.deadline
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if deadline < math.inf:
            wait = max(deadline - self._clock(), 0)
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._core.advance(self._clock())
        self._kick()

    def _send(self) -> None:
        out = self._core.link.out
        if out:
            data = b"".join(out)
            out.clear()
            self._write(data)
        if self._core.link_lost:
            self._core.link_lost = False
            self._drop(abort=True)
        elif self._core.closing:
            self._core.closing = False
            self._drop()

    def _thaw(self) -> None:
        """The link follows the half-open fault: no reading while it lasts, everything withheld after it."""
        client = self._client
        if client is not None and client.frozen != self.faults.frozen:
            client.frozen = self.faults.frozen
            if client.frozen:
                client.transport.pause_reading()
            else:
                client.transport.resume_reading()
                client.transport.write(bytes(self._withheld))
                self._withheld.clear()
        if not self.faults.frozen and self._knocking:
            knocking, self._knocking = self._knocking, []
            for each in knocking:
                each.transport.resume_reading()
                asyncio.get_running_loop().call_later(_SETTLE, self._admit, each)

    def _admit(self, client: _Client) -> None:
        if client in self._open and not client.transport.is_closing():
            self.arrived(client)


class _Client(asyncio.Protocol):
    """One TCP connection."""

    transport: asyncio.Transport

    def __init__(self, reader: LlrpReader) -> None:
        self._reader, self._framer = reader, Framer()
        self.frozen = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._reader.arrived(self)

    def data_received(self, data: bytes) -> None:
        try:
            frames = self._framer.feed(data)
        except ProtocolViolation:
            self.transport.close()  # the stream cannot be followed any further
            return
        self._reader.received(self, frames)

    def pause_writing(self) -> None:
        self._reader.stalled(self, stalled=True)

    def resume_writing(self) -> None:
        self._reader.stalled(self, stalled=False)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it went
        self._reader.left(self)


async def serve(
    options: Iterable[ReaderOptions],
    air: Air,
    *,
    clock: Callable[[], float] = time.time,
    ready: Callable[[list[LlrpReader]], None] | None = None,
) -> None:
    """Runs readers in one event loop until cancelled; `ready` is called once all of them listen.

    Raises OSError where a port is taken, ssl.SSLError or OSError where a certificate cannot be used.
    """
    async with contextlib.AsyncExitStack() as stack:
        readers = [await stack.enter_async_context(LlrpReader(each, air, clock)) for each in options]
        if ready is not None:
            ready(readers)
        await asyncio.get_running_loop().create_future()


def _server_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(tls.cert, tls.key)
    if tls.client_ca:
        context.load_verify_locations(tls.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
