"""The HTTP driver: listens while it is open, and gives each post as a batch of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

from drivers.contract import Absent, Antenna, Batch, Context, DriverError, Rejected, Status
from drivers.http import sources
from drivers.http.app import Desks
from drivers.http.complaints import Complaints
from drivers.http.deliveries import Deliveries
from drivers.http.observing import Desk
from drivers.http.server import Certificate, Listener, bound
from drivers.http.settings import SHORTEST_TOKEN, PortSettings, Settings, Source
from drivers.http.sources import Known

_FRESH = 5.0
"""Seconds after which tokens are read again: one that was changed serves without a restart."""


class HttpDriver:
    """A listener for hardware that posts. `open` may be called again: what was posted before is still known."""

    def __init__(self, settings: Settings, ports: Mapping[Antenna, PortSettings], context: Context) -> None:
        self._settings = settings
        self._ports = ports
        self._context = context
        self._posts = _Posts()
        self._deliveries = Deliveries(self._posts.give, settings.remember)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[AsyncIterator[Batch]]:
        """Enter: it listens. Raises `DriverError`, here or while iterating."""
        settings, context, posts = self._settings, self._context, self._posts
        with bound(settings, context.interface) as listening:
            tls = settings.encryption(context.device)
            certificate = Certificate(tls, Path(context.base))
            where = f"listens on {'http' if tls is None else 'https'}://{settings.listen}"
            desks = self._desks(where)
            posts.begin()
            listener = Listener(settings, desks.application(), desks.complain)
            serving = asyncio.create_task(
                listener.serve(listening, certificate.context), name=f"{context.device} listens"
            )
            serving.add_done_callback(posts.ended)
            posts.give(Batch((Status(None, "online", where, context.clock()),)))
            try:
                yield posts
            finally:
                serving.cancel()
                with suppress(asyncio.CancelledError, DriverError):
                    await serving
                await listener.close(desks.end)

    def _desks(self, where: str) -> Desks:
        settings, context, posts = self._settings, self._context, self._posts
        tokens = _Tokens(settings, context)
        tokens.read()
        names = settings.known(context.device)
        single = not settings.sources
        return Desks(
            settings,
            tokens.known,
            {name: Desk(None if single else name, self._ports.keys()) for name in names},
            self._deliveries,
            Complaints(where),
            lambda status: posts.give(Batch((status,))),
            context.clock,
            {name: source.rate for name, source in names.items()},
        )


class _Posts:
    """Batches as they come, until the listener fails."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Batch | BaseException] = asyncio.Queue()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch:
        item = await self._queue.get()
        if isinstance(item, Batch):
            return item
        raise item

    def begin(self) -> None:
        """A failure of before is over; batches nobody took are still due."""
        kept = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for item in kept:
            if isinstance(item, Batch):
                self._queue.put_nowait(item)

    def give(self, batch: Batch) -> None:
        self._queue.put_nowait(batch)

    def ended(self, serving: asyncio.Task[None]) -> None:
        error = None if serving.cancelled() else serving.exception()
        if error is not None:
            self._queue.put_nowait(error)


class _Tokens:
    """What each source must show, read anew now and then."""

    def __init__(self, settings: Settings, context: Context) -> None:
        self._sources = settings.known(context.device)
        self._context = context
        self._read = float("-inf")
        self._known: dict[str, Known] = {}

    def read(self, *, keep: bool = False) -> None:
        """Raises `Rejected` where a token is missing, short, or another's.

        `keep`: there it stays as it was, but who has no token file any more is nobody.
        """
        known: dict[str, Known] = {}
        seen: dict[bytes, str] = {}
        for name, source in self._sources.items():
            try:
                known[name] = Known(self._hashed(name, source, seen), source.common_name)
            except Rejected as error:
                if not keep:
                    raise
                if name in self._known and not isinstance(error, Absent):
                    known[name] = self._known[name]
        self._known = known

    def _hashed(self, name: str, source: Source, seen: dict[bytes, str]) -> bytes | None:
        if source.token is None:
            return None
        token = self._context.secret(source.token)
        if len(token) < SHORTEST_TOKEN:
            short = f"the token of {name} is shorter than {SHORTEST_TOKEN} characters"
            raise Rejected(f"{short}: openssl rand -hex 32 makes one")
        hashed = sources.digest(token)
        if seen.setdefault(hashed, name) != name:
            raise Rejected(f"{name} and {seen[hashed]} have the same token: give each its own")
        return hashed

    def known(self) -> Mapping[str, Known]:
        """As of the last few seconds; whose token cannot be read stays as it was, whose is gone is not known."""
        now = asyncio.get_running_loop().time()
        if now - self._read > _FRESH:
            self._read = now
            self.read(keep=True)
        return self._known
