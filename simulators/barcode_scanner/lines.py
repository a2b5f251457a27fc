"""The lines a scanner may hang on: a pseudo terminal that looks like a USB port, and a TCP port of a serial server."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from simulators.pty import Pty

Answer = Callable[[bytes], None]

_CHUNK = 4096


class PtyLine:
    """A serial port at `path`. Unplugged, the link is gone and who has it open gets EIO."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._pty = Pty(path)
        self._answer = answer

    @property
    def port(self) -> str:
        """What the driver's `port` is set to."""
        return str(self._pty.path)

    @property
    def busy(self) -> bool:
        """Whether somebody holds the port's lock."""
        return self._pty.busy

    async def plug(self) -> None:
        """The scanner is there."""
        self._pty.path.parent.mkdir(parents=True, exist_ok=True)
        asyncio.get_running_loop().add_reader(self._pty.plug(), self._hear)

    async def unplug(self) -> None:
        """It is gone."""
        master = self._pty.master
        if master is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(master)
            loop.remove_writer(master)
            self._pty.unplug()

    async def send(self, data: bytes) -> None:
        """Waits while the port's buffer is full. Unplugged, what is said is lost."""
        while data and self._pty.master is not None:
            try:
                data = data[os.write(self._pty.master, data) :]
            except BlockingIOError:
                await self._writable(self._pty.master)

    async def _writable(self, master: int) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_writer(master, ready.set)
        try:
            await ready.wait()
        finally:
            if master == self._pty.master:
                loop.remove_writer(master)

    def _hear(self) -> None:
        if self._pty.master is not None:
            with suppress(OSError):
                self._answer(os.read(self._pty.master, _CHUNK))


class TcpLine:
    """A serial server's port: one client at a time, any further one is hung up on."""

    def __init__(self, answer: Answer, host: str = "127.0.0.1", port: int = 0) -> None:
        self._answer = answer
        self._host, self._number = host, port
        self._listening: socket.socket | None = None
        self._client: socket.socket | None = None

    @property
    def port(self) -> str:
        """What the driver's `port` is set to."""
        return f"socket://{self._host}:{self._number}"

    @property
    def busy(self) -> bool:
        """Whether there is a client; one that has knocked is let in."""
        self._accept()
        return self._client is not None

    async def plug(self) -> None:
        """It listens; where no port was given, on a free one that it keeps."""
        self._listening = socket.create_server((self._host, self._number))
        self._listening.setblocking(False)
        self._number = self._listening.getsockname()[1]
        asyncio.get_running_loop().add_reader(self._listening, self._accept)

    async def unplug(self) -> None:
        """It is switched off."""
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        self._hang_up()

    async def send(self, data: bytes) -> None:
        """Waits while the client takes nothing. Without one, what is said is lost."""
        if self._client is not None:
            with suppress(OSError):
                await asyncio.get_running_loop().sock_sendall(self._client, data)

    def _accept(self) -> None:
        if self._listening is None:
            return
        with suppress(BlockingIOError):
            client, _ = self._listening.accept()
            if self._client is not None:
                client.close()
                return
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client = client
            asyncio.get_running_loop().add_reader(client, self._hear)

    def _hear(self) -> None:
        assert self._client is not None
        try:
            data = self._client.recv(_CHUNK)
        except OSError:
            data = b""
        if data:
            self._answer(data)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._client is not None:
            loop = asyncio.get_running_loop()
            loop.remove_reader(self._client)
            loop.remove_writer(self._client)
            self._client.close()
            self._client = None
