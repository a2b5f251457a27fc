"""Barcode scanners: one on a serial port, one behind a serial server, and a base with guns."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from drivers.barcode.framing import Framing
from drivers.contract import Observation, Read
from simulators.barcode_scanner.scanner import Scanner
from tests.conformance.stand import Device, Stand

QUICK = {"fault_interval": "200ms"}


@asynccontextmanager
async def start(*, serial: bool, guns: bool = False) -> AsyncIterator[Device]:
    framing = Framing(stx_etx=True, gun_length=2) if guns else Framing(prefix=b"~", suffix=b"\r\n")
    frame: dict[str, Any] = (
        {"stx_etx": True, "gun_address": {"length": 2}} if guns else {"prefix": "~", "suffix": "CRLF"}
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usb-scanner" if serial else None
        async with Scanner(framing, path=path, split=7) as scanner:
            numbers = count()
            last = b""

            async def speak() -> None:
                nonlocal last
                last = b"]C10109521141123454\x1d21%d" % next(numbers)
                await scanner.scan(last, b"08")

            def sees(seen: Sequence[Observation]) -> bool:
                gun = 8 if guns else None
                return any(isinstance(one, Read) and (one.value, one.antenna) == (last, gun) for one in seen)

            async def garbage() -> None:
                await scanner.noise(b"\xff\x00\xfe" + (b"\x03" if guns else b"\r\n"))

            async def flood() -> None:
                # What is said while nobody reads waits in the line; cancelled, it is not said to its end.
                for _ in range(2_000):
                    await speak()

            yield Device(
                settings={"port": scanner.port, **frame, **QUICK},
                ports={7: {}, 8: {}} if guns else {},
                sees=sees,
                speak=speak,
                busy=lambda: scanner.line.busy,
                lose=scanner.line.unplug,
                back=scanner.line.plug,
                garbage=garbage,
                flood=flood,
            )


def nobody(port: int, *, serial: bool) -> dict[str, Any]:
    return {"port": f"/dev/serial/by-id/usb-none-{port}" if serial else f"socket://127.0.0.1:{port}"}


_QUIET = {"silence": "a scanner says nothing for as long as nobody scans: that is no fault"}

STANDS = {
    "barcode-serial": Stand("barcode", partial(start, serial=True), partial(nobody, serial=True), _QUIET),
    "barcode-tcp": Stand("barcode", partial(start, serial=False), partial(nobody, serial=False), _QUIET),
    "barcode-guns": Stand("barcode", partial(start, serial=True, guns=True), partial(nobody, serial=True), _QUIET),
}
