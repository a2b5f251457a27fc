"""The socket: one address, TLS, and bounds on connections and patience. uvicorn speaks HTTP on what is let in."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from drivers.contract import Disconnected, Rejected, Unreachable
from drivers.http.settings import Settings, Tls
from drivers.sockets import bind, words
from drivers.tls import server_context

HEADERS = 16 * 2**10
"""Bytes that the request line and its headers may have."""
IDLE = 5
"""Seconds a connection may wait for its next request."""
GRACE = 1.0
"""Seconds at the end for posts that only wait for the disk."""
ANSWER = 0.2
"""Seconds after that for their answers."""
_BACKLOG = 128


class Listener:
    """Takes connections until it is closed. `garbled` is told of what is no HTTP or no TLS."""

    def __init__(self, settings: Settings, app: ASGIApp, garbled: Callable[[str], None]) -> None:
        self._settings = settings
        self._garbled = garbled
        self._config = uvicorn.Config(
            app,
            http=H11Protocol,
            ws="none",
            loop="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=IDLE,
            h11_max_incomplete_event_size=HEADERS,
        )
        self._config.load()
        self._state = ServerState()
        self._open: set[_Connection] = set()
        self._from: Counter[str] = Counter()
        self._welcoming: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(settings.connections)

    async def serve(self, listening: socket.socket, tls: Callable[[], ssl.SSLContext | None]) -> None:
        """Take connections on that socket until cancelled; `Disconnected` when it takes no more.

        `tls` is asked at each: a certificate that was renewed serves from the next connection.
        """
        loop = asyncio.get_running_loop()
        while True:
            await self._free.acquire()
            with ExitStack() as undo:
                undo.callback(self._free.release)
                try:
                    taken, peer = await loop.sock_accept(listening)
                except OSError as error:
                    if error.errno in (errno.ECONNABORTED, errno.EPROTO):
                        continue
                    raise Disconnected(f"no connection can be taken: {error.strerror}") from error
                undo.pop_all()
            task = loop.create_task(self._welcome(taken, str(peer[0]), tls()))
            self._welcoming.add(task)
            task.add_done_callback(self._welcoming.discard)

    async def _welcome(self, taken: socket.socket, peer: str, tls: ssl.SSLContext | None) -> None:
        """TLS and HTTP on a new connection, unless its address has its share already."""
        if self._from[peer] >= max(1, self._settings.connections // 2):
            taken.close()
            self._free.release()
            return
        self._from[peer] += 1
        patience = self._settings.request_timeout
        options: dict[str, Any] = {} if tls is None else {"ssl_handshake_timeout": patience, "ssl_shutdown_timeout": 1}
        made: list[_Connection] = []

        def connection() -> _Connection:
            made.append(_Connection(self._config, self._state, patience, self._settings.store_timeout, self._garbled))
            return made[0]

        try:
            await asyncio.get_running_loop().connect_accepted_socket(connection, taken, ssl=tls, **options)
            self._open.add(made[0])
            await made[0].gone.wait()
        except (OSError, ValueError) as error:  # ValueError: handed over a socket that is closed already
            taken.close()
            self._garbled(f"somebody at {peer} failed in TLS: {words(error)}")
        finally:
            self._open.difference_update(made)
            self._from[peer] -= 1
            if not self._from[peer]:
                del self._from[peer]
            self._free.release()

    async def close(self, end: Callable[[], None]) -> None:
        """Wait a little for posts on their way, then `end` all waiting and all connections."""
        try:
            if self._state.tasks:
                await asyncio.wait(set(self._state.tasks), timeout=GRACE)
        finally:
            end()
            if self._state.tasks:
                await asyncio.wait(set(self._state.tasks), timeout=ANSWER)
            for connection in list(self._open):
                connection.abort()
            for task in self._welcoming:
                task.cancel()
        leaving = {*self._welcoming, *self._state.tasks}
        if leaving:
            await asyncio.wait(leaving, timeout=GRACE)


class _Connection(H11Protocol):
    """uvicorn's connection, with an end to all patience: of TLS's peer it tells the application the name."""

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServerState,
        patience: float,
        answer: float,
        garbled: Callable[[str], None],
    ) -> None:
        super().__init__(config, state, {"common_name": None})
        self.gone = asyncio.Event()
        self._patience = patience
        self._answer = answer + IDLE
        self._garbled = garbled
        self._watch: asyncio.TimerHandle | None = None
        self._reading = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        self.app_state["common_name"] = _common_name(tls.getpeercert()) if tls is not None else None
        self._within(2 * self._patience)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._watch is not None:
            self._watch.cancel()
        self.gone.set()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._reading and self.cycle is not None and not self.cycle.more_body:
            self._reading = False
            self._within(self._answer)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # However a next request trickles in, and whether or not the answer is taken: this ends it.
        self._reading = True
        self._within(max(2 * self._patience + IDLE, self._answer))

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        self._garbled("somebody sent what is no HTTP")

    def abort(self) -> None:
        """End it at once."""
        self.transport.abort()

    def _within(self, seconds: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self.loop.call_later(seconds, self.abort)


def bound(settings: Settings, interface: str | None) -> socket.socket:
    """A listening socket on exactly that address. Raises `Unreachable` saying what to do."""
    host, port = settings.address
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    with ExitStack() as undo:
        undo.callback(listening.close)
        try:
            listening.setblocking(False)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bind(listening, interface)
            listening.bind((host, port))
            listening.listen(_BACKLOG)
        except OSError as error:
            raise Unreachable(f"cannot listen on {settings.listen}: {_advice(error, port)}") from error
        undo.pop_all()
    return listening


def _advice(error: OSError, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"another program does: find it with ss -ltnp 'sport = :{port}', or choose another port?"
        case errno.EADDRNOTAVAIL:
            return "this machine does not have the address: is the network up (ip addr), and listen right?"
        case errno.EACCES | errno.EPERM:
            return "not allowed: choose a port from 1024, or give the service the right to?"
    return f"{words(error)}: is listen right?"


class Certificate:
    """TLS as its files are now: read anew when one of them changes, kept as it was while they do not fit."""

    def __init__(self, tls: Tls | None, base: Path) -> None:
        """Raises `Rejected` where the files cannot be used."""
        self._tls = tls
        self._base = base
        self._seen = self._marks()
        self._context = None if tls is None else server_context(tls.cert, tls.key, tls.ca, base)

    def context(self) -> ssl.SSLContext | None:
        """None is plain HTTP."""
        if self._tls is not None:
            seen = self._marks()
            if seen != self._seen:
                self._seen = seen
                with suppress(Rejected):
                    self._context = server_context(self._tls.cert, self._tls.key, self._tls.ca, self._base)
        return self._context

    def _marks(self) -> list[tuple[int, int]]:
        names = () if self._tls is None else filter(None, (self._tls.cert, self._tls.key, self._tls.ca))
        marks = []
        for name in names:
            with suppress(OSError):
                found = (self._base / name).stat()
                marks.append((found.st_mtime_ns, found.st_ino))
        return marks


def _common_name(certificate: Any) -> str | None:
    for entry in (certificate or {}).get("subject", ()):
        for key, value in entry:
            if key == "commonName":
                return str(value)
    return None
