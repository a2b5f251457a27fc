"""How fast a gateway starts and stores with the state that a folder holds: in a process of its own, on a copy."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from drivers.contract import Batch, Read
from tests.year.box import Box
from tests.year.clock import Clock

_SGTIN = bytes.fromhex("3034257bf7194e4f")
_PORT = 9
"""Nobody listens there (RFC 863, discard)."""


async def _measure(folder: Path, now: float, probes: int) -> dict[str, float]:
    """Seconds: of a start, of an event until it is stored (p99), and of the CPU for one."""
    clock = Clock(now)
    clock.install()
    box = Box(folder, clock, _PORT)
    parts = await box.start()
    await box.read([])
    latencies = []
    used = time.process_time()
    for number in range(probes):
        stored = asyncio.Event()
        clock.reach(clock() + 1.0)
        begin = time.perf_counter()
        seen = Read("epc", _SGTIN + number.to_bytes(4, "big"), clock(), 5, -40.0)
        parts.inbox.put("reader", Batch((seen,), stored.set))
        await stored.wait()
        latencies.append(time.perf_counter() - begin)
    used = (time.process_time() - used) / probes
    started = box.started
    await box.stop()
    return {"start": started, "p99": sorted(latencies)[int(0.99 * (probes - 1))], "cpu": used}


def main() -> None:
    source, probes = Path(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory(dir=source.parent) as name:
        folder = Path(name) / "box"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("installed", "run"))
        now = float((source / "now").read_text())
        print(json.dumps(asyncio.run(_measure(folder, now, probes))))


if __name__ == "__main__":
    main()
