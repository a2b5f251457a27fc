"""Serial lines to devices, for every driver that has some: ours alone, never waiting, failing in sentences."""

from __future__ import annotations

import asyncio
import os
import termios
from typing import Any

import serial

from drivers import serial_ports
from drivers.observations import Disconnected

_CHUNK = 4096
"""Bytes taken at once: what is made of them is made within milliseconds."""


def opened(path: str, baud: int, **how: Any) -> serial.Serial:
    """The port, held for us alone; `how` is pyserial's: parity, stopbits … Raises `Unreachable`."""
    try:
        return serial.Serial(path, baud, timeout=0, write_timeout=0, exclusive=True, **how)
    except (OSError, ValueError, termios.error) as error:  # termios: the port cannot do this baud or parity
        raise serial_ports.trouble(path, error) from error


async def received(port: serial.Serial, device: str) -> bytes:
    """Waits for bytes; rarely there are none after all. Raises `Disconnected` saying what `device` is gone."""
    loop, descriptor = asyncio.get_running_loop(), port.fileno()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    try:
        data = os.read(descriptor, _CHUNK)
    except BlockingIOError:
        return b""
    except OSError as error:
        raise _unplugged(port, device) from error
    if not data:
        raise _unplugged(port, device)
    return data


def _unplugged(port: serial.Serial, device: str) -> Disconnected:
    """USB gives EIO or an end of file first and ENOENT later; whichever it is, the port is gone."""
    gone = Disconnected(f"{port.port} is gone: was the {device} unplugged? It is taken up again when it is back")
    gone.again = serial_ports.AGAIN
    return gone
