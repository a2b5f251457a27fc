"""From starting the process to the first event it recorded, and how fast a burst becomes durable."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from drivers.contract import Batch, Read
from gateway.outbox.inspect import stopped
from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from simulators.tags import sgtin_96
from simulators.warehouse import Warehouse, aisles
from tests.bench.bench_wear import segment
from tests.brokers import MOSQUITTO, Mosquitto, free_tcp_port

BURST, REPORT = 20_000, 50

SITE = """\
version: 1
gateway: {{id: gw-07, site: dc1, state_dir: state, run_dir: run}}
segments:
  rfid: {{uplink: {{url: "mqtt://127.0.0.1:{broker}"}}, plain_devices: [llrp]}}
read_points:
  aisle-a: {{uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone}}
devices:
  reader: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {reader}, antennas: {{1: aisle-a}}}}
"""


async def start(folder: Path) -> float:
    """Seconds from exec to the decision of the first location event, which is stored with it."""
    folder.mkdir()
    floor = Warehouse(*aisles(["aisle-a"], "reader"), seed=1)
    floor.place(sgtin_96(13435, 1), (0.0, 1.0), time.time())
    async with LlrpReader(ReaderOptions(name="reader", family="zebra-fx", antennas=1), floor) as reader:
        (folder / "site.yaml").write_text(SITE.format(broker=free_tcp_port(), reader=reader.port))
        begun = time.time()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway", "run", str(folder / "site.yaml"), stderr=subprocess.DEVNULL
        )
        await asyncio.sleep(4.0)
        process.terminate()
        await process.wait()
    with stopped(folder / "state" / "rfid") as outbox:
        for payload in outbox.payloads():
            event = json.loads(payload)
            if event["type"] == "readpoint.epcis.v1":
                return datetime.fromisoformat(event["time"]).timestamp() - begun
    raise SystemExit("no event within 4 s")


async def burst(folder: Path, broker: Mosquitto) -> float:
    """Durable events a second when so many tags appear at once: from the first report's arrival to the last COMMIT."""
    folder.mkdir()
    async with segment(folder, broker) as parts:
        stored = 0
        done = asyncio.Event()

        def count(rows: object) -> None:
            nonlocal stored
            stored += len(rows)  # type: ignore[arg-type]
            if stored >= BURST:
                done.set()

        parts.outbox.listen(count)
        now = time.time()
        reads = [Read("epc", sgtin_96(13435, tag), now, 1, -60.0) for tag in range(1, BURST + 1)]
        begun = time.perf_counter()
        for at in range(0, BURST, REPORT):
            parts.inbox.put("belt-reader", Batch(reads[at : at + REPORT]))
        async with asyncio.timeout(60):
            await done.wait()
        return BURST / (time.perf_counter() - begun)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts = sorted(asyncio.run(start(folder / f"start-{number}")) for number in range(5))
        print(f"start to first event: median {statistics.median(starts):.2f} s of {len(starts)} (target <= 1 s)")
        if MOSQUITTO is None:
            print("burst skipped: mosquitto is not installed")
            return
        broker = Mosquitto(folder / "broker")
        broker.start()
        try:
            rates = sorted(asyncio.run(burst(folder / f"burst-{number}", broker)) for number in range(5))
        finally:
            broker.kill()
        print(f"burst of {BURST:,}: median {statistics.median(rates):,.0f} durable events/s (target >= 20,000)")


if __name__ == "__main__":
    main()
