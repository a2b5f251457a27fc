"""A barcode scanner, or a base with several guns, that speaks on a pseudo terminal or a TCP port."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import TracebackType
from typing import Self

from drivers.barcode.framing import ETX, STX, Framing
from simulators.barcode_scanner.lines import PtyLine, TcpLine

__all__ = ["Framing", "Scanner", "framed"]


class Scanner:
    """`async with` plugs it in. `speed` is bytes a second as they are typed; `split` the most bytes of one write.

    With `path` it is a serial port there, else a TCP port. `ack` is what it waits for after each scan; a scan without
    an answer within `patience` seconds is sent once more.
    """

    def __init__(
        self,
        framing: Framing | None = None,
        *,
        path: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float | None = None,
        split: int | None = None,
        ack: bytes = b"",
        patience: float = 2.0,
    ) -> None:
        self.line = TcpLine(self._answered, host, port) if path is None else PtyLine(path, self._answered)
        self.answers = bytearray()
        """All that was sent to it, the last kilobyte."""
        self.repeated = 0
        """Scans that were sent again because no answer came."""
        self._framing = framing or Framing()
        self._pace = 1 / speed if speed else 0.0
        self._split = split or (1 if speed else None)
        self._ack = ack
        self._patience = patience
        self._answer = asyncio.Event()
        self._speaks = asyncio.Lock()

    @property
    def port(self) -> str:
        """What the driver's `port` is set to."""
        return self.line.port

    async def __aenter__(self) -> Self:
        await self.line.plug()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.line.unplug()

    async def scan(self, data: bytes, gun: bytes = b"") -> None:
        """One label was read; returns when it is sent and, where it waits for one, answered."""
        async with self._speaks:
            self._answer.clear()
            await self._write(framed(data, self._framing, gun))
            if self._ack and not await self._answered_in_time():
                self.repeated += 1
                await self._write(framed(data, self._framing, gun))
                await self._answered_in_time()

    async def noise(self, data: bytes) -> None:
        """Bytes that are no scan: a disturbed line."""
        async with self._speaks:
            await self.line.send(data)

    async def _write(self, data: bytes) -> None:
        step = self._split or len(data)
        for start in range(0, len(data), step):
            await self.line.send(data[start : start + step])
            await asyncio.sleep(self._pace)

    async def _answered_in_time(self) -> bool:
        try:
            async with asyncio.timeout(self._patience):
                await self._answer.wait()
        except TimeoutError:
            return False
        return True

    def _answered(self, data: bytes) -> None:
        self.answers += data
        del self.answers[:-1024]
        if self._ack and self.answers.endswith(self._ack):
            self._answer.set()


def framed(data: bytes, framing: Framing, gun: bytes = b"") -> bytes:
    """The bytes of a scan on the line. `gun` is the address of the gun, where the frame has one."""
    address = (
        gun + framing.gun_until if framing.gun_until else gun[: framing.gun_length].rjust(framing.gun_length, b"0")
    )
    suffix = framing.suffix
    if suffix is None:
        suffix = b"" if framing.stx_etx else b"\r\n"
    inside = framing.prefix + address + data + suffix
    return STX + inside + ETX if framing.stx_etx else inside
