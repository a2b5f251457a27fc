"""More reads than a box can take: memory is bounded, the watchdog fed, every tag told, what is shed is declared."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from tests.brokers import MOSQUITTO, Mosquitto, free_tcp_port, subscriber
from tests.recording import accounts
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

RATE = 100_000
"""Reads a second that two readers offer together."""
TAGS = 2000
"""Different ones in a flood of the simulated reader."""
WATCHDOG = 30.0
"""Seconds without a sign of life after which systemd ends our unit."""
MEMORY = 300 << 20

SITE = """\
read_points:
  aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: 600s, dwell: 200ms}}
devices:
  one: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {one}, antennas: {{1: aisle-a}}}}
  two: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {two}, antennas: {{1: aisle-a}}}}
"""


class FloodedReader:
    """A simulated reader, in a process of its own; `flood` sets how many reads a second it makes up."""

    def __init__(self) -> None:
        self.port, self._control = free_tcp_port(), free_tcp_port()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        words = ("--port", str(self.port), "--control-port", str(self._control), "--tags", "0", "--antennas", "1")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "simulate", "llrp", *words, "--family", "zebra-fx"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield
        finally:
            process.kill()
            await process.wait()

    async def flood(self, rate: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._control)
        writer.write(json.dumps({"fault": "flood", "rate": rate}).encode() + b"\n")
        assert json.loads(await reader.readline())["ok"]
        writer.close()


@asynccontextmanager
async def watched(box: GatewayProcess) -> AsyncIterator[list[float]]:
    """The gateway as systemd watches it: gives the seconds between signs of life, the start's apart."""
    gaps: list[float] = []
    ready = asyncio.Event()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        address = box.folder / "watch.sock"
        notified.bind(str(address))
        notified.setblocking(False)
        await box._spawn((), {"NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "2000000"})

        async def listen() -> None:
            last = 0.0
            while True:
                said = await asyncio.get_running_loop().sock_recv(notified, 100)
                if said == b"READY=1":
                    ready.set()
                elif said == b"WATCHDOG=1" and ready.is_set():
                    now = time.monotonic()
                    if last:
                        gaps.append(now - last)
                    last = now

        listening = asyncio.create_task(listen(), name="watchdog")
        try:
            async with asyncio.timeout(BOUND):
                await ready.wait()
            yield gaps
        finally:
            listening.cancel()


def resident(pid: int) -> int:
    """The most that a process ever had resident (proc(5), VmHWM), bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(2, id="a gust"),
        pytest.param(60, id="a minute", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
async def test_a_storm_of_reads_is_weathered(gateway: Start, broker: Mosquitto, seconds: int) -> None:
    readers = FloodedReader(), FloodedReader()
    async with AsyncExitStack() as nest:
        for one in readers:
            await nest.enter_async_context(one.running())
        heard = nest.enter_context(subscriber(broker))
        box = gateway(broker, SITE.format(one=readers[0].port, two=readers[1].port))
        gaps = await nest.enter_async_context(watched(box))
        await box.until(lambda now: all(one.state == "online" for one in now.devices))
        for one in readers:
            await one.flood(RATE / 2)
        await asyncio.sleep(seconds)  # the storm's length
        for one in readers:
            await one.flood(0)
        calm = await box.until(lambda now: now.location.present == TAGS and now.location.waiting == 0)
        dropped = calm.location.dropped
        if dropped:
            await heard.until(lambda: declared(heard.events) >= dropped, BOUND)
        peak = resident(calm.pid)
        assert await box.end() == 0
        await accounts(box.folder / "state" / "rfid", heard)
    told = [uri for _, _, uri in transitions(heard)]
    assert (len(told), len(set(told))) == (TAGS, TAGS), "every tag once"
    assert peak < MEMORY
    assert max(gaps, default=0.0) < WATCHDOG
    print(
        f"storm of {RATE:,} reads/s for {seconds} s: {calm.location.reads:,} decided, {dropped:,} shed and declared,"
        f" {TAGS} tags told, {peak / 2**20:.0f} MiB at the most, watchdog fed every {max(gaps, default=0.0):.1f} s"
    )


def declared(events: list[dict[str, object]]) -> int:
    """Reads that `health` messages say were shed."""
    said = {str(event["id"]): json.dumps(event["data"]) for event in list(events) if "health" in str(event["type"])}
    return sum(int(found[1]) for text in said.values() if (found := re.search(r"(\d+) reads were shed", text)))
