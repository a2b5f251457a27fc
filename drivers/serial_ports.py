"""Serial ports of this machine, for every driver that has one: which there are, and why one cannot be opened."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from drivers.observations import Unreachable

AGAIN = 1.0
"""Seconds between two attempts to open a port: one costs next to nothing."""

LASTING = ("/dev/serial/by-id/", "/dev/serial/by-path/")
"""Where a port keeps its name wherever it is plugged in, or whatever is."""


def present(root: Path = Path("/")) -> list[str]:
    """Names of the ports there are: lasting ones first, then those that have none."""
    lasting = sorted((root / "dev/serial/by-id").glob("*"))
    named = {link.resolve() for link in lasting}
    others = [
        device
        for entry in sorted((root / "sys/class/tty").glob("tty*"))
        if _is_real(entry) and (device := root / "dev" / entry.name).exists() and device.resolve() not in named
    ]
    return [f"/{path.relative_to(root)}" for path in (*lasting, *others)]


def listed(ports: list[str]) -> str:
    """As part of a sentence."""
    return f"the ports of this machine are {', '.join(ports)}" if ports else "this machine has no serial port"


def trouble(path: str, error: Exception) -> Unreachable:
    """What to do where the port cannot be opened. It is tried again every second.

    That goes for what forbids it too: for a moment after it is plugged in, a port may not have its group yet.
    """
    unreachable = Unreachable(_why(path, error))
    unreachable.again = AGAIN
    return unreachable


def _why(path: str, error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if not Path(path).exists():
        return f"there is no serial port {path}: is it plugged in? {listed(present())}"
    if number in (errno.EAGAIN, errno.EWOULDBLOCK, errno.EBUSY):
        return f"{path} is in use: another program, or another device of this file, has it open"
    if number in (errno.EACCES, errno.EPERM):
        return f"{path} may not be opened: add the gateway's user to the group of the port (ls -l {path})"
    reason = os.strerror(number) if number else str(error)
    return f"{path} cannot be opened as a serial port: {reason}"


def _is_real(entry: Path) -> bool:
    """Whether there is hardware behind it: the kernel makes ttyS0 to ttyS31 in any case."""
    driver = entry / "device/subsystem"
    return driver.exists() and driver.resolve().name != "platform"
