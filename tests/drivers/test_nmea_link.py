"""The bytes of a receiver as they come from the system."""

from __future__ import annotations

import asyncio
import socket

from drivers.nmea.link import connect
from drivers.nmea.settings import Settings
from tests.brokers import free_datagram_port
from tests.driving import BOUND


async def test_of_a_huge_datagram_the_beginning_is_taken() -> None:
    where = ("127.0.0.1", free_datagram_port())
    async with asyncio.timeout(BOUND), connect(Settings(url=f"udp://{where[0]}:{where[1]}"), None) as receive:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"$" * 60_000, where)
            sender.sendto(b"$GP", where)
        assert await receive() == b"$" * 8192 + b"\n"
        assert await receive() == b"$GP\n"
