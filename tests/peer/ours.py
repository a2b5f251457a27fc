"""Our gateway, fed over HTTP: what was answered 200 is recorded."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from drivers.observations import Read
from simulators.http_source import Broken, HttpSource, lines
from tests.brokers import free_tcp_port

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-of-32-characters-or-more"
SITE = """\
version: 1
gateway: {{id: gw-07, site: dc1, state_dir: state, run_dir: run}}
segments: {{rfid: {{uplink: {{url: "mqtt://127.0.0.1:{broker}"}}}}}}
read_points: {{belt: {{uri: "urn:epc:id:sgln:9521141.12345.belt", kind: checkpoint}}}}
devices:
  hand:
    driver: http
    segment: rfid
    listen: "127.0.0.1:{port}"
    sources: {{gun: {{token: "${{file:gun.token}}"}}}}
    antennas: {{gun: belt}}
"""
_SGTIN = bytes.fromhex("3034257bf7194e40")


class Readpoint:
    """`readpoint run`."""

    name = "readpoint"
    number = re.compile(rb'"subject":"urn:epc:id:sgtin:[\d.]+\.(\d+)"')

    def __init__(self, folder: Path, broker: int) -> None:
        self._folder = folder
        self._port = free_tcp_port()
        self._source = HttpSource(f"http://127.0.0.1:{self._port}/v1/reads", TOKEN)
        self._process: asyncio.subprocess.Process | None = None
        (folder / "site.yaml").write_text(SITE.format(broker=broker, port=self._port))
        token = folder / "gun.token"
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)

    async def start(self) -> None:
        command = (sys.executable, "-m", "gateway", "run", str(self._folder / "site.yaml"))
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=log, stderr=log)
        while not await self.take([]):
            assert self._process.returncode is None, (self._folder / "log").read_text()
            await asyncio.sleep(0.05)

    async def take(self, numbers: Sequence[int]) -> Sequence[int] | bool:
        """Those that it recorded; asked with none, whether it is there."""
        reads = [Read("epc", _SGTIN + number.to_bytes(4, "big"), 0.0, rssi=-40.0) for number in numbers]
        with suppress(Broken, OSError, TimeoutError):
            answer = await self._source.post(lines(reads), batch=str(numbers[0]) if numbers else "none")
            return (numbers if answer.status == 200 else []) if numbers else True
        return [] if numbers else False

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()
