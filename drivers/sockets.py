"""Sockets to devices, for every driver that has some: bound to the segment's interface, failing in sentences."""

from __future__ import annotations

import asyncio
import socket

from drivers.observations import Unreachable


async def connected(
    host: str, port: int, interface: str | None = None, *, advice: str = "is the device on, and the address right?"
) -> socket.socket:
    """A connected, non-blocking TCP socket: every address of the name is tried in turn. Raises `Unreachable`.

    It waits as long as the system does: put a time-out around it.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # ValueError: what cannot be a name
        raise Unreachable(f"the name {host} is not known: {words(error)}; check host, or write its address") from error
    failure: OSError | None = None
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            bind(sock, interface)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise Unreachable(f"{host}:{port} does not take the connection: {words(failure)}; {advice}") from failure


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
