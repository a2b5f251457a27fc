"""A D-Bus of our own: the system's is neither asked nor told."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

PATIENCE: Final = 30.0
"""Seconds a program is given to start or to end."""

_CONFIGURATION: Final = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    <allow user="*"/>
  </policy>
</busconfig>
"""

PYTHON: Final = "/usr/bin/python3"
"""The one that has Debian's python3-dbusmock."""


class Missing(Exception):
    """A program is not installed, or does not start. The message says which package brings it, or why not."""


async def missing() -> str | None:
    """What is not here of a simulated BlueZ, and how to get it; None if nothing."""
    packages = [] if shutil.which("dbus-daemon") else ["dbus"]
    try:
        probe = await asyncio.create_subprocess_exec(
            *(PYTHON, "-c", "import dbusmock"), stderr=asyncio.subprocess.DEVNULL
        )
        found = await probe.wait() == 0
    except OSError:
        found = False
    packages += [] if found else ["python3-dbusmock"]
    if not packages:
        return None
    return f"a simulated BlueZ needs {' and '.join(packages)}: sudo apt-get install {' '.join(packages)}"


@asynccontextmanager
async def private_bus() -> AsyncIterator[str]:
    """Its address, for DBUS_SYSTEM_BUS_ADDRESS. Raises `Missing`."""
    lacking = await missing()
    if lacking:
        raise Missing(lacking)
    with tempfile.TemporaryDirectory(prefix="readpoint-bus-") as folder:
        socket, file = Path(folder) / "bus", Path(folder) / "bus.conf"
        file.write_text(_CONFIGURATION.format(socket=socket))
        log = Path(folder) / "bus.log"
        with log.open("wb") as said:
            daemon = await asyncio.create_subprocess_exec(
                *("dbus-daemon", f"--config-file={file}", "--nofork", "--nopidfile", "--print-address"),
                stdout=asyncio.subprocess.PIPE,
                stderr=said,
                start_new_session=True,  # Ctrl-C is for us: we end it
            )
        try:
            assert daemon.stdout is not None
            async with asyncio.timeout(PATIENCE):
                address = (await daemon.stdout.readline()).decode().strip()
            if not address:
                raise Missing(f"a simulated BlueZ needs a D-Bus, and dbus-daemon does not start{_last(log)}")
            yield address
        finally:
            await ended(daemon)


def _last(log: Path) -> str:
    """What was said last in it."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return f": {lines[-1][:200]}" if lines else ""


async def ended(process: asyncio.subprocess.Process, *, kill: bool = False) -> None:
    """Ends a program that we started, and waits for it."""
    if process.returncode is None:
        if kill:
            process.kill()
        else:
            process.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
