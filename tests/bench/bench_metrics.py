"""What it costs to be seen: memory of the metrics and of the log, time of a scrape and of a PUBACK."""

from __future__ import annotations

import subprocess
import sys
import time

from prometheus_client.exposition import generate_latest
from prometheus_client.registry import CollectorRegistry

from gateway.uplink.timings import Timings
from tests.gateway.test_timing import NOON, row
from tests.gateway.test_visible import families, view

GATEWAY = "import gateway.app, gateway.segment, gateway.uplink.link"
RESIDENT = "int(open('/proc/self/statm').read().split()[1]) * 4096"


def added(module: str) -> float:
    """MB that importing it adds to a gateway."""
    code = f"{GATEWAY}; before = {RESIDENT}; import {module}; print(({RESIDENT}) - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout) / 1e6


def puback(rows: int) -> float:
    """Microseconds for the histograms of a publication of so many events of one commit."""
    timings, batch = Timings(), [row(NOON, NOON + 0.02)] * rows
    begun = time.perf_counter()
    for _ in range(20_000):
        timings.acknowledged(batch, "live", 0.003, NOON + 0.1)
    return (time.perf_counter() - begun) / 20_000 * 1e6


def scrape(segments: int) -> float:
    """Milliseconds of the event loop for one scrape."""
    registry = CollectorRegistry()
    registry.register(families(*[view()] * segments))
    begun = time.perf_counter()
    for _ in range(50):
        generate_latest(registry)
    return (time.perf_counter() - begun) / 50 * 1e3


def main() -> None:
    """Print the figures."""
    memory = sorted(added("gateway.visible.shown") for _ in range(3))[1]
    print(f"metrics memory: {memory:.1f} MB more where they are on (target <= 3 MB)")
    for rows in (1, 100):
        print(f"metrics publication of {rows}: {puback(rows):.1f} us a PUBACK (target <= 10 us)")
    for segments in (1, 4):
        print(f"metrics scrape of {segments}: {scrape(segments):.1f} ms (target <= 20 ms)")


if __name__ == "__main__":
    main()
