"""How fast a gateway starts and stores with the state that a folder holds: in a process of its own, on a copy.

It says how it started, then, for each line that it is given, how it took one event. So two of them can take turns event
by event, and what else the machine does hits both alike.
"""

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


def _say(figures: dict[str, float]) -> None:
    print(json.dumps(figures), flush=True)


async def _measure(folder: Path, now: float) -> None:
    """Seconds: of a start; of an event until it is stored, and of the CPU for it."""
    clock = Clock(now)
    clock.install()
    box = Box(folder, clock, _PORT)
    parts = await box.start()
    await box.read([])
    _say({"start": box.started})
    number = 0
    while await asyncio.to_thread(sys.stdin.readline):
        number += 1
        stored = asyncio.Event()
        clock.reach(clock() + 1.0)
        used, begin = time.process_time(), time.perf_counter()
        seen = Read("epc", _SGTIN + number.to_bytes(4, "big"), clock(), 5, -40.0)
        parts.inbox.put("reader", Batch((seen,), stored.set))
        await stored.wait()
        _say({"latency": time.perf_counter() - begin, "cpu": time.process_time() - used})
    await box.stop()


def main() -> None:
    source = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(dir=source.parent) as name:
        folder = Path(name) / "box"
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("installed", "run"))
        now = float((source / "now").read_text())
        asyncio.run(_measure(folder, now))


if __name__ == "__main__":
    main()
