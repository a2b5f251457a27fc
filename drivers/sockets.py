"""Sockets to devices, for every driver that has some: bound to the segment's interface, failing in sentences."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import ExitStack

from drivers.observations import Disconnected, Unreachable

Resolved = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]
"""Of `getaddrinfo`: family, kind, protocol, canonical name, address."""

_CHUNK = 4096
"""Bytes taken at once: what is made of them is made within milliseconds."""


async def dialled(
    host: str, port: int, interface: str | None, *, within: float, advice: str, where: str = ""
) -> socket.socket:
    """`connected` in so many seconds at most. Raises `Unreachable`."""
    try:
        async with asyncio.timeout(within):
            return await connected(host, port, interface, advice=advice, where=where)
    except TimeoutError as error:
        raise Unreachable(
            f"{where or f'{host}:{port}'} did not answer within {within:g} s: is it on, and the address right?"
        ) from error


async def connected(
    host: str,
    port: int,
    interface: str | None = None,
    *,
    advice: str = "is the device on, and the address right?",
    where: str = "",
) -> socket.socket:
    """A connected, non-blocking TCP socket: every address of the name is tried in turn. Raises `Unreachable`.

    It waits as long as the system does: put a time-out around it. Sentences name `where`, the address as the file
    has it, and end with `advice`.
    """
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, kind, protocol, _, address in await resolved(host, port, socket.SOCK_STREAM):
        with ExitStack() as undo:
            sock = socket.socket(family, kind, protocol)
            undo.callback(sock.close)
            try:
                sock.setblocking(False)
                bind(sock, interface)
                await loop.sock_connect(sock, address)
            except OSError as error:
                failure = error
                continue
            undo.pop_all()
            return sock
    raise Unreachable(
        f"{where or f'{host}:{port}'} does not take the connection: {words(failure)}; {advice}"
    ) from failure


async def resolved(host: str, port: int, kind: socket.SocketKind) -> Sequence[Resolved]:
    """What a name stands for, one at least. Raises `Unreachable`."""
    try:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)
    except (OSError, ValueError) as error:  # ValueError: what cannot be a name
        raise Unreachable(f"the name {host} is not known: {words(error)}; check it, or write the address") from error


async def received(sock: socket.socket, where: str, hint: str) -> bytes:
    """Waits for bytes. Raises `Disconnected`, at an end of the stream with that hint."""
    try:
        data = await asyncio.get_running_loop().sock_recv(sock, _CHUNK)
    except OSError as error:
        raise Disconnected(f"the connection to {where} broke: {words(error)}") from error
    if not data:
        raise Disconnected(f"{where} closed the connection: {hint}")
    return data


def bind(sock: socket.socket, interface: str | None) -> None:
    """Bind a socket to `Context.interface`; without one nothing is done. Raises `Unreachable`."""
    if interface is None:
        return
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    except OSError as error:
        raise Unreachable(
            f"the socket cannot be bound to {interface}: {words(error)}; does it exist (ip link), see device_interface"
        ) from error


def words(error: BaseException | None) -> str:
    """What the system says of an error, without its number."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
