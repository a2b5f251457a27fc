"""The whole path as on a floor: simulated readers, the gateway as its own process, a real broker, a subscriber."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from gateway.control import protocol
from gateway.control.client import NotRunning, ask
from gateway.overview import Overview
from tests.brokers import IDENTITY, Mosquitto, Pki
from tests.engines import Engine, engine

BOUND = 60.0
"""Seconds that any one thing may take here: many times what it takes on a busy small machine."""


class GatewayProcess:
    """`readpoint run` on a site file; says READY as systemd would hear it."""

    def __init__(self, folder: Path, site: Path) -> None:
        self.folder = folder
        self.site = site
        self.log = folder / "gateway.log"
        self.socket = folder / "run" / "rfid.sock"
        self.prefix: tuple[str, ...] = ()
        """Words before the command: another network, other limits."""
        self.environment: dict[str, str] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *arguments: str) -> None:
        """Until it says READY=1; an assertion with its log if it ends instead."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            address = self.folder / "notify.sock"
            address.unlink(missing_ok=True)
            notified.bind(str(address))
            notified.setblocking(False)
            await self._spawn(arguments, {"NOTIFY_SOCKET": str(address)})
            assert self._process is not None
            ended = asyncio.ensure_future(self._process.wait())
            heard = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(notified, 100))
            async with asyncio.timeout(BOUND):
                await asyncio.wait((ended, heard), return_when=asyncio.FIRST_COMPLETED)
            assert heard.done(), f"the gateway ended at its start: {self.log.read_text()}"
            assert heard.result() == b"READY=1"
            ended.cancel()

    async def _spawn(self, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.prefix,
                sys.executable,
                "-m",
                "gateway",
                "run",
                str(self.site),
                *arguments,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment, **environment},
            )

    async def ends(self, *arguments: str) -> tuple[int, str]:
        """Run until it ends by itself: exit code, and what it said."""
        self.log.unlink(missing_ok=True)
        await self._spawn(arguments, {})
        assert self._process is not None
        async with asyncio.timeout(BOUND):
            code = await self._process.wait()
        return code, self.log.read_text()

    async def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and wait; its exit code (negative: by that signal)."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(how)
        async with asyncio.timeout(BOUND):
            return await self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it, and do not wait."""
        assert self._process is not None
        self._process.send_signal(number)

    async def logs(self, text: str, times: int = 1) -> None:
        """Until it has said this, so often."""
        async with asyncio.timeout(BOUND):
            while self.log.read_text().count(text) < times:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)

    async def status(self) -> Overview | None:
        """As `readpoint status` has it; None while nobody answers."""
        try:
            lines = await asyncio.to_thread(lambda: list(ask(self.socket, protocol.Status())))
        except (NotRunning, OSError):
            return None
        return msgspec.json.decode(lines[0], type=Overview) if lines else None

    async def until(self, so: Callable[[Overview], bool], bound: float = BOUND) -> Overview:
        """The first status that is so."""
        seen: Overview | None = None
        try:
            async with asyncio.timeout(bound):
                while (seen := await self.status()) is None or not so(seen):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(f"not within {bound} s: {seen}\n{self.log.read_text()[-3000:]}") from None
        return seen


Start = Callable[..., GatewayProcess]

HEAD = """\
version: 1
gateway: {{id: gw-07, site: dc1, timezone: Europe/Madrid, state_dir: state, run_dir: run}}
segments:
  rfid:
    uplink:
      url: {url}
      {tls}
    plain_devices: [llrp]
"""


@pytest.fixture
def broker(request: pytest.FixtureRequest, pki: Pki) -> Iterator[Mosquitto | Engine]:
    """A running broker that knows us by our certificate: of `over_every_broker`, or a mosquitto that keeps nothing."""
    if (name := getattr(request, "param", None)) is not None:
        with engine(name, pki) as made:
            yield made
        return
    plain: Mosquitto = request.getfixturevalue("mosquitto")(pki=pki)
    plain.start()
    yield plain


@pytest.fixture
def certificates(tmp_path: Path, pki: Pki) -> Path:
    folder = tmp_path / "central"
    folder.mkdir()
    files = pki.client("central")
    for name, path in (("ca.pem", files.ca), ("central.pem", files.cert), ("central.key", files.key)):
        assert path is not None
        shutil.copy(path, folder / name)
    return folder


@pytest.fixture
async def gateway(tmp_path: Path, pki: Pki) -> AsyncIterator[Start]:
    """Makes a gateway from the rest of its site file (read points, devices) and a broker; all end with the test."""
    made: list[GatewayProcess] = []

    def make(broker: Mosquitto | Engine, rest: str) -> GatewayProcess:
        folder = tmp_path / f"gateway-{len(made)}"
        folder.mkdir()
        tls = "tls: {{}}"
        url = f"mqtt://{broker.host}:{broker.port}"
        if broker.pki is not None:
            files = pki.client(IDENTITY)
            tls = f'tls: {{ca: "{files.ca}", cert: "{files.cert}", key: "{files.key}"}}'
            tls += f'\n      protocol: "{broker.protocol}"'
            url = f"mqtts://{broker.host}:{broker.port}"
        site = folder / "site.yaml"
        site.write_text(HEAD.format(url=url, tls=tls if broker.pki else "window: 20") + rest)
        made.append(GatewayProcess(folder, site))
        return made[-1]

    yield make
    endings: list[Awaitable[int]] = [one.end(signal.SIGKILL) for one in made if one._process is not None]
    await asyncio.gather(*endings)
