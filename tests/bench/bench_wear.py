"""Bytes that reach the disk in a day by the whole path at the defaults: idle, and at 20 events a second.

Measured as sectors written to a loop device with ext4 on it, and extrapolated. Needs root (to mount), says so without.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from drivers.contract import Batch, Read
from gateway.answers import Parts
from gateway.config.site import Gateway, Segment, Site, Uplink
from gateway.model import Port, ReadPoint, Rules
from gateway.segment import running
from simulators.tags import sgtin_96
from tests.brokers import Mosquitto

SECONDS = float(os.environ.get("WEAR_SECONDS", "60"))
DAY = 86_400.0
SECTOR = 512


@contextlib.contextmanager
def loop_device(folder: Path) -> Iterator[tuple[Path, str]]:
    """A fresh ext4 on a loop device: where it is mounted, and the name of its device."""
    image, mounted = folder / "disk.img", folder / "disk"
    image.write_bytes(b"")
    os.truncate(image, 512 * 2**20)
    mounted.mkdir()
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mounted)], check=True)
    try:
        device = subprocess.run(
            ["findmnt", "-no", "SOURCE", str(mounted)], check=True, capture_output=True, text=True
        ).stdout.strip()
        yield mounted, Path(device).name
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def written(device: str) -> int:
    """Bytes written to the device so far (Documentation/block/stat.rst: field 7, in sectors)."""
    os.sync()
    return int(Path(f"/sys/block/{device}/stat").read_text().split()[6]) * SECTOR


@contextlib.asynccontextmanager
async def segment(folder: Path, broker: Mosquitto) -> AsyncIterator[Parts]:
    """A running segment with one checkpoint, its state in `folder`."""
    point = ReadPoint("belt-1", "urn:epc:id:sgln:9521141.12345.belt1", "checkpoint", dedup=5.0)
    rules = Rules({"belt-1": point}, (Port("belt-reader", None, "belt-1"),))
    segment = Segment("rfid", Uplink("127.0.0.1", broker.port, secure=False), rules=rules)
    gateway = Gateway("gw-07", "dc1", state_dir=folder / "state", run_dir=folder / "run")
    async with running(Site(gateway, {"rfid": segment}, {"belt-1": point}, {}), "rfid", "bench") as parts:
        yield parts


async def feed(parts: Parts, rate: float, seconds: float) -> int:
    """New tags at random times (a Poisson process), each read once: as they come over a belt."""
    draw = random.Random(1)
    until, tag = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        await asyncio.sleep(draw.expovariate(rate))
        tag += 1
        parts.inbox.put("belt-reader", Batch((Read("epc", sgtin_96(13435, tag), time.time(), 1, -60.0),)))
    return tag


async def measure(folder: Path, broker: Mosquitto) -> None:
    with loop_device(folder) as (mounted, device):
        async with segment(mounted, broker) as parts:
            await feed(parts, 20.0, 5.0)
            await asyncio.sleep(10.0)
            before = written(device)
            await asyncio.sleep(SECONDS / 2)
            idle = (written(device) - before) * DAY / (SECONDS / 2)
            print(f"idle: {idle / 1e6:.1f} MB a day (target <= 20 MB)", flush=True)
            before, begun = written(device), time.monotonic()
            events = await feed(parts, 20.0, SECONDS)
            await asyncio.sleep(2.0)
            busy, took = written(device) - before, time.monotonic() - begun
            rate = events / took
            print(
                f"{rate:.1f} events/s: {busy / events:,.0f} bytes an event, at 20 a second "
                f"{busy / events * 20 * DAY / 1e9:.1f} GB a day (target <= 12 GB)"
            )


def main() -> None:
    if os.geteuid() != 0:
        print("skipped: needs root to mount a loop device")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder / "broker")
        broker.start()
        try:
            asyncio.run(measure(folder, broker))
        finally:
            broker.kill()


if __name__ == "__main__":
    main()
