"""HTTP: a handheld that posts, to a listener that knows it by its client certificate."""

from __future__ import annotations

import asyncio
import itertools
import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from drivers.contract import Observation, Read
from simulators.http_source import Broken, HttpSource, lines
from tests.brokers import Pki, free_tcp_port
from tests.conformance.stand import Device, Stand

CODE = b"]d2010950600013435221"


def sees(seen: Sequence[Observation]) -> bool:
    return any(isinstance(one, Read) and one.value.startswith(CODE) and one.antenna == "gun-1" for one in seen)


def bound(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@asynccontextmanager
async def start() -> AsyncIterator[Device]:
    with tempfile.TemporaryDirectory() as folder:
        pki, port, serials = Pki(Path(folder)), free_tcp_port(), itertools.count()
        who = pki.client("gun-1")
        url = f"https://127.0.0.1:{port}/v1/reads"
        source = HttpSource(url, ca=pki.ca, cert=who.cert, key=who.key, timeout=2.0)

        async def post(body: bytes) -> None:
            # Whoever is not taken comes again; nobody waits for a COMMIT here.
            with suppress(Broken, TimeoutError):
                async with asyncio.timeout(0.3):
                    await source.post(body)

        async def speak() -> None:
            await post(b'{"code": "' + CODE + str(next(serials)).encode() + b'"}\n')

        async def flood() -> None:
            reads = [Read("code", CODE + str(next(serials)).encode(), 1.0) for _ in range(3000)]
            await asyncio.gather(*[post(lines(reads)) for _ in range(10)])

        yield Device(
            settings={
                "listen": f"127.0.0.1:{port}",
                "tls": {"cert": str(pki.broker.cert), "key": str(pki.broker.key), "ca": str(pki.ca)},
                "sources": {"gun-1": {"common_name": "gun-1", "rate": 100_000}},
            },
            ports={"gun-1": {}},
            sees=sees,
            busy=lambda: bound(port),
            speak=speak,
            garbage=lambda: post(b"\x00\xff no JSON"),
            flood=flood,
        )


def nobody(port: int) -> dict[str, Any]:
    """An address of documentation (RFC 5737): no machine has it."""
    return {"listen": f"192.0.2.1:{port}"}


STANDS = {
    "http": Stand(
        "http",
        start,
        nobody,
        {
            "lose": "the gateway listens: a source that is gone is one that has nothing to post",
            "silence": "a source posts when it has something to say, and may be silent for a week",
        },
    )
}
