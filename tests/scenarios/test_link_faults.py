"""The way to the broker is cut without a word, or its name is not resolved: recording goes on, all arrives later.

The gateway and its reader run in a network of their own, joined to the broker's by one cable.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, free_tcp_port, subscriber
from tests.network import Island, NameServer, island, name_server
from tests.recording import accounts, arrived, turns
from tests.scenarios.conftest import BOUND, GatewayProcess

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto"),
]

TAGS = 40
READER = 5084

SITE = """\
version: 1
gateway: {{id: gw-07, site: dc1, state_dir: state, run_dir: run}}
segments:
  rfid:
    uplink: {{url: "mqtt://{host}:{port}", insecure_ok: true, keepalive: {keepalive}s, connect_timeout: 3s}}
    plain_devices: [llrp]
read_points:
  aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: 5s, dwell: 200ms}}
  aisle-b: {{uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone, presence_timeout: 5s, dwell: 200ms}}
devices:
  aisle-reader: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: 5084, antennas: {{1: aisle-a, 2: aisle-b}}}}
"""


class Place(NamedTuple):
    """A gateway on its island, whose reader sees tags move all the time, and a subscriber at the broker."""

    box: GatewayProcess
    cable: Island
    heard: Subscriber
    resolv: Path

    async def grows(self) -> None:
        """More is recorded."""
        before = (await self.box.until(lambda _: True)).outbox.stored
        await self.box.until(lambda now: now.outbox.stored > before + 5)

    async def resumed(self, since: float) -> float:
        """Seconds until the uplink is online again."""
        await self.box.until(lambda now: now.uplink.state == "online")
        return time.monotonic() - since


@asynccontextmanager
async def place(
    folder: Path, mosquitto: Callable[..., Mosquitto], host: str = "", keepalive: float = 2.0
) -> AsyncIterator[Place]:
    with island() as cable:
        port = free_tcp_port()
        broker = mosquitto(extra=f"listener {port} {cable.here}")
        broker.start()
        resolv = folder / "resolv.conf"
        resolv.write_text(f"nameserver {cable.here}\n")
        site = folder / "site.yaml"
        site.write_text(SITE.format(host=host or cable.here, port=port, keepalive=keepalive))
        box = GatewayProcess(folder, site)
        box.prefix = cable.prefix(resolv)
        reader = await asyncio.create_subprocess_exec(
            *cable.prefix(),
            *(sys.executable, "-m", "gateway", "simulate", "llrp", "--port", str(READER)),
            *("--tags", str(TAGS), "--antennas", "2", "--stay", "2", "--family", "zebra-fx"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            with subscriber(broker) as heard:
                yield Place(box, cable, heard, resolv)
        finally:
            if box._process is not None and box._process.returncode is None:
                box._process.kill()
                await box._process.wait()
            reader.kill()
            await reader.wait()


async def dead_link(at: Place, keepalive: float) -> tuple[float, float]:
    """A cable cut without a word and mended: seconds until it was noticed, and until the broker was found again."""
    await at.box.start()
    await at.heard.until(lambda: len(at.heard.ids) > TAGS, BOUND)
    at.cable.cut()
    cut = time.monotonic()
    gone = await at.box.until(lambda now: now.uplink.state == "offline", BOUND + 2 * keepalive)
    noticed = time.monotonic() - cut
    # With a keep-alive of 20 s both clocks run out at 30 s.
    assert "nothing heard from the broker" in gone.uplink.cause or "unanswered for" in gone.uplink.cause
    await at.grows()
    at.cable.mend()
    back = await at.resumed(time.monotonic())
    assert await at.box.end() == 0
    await accounts(at.box.folder / "state" / "rfid", at.heard)
    assert turns(arrived(at.heard)) <= 2, "out of order inside a lane"
    return noticed, back


async def test_a_half_open_link_is_noticed_and_all_arrives_after_it(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    async with place(tmp_path, mosquitto) as at:
        noticed, back = await dead_link(at, 2.0)
        print(f"half-open: noticed after {noticed:.1f} s (target {1.5 * 2.0 + 5:g}), resumed after {back:.2f} s")


@pytest.mark.soak
@pytest.mark.timeout(900)
async def test_half_open_links_of_all_lengths_are_noticed_in_time(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    """With the keep-alive that a site has by default."""
    seen = []
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with place(folder, mosquitto, keepalive=20.0) as at:
            seen.append(await dead_link(at, 20.0))
    for noticed, back in seen:
        print(f"half-open, keepalive 20 s: noticed after {noticed:.1f} s (target 35), resumed after {back:.2f} s")
    assert max(noticed for noticed, _ in seen) <= 40.0
    assert max(back for _, back in seen) <= 20.0


async def says(at: Place, server: NameServer, mood: str, words: str) -> None:
    """Each time the resolver is asked in this mood, `status` says these words, and recording goes on."""
    server.mood = mood  # type: ignore[assignment]
    # The connection that there is outlives its name: only what makes a new one asks for it.
    at.cable.cut()
    await at.box.until(lambda now: now.uplink.state == "offline")
    at.cable.mend()
    seen = await at.box.until(lambda now: words in now.uplink.cause)
    assert "broker.dc1.example" in seen.uplink.cause
    await at.grows()


async def test_without_its_name_the_broker_is_waited_for_and_recording_goes_on(
    tmp_path: Path, mosquitto: Callable[..., Mosquitto]
) -> None:
    """A name server that knows no such name; then one that says nothing, which holds the resolver for seconds."""
    async with (
        place(tmp_path, mosquitto, host="broker.dc1.example") as at,
        name_server(at.cable.here, at.cable.here) as server,
    ):
        await at.box.start()
        await at.heard.until(lambda: len(at.heard.ids) > TAGS, BOUND)
        await says(at, server, "no such name", "the name cannot be resolved")
        await says(at, server, "silent", "is not resolved in")
        server.mood = "answers"
        print(f"name server silent: resumed {await at.resumed(time.monotonic()):.2f} s after it answered again")
        assert await at.box.end() == 0
        await accounts(at.box.folder / "state" / "rfid", at.heard)
        assert turns(arrived(at.heard)) <= 2, "out of order inside a lane"
