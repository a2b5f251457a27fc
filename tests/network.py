"""A network of its own for a process under test: a cable that is cut without a word, a name server that lies."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import socket
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Literal, Self, cast

import pytest

TOOLS = ("ip", "nsenter", "unshare", "mount")
_NOWHERE = "02:00:00:00:00:01"
"""A hardware address that nobody has: what is sent there is dropped, and nobody is told."""


class Island:
    """A network namespace joined to ours by one cable. `here` and `there` are the addresses at its ends."""

    def __init__(self, name: str, here: str, there: str) -> None:
        self.here = here
        self.there = there
        self._name = name

    def prefix(self, resolv: Path | None = None) -> tuple[str, ...]:
        """What makes a command run there, with this file as its /etc/resolv.conf."""
        words = ("nsenter", f"--net=/run/netns/{self._name}")
        if resolv is None:
            return words
        script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        return (*words, "unshare", "--mount", "sh", "-c", script, str(resolv))

    def cut(self) -> None:
        """From now on every packet is dropped, in both directions: the link is half-open, no side is told."""
        _ip("neigh", "replace", self.there, "lladdr", _NOWHERE, "dev", f"{self._name}h", "nud", "permanent")
        inside = ("lladdr", _NOWHERE, "dev", f"{self._name}g", "nud", "permanent")
        _ip("-n", self._name, "neigh", "replace", self.here, *inside)

    def mend(self) -> None:
        """The cable is whole again."""
        _ip("-n", self._name, "neigh", "del", self.here, "dev", f"{self._name}g")
        _ip("neigh", "del", self.there, "dev", f"{self._name}h")


@contextmanager
def island() -> Iterator[Island]:
    """Make one; skips the test where this may not be done."""
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or lacking:
        pytest.skip(f"network namespaces need root and {', '.join(lacking or TOOLS)}")
    name = f"rp{random.randrange(16**8):08x}"
    # 198.18.0.0/15 is for tests of network devices (RFC 2544, appendix C.2.2).
    net = f"198.{random.choice((18, 19))}.{random.randrange(256)}.{4 * random.randrange(64)}".rsplit(".", 1)
    here, there = (f"{net[0]}.{int(net[1]) + each}" for each in (1, 2))
    with ExitStack() as nest:
        try:
            _ip("netns", "add", name)
            nest.callback(_ip, "netns", "del", name)
            _ip("link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}g", "netns", name)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"this machine makes no network namespace: {error.stderr.strip()}")
        _ip("addr", "add", f"{here}/30", "dev", f"{name}h")
        _ip("-n", name, "addr", "add", f"{there}/30", "dev", f"{name}g")
        _ip("link", "set", f"{name}h", "up")
        _ip("-n", name, "link", "set", f"{name}g", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield Island(name, here, there)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class NameServer(asyncio.DatagramProtocol):
    """Knows one name: answers with `address`, says that there is no such name, or says nothing, as `mood` has it."""

    def __init__(self, address: str) -> None:
        self.mood: Literal["answers", "no such name", "silent"] = "answers"
        self.asked = 0
        self._address = socket.inet_aton(address)
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        if self.mood == "silent" or self._transport is None:
            return
        end = data.index(b"\0", 12) + 5
        (kind,) = struct.unpack_from("!H", data, end - 4)
        found = self.mood == "answers" and kind == 1
        flags = 0x8180 if self.mood == "answers" else 0x8183  # RFC 1035, section 4.1.1: RCODE 3 is a name error
        head = data[:2] + struct.pack("!HHHHH", flags, 1, int(found), 0, 0)
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + self._address if found else b""
        self._transport.sendto(head + data[12:end] + record, addr)


@asynccontextmanager
async def name_server(on: str, says: str) -> AsyncIterator[NameServer]:
    """On port 53 of an address of ours."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(lambda: NameServer(says), (on, 53))
    try:
        yield server
    finally:
        transport.close()


class Relay:
    """A slow line to a broker: what is sent either way goes on at `rate` bytes a second."""

    def __init__(self, port: int) -> None:
        self.rate = 1e9
        self.port = 0
        self._to = port
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._joined, "127.0.0.1", 0, limit=4096)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)

    async def _joined(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lines.add(task)
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to, limit=4096)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._carry(reader, far_writer))
                group.create_task(self._carry(far_reader, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._lines.discard(task)
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1024):
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(len(data) / self.rate)
        writer.close()
