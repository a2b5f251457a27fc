"""A handheld that posts its scans: HTTP/1.1 on plain sockets, with every bad habit such hardware has.

It keeps a batch until it is answered 200, and posts it again under the same id: after an error, a refusal with
Retry-After, or a connection that broke before the answer came.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from drivers.lines import format_line
from drivers.observations import Read


class Answer(NamedTuple):
    """Status, headers (names in lower case) and body of an answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Broken(ConnectionError):
    """There was no answer, or none that can be read."""


class Manners(NamedTuple):
    """How a request is sent. `pause` seconds between pieces of `piece` bytes; `hang_up` after sending, unanswered."""

    piece: int = 2**16
    pause: float = 0.0
    hang_up: bool = False


GOOD = Manners()


class HttpSource:
    """One who posts to `url`. `ca`, `cert` and `key` are PEM files; without `token` only the certificate speaks."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        ca: Path | None = None,
        cert: Path | None = None,
        key: Path | None = None,
        timeout: float = 30.0,
    ) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._path = parts.path or "/"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._token = token
        self._timeout = timeout
        self._tls: ssl.SSLContext | None = None
        if parts.scheme == "https":
            self._tls = ssl.create_default_context(cafile=ca)
            if cert is not None:
                self._tls.load_cert_chain(cert, key)

    async def post(
        self,
        body: bytes,
        *,
        media_type: str = "application/x-ndjson",
        batch: str | None = None,
        headers: dict[str, str] | None = None,
        manners: Manners = GOOD,
    ) -> Answer:
        """One request and its answer. Raises `Broken`."""
        given = {
            "host": self._host,
            "content-type": media_type,
            "content-length": str(len(body)),
            "connection": "close",
        }
        if self._token is not None:
            given["authorization"] = f"Bearer {self._token}"
        if batch is not None:
            given["idempotency-key"] = batch
        head = [
            f"POST {self._path} HTTP/1.1",
            *(f"{name}: {value}" for name, value in (given | (headers or {})).items()),
        ]
        return await self.send("\r\n".join([*head, "", ""]).encode("latin-1") + body, manners)

    async def send(self, data: bytes, manners: Manners = GOOD) -> Answer:
        """Any bytes, and what comes back. Raises `Broken`."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(data, manners)
        except (OSError, TimeoutError) as error:
            raise Broken(str(error) or type(error).__name__) from error

    async def _exchange(self, data: bytes, manners: Manners) -> Answer:
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        try:
            for start in range(0, len(data), manners.piece):
                writer.write(data[start : start + manners.piece])
                await writer.drain()
                if manners.pause:
                    await asyncio.sleep(manners.pause)
            if manners.hang_up:
                raise Broken("hung up before the answer")
            return _answer(await reader.read())
        finally:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def deliver(self, body: bytes, *, retry: float = 1.0) -> int:
        """Post a batch until it is stored; the number of posts that took. Raises `Refused` where that will never be."""
        batch = str(uuid.uuid4())
        attempts = 0
        while True:
            attempts += 1
            wait = retry
            with suppress(Broken):
                answer = await self.post(body, batch=batch)
                if answer.status == 200:
                    return attempts
                if answer.status not in (408, 429, 503):
                    raise Refused(f"{answer.status}: {answer.body.decode(errors='replace')}")
                wait = min(float(answer.headers.get("retry-after", retry)), 60.0)
            await asyncio.sleep(wait)


class Refused(Exception):
    """The listener will never take this batch."""


def _answer(data: bytes) -> Answer:
    head, separator, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if not separator or len(words) < 2 or not words[1].isdigit():
        raise Broken(f"no answer: {data[:80]!r}")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(words[1]), headers, body)


def scan(serial: int) -> str:
    """A label with GTIN 09506000134352, GS1's example, and this serial number, as a scanner gives it."""
    return f"]d2010950600013435221{serial}"


def lines(reads: Sequence[Read]) -> bytes:
    """Reads as a body of JSON lines."""
    return "".join(format_line("handheld", read) + "\n" for read in reads).encode()


async def handheld(
    source: HttpSource,
    *,
    rate: float,
    batch: int,
    seed: int = 1,
    clock: Callable[[], float] = time.time,
    told: Callable[[int], None] = lambda _scans: None,
) -> None:
    """Scans labels, `rate` a second on average, and posts them `batch` at a time, until cancelled."""
    chance = random.Random(seed)  # noqa: S311 - a floor, no secret
    serial, waiting = 0, list[Read]()
    while True:
        await asyncio.sleep(chance.expovariate(rate))
        serial += 1
        waiting.append(Read("code", scan(serial).encode(), clock()))
        if len(waiting) >= batch:
            await source.deliver(lines(waiting))
            told(len(waiting))
            waiting.clear()
