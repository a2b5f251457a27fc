"""Outbox → mosquitto over mutual TLS, with a subscriber: events a second, CPU an event, how fast a backlog drains."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gateway.config.site import Outbox as OutboxSettings
from gateway.outbox.store import Outbox, open_outbox
from gateway.uplink.link import Uplink, uplink
from tests.brokers import IDENTITY, Mosquitto, Pki, site_for, work

ROOT = Path(__file__).resolve().parents[2]
BACKLOG = 20_000
LIVE = 5_000
"""Events a second of the live run: the issue's 50,000 reads/s."""

_LISTEN = """
import sys
from tests.brokers import Subscriber
from gateway.config.site import Tls
from pathlib import Path
ca, cert, key = map(Path, sys.argv[1].split(","))
centre = Subscriber("localhost", int(sys.argv[2]), Tls(ca, cert, key))
print("listening", flush=True)
done = centre.until_blocking(lambda: len(centre.ids) >= int(sys.argv[3]), 60)
print(len(centre.ids), flush=True)
"""


def listener(broker: Mosquitto, expected: int) -> subprocess.Popen[str]:
    """A subscriber in a process of its own, so that its CPU is not counted."""
    assert broker.pki is not None
    tls = broker.pki.client("central")
    files = f"{tls.ca},{tls.cert},{tls.key}"
    process = subprocess.Popen(
        [sys.executable, "-c", _LISTEN, files, str(broker.port), str(expected)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "listening\n"
    return process


async def confirmed(link: Uplink, outbox: Outbox) -> None:
    await outbox.flush()
    await link.sender.drain()


async def drain(folder: Path, broker: Mosquitto, pki: Pki, size: int) -> None:
    """A backlog stored before the uplink starts, all acknowledged."""
    async with open_outbox(folder, "rfid", OutboxSettings(), machine_id="bench") as outbox:
        for _ in range(BACKLOG // 500):
            outbox.put(work(500, size=size))
        await outbox.flush()
        process = listener(broker, BACKLOG)
        wall, cpu = time.perf_counter(), time.process_time()
        async with uplink(*site_for(broker.port, pki.client(IDENTITY)), outbox, version="bench") as link:
            await link.until(lambda status: status.state == "online")
            await confirmed(link, outbox)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            received = await asyncio.to_thread(process.communicate)
            print(f"uplink drain {size} B: {BACKLOG / wall:,.0f} events/s (target 25,000)")
            print(
                f"uplink drain {size} B, CPU: {cpu / BACKLOG * 1e6:.1f} us/event (with the outbox's claim and settle)"
            )
            print(f"uplink drain {size} B, publications: {link.status.published}, received {received[0].strip()}")


async def live(folder: Path, broker: Mosquitto, pki: Pki, seconds: int = 3) -> None:
    """`LIVE` events a second for some seconds, in works of 25 as a report makes them: CPU of outbox and uplink."""
    async with open_outbox(folder, "rfid", OutboxSettings(), machine_id="bench") as outbox:
        process = listener(broker, LIVE * seconds)
        async with uplink(*site_for(broker.port, pki.client(IDENTITY)), outbox, version="bench") as link:
            await link.until(lambda status: status.state == "online")
            works = [work(25, size=700) for _ in range(LIVE * seconds // 25)]
            begun, cpu, loop = time.perf_counter(), time.process_time(), time.thread_time()
            for number, one in enumerate(works):
                await asyncio.sleep(max(0.0, begun + number * 25 / LIVE - time.perf_counter()))
                outbox.put(one)
            await confirmed(link, outbox)
            wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
            print(
                f"uplink live {LIVE:,}/s, CPU of its thread: {(time.thread_time() - loop) / wall * 100:.1f} % of a core"
            )
            await asyncio.to_thread(process.communicate)
            print(f"uplink live {LIVE:,}/s, CPU: {cpu / wall * 100:.1f} % of a core (outbox and uplink)")
            print(f"uplink live {LIVE:,}/s, publications: {link.status.published / wall:.0f} a second")


async def resume(folder: Path, broker: Mosquitto, pki: Pki) -> None:
    """From the moment the broker listens again until the first acknowledged connection."""
    async with open_outbox(folder, "rfid", OutboxSettings(), machine_id="bench") as outbox:
        site, segment = site_for(broker.port, pki.client(IDENTITY), backoff_min=0.5)
        async with uplink(site, segment, outbox, version="bench") as link:
            await link.until(lambda status: status.state == "online")
            await asyncio.to_thread(broker.kill)
            await asyncio.sleep(5.0)  # long enough for the waits between attempts to have grown
            await asyncio.to_thread(broker.start)
            begun = time.perf_counter()
            await link.until(lambda status: status.state == "online")
            print(f"uplink resumes after {time.perf_counter() - begun:.2f} s (target 2)")


async def run(folder: Path) -> None:
    (folder / "pki").mkdir()
    pki = Pki(folder / "pki")
    broker = Mosquitto(folder / "mosquitto", pki=pki)
    broker.start()
    try:
        for size in (300, 1000):
            await drain(folder / f"outbox-{size}", broker, pki, size)
        await live(folder / "outbox-live", broker, pki)
        await resume(folder / "outbox-resume", broker, pki)
    finally:
        broker.kill()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


if __name__ == "__main__":
    main()
