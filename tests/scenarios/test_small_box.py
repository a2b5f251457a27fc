"""A box with little: 256 MB of memory, or fewer file descriptors than devices. It serves, or says what it lacks."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from simulators.llrp_reader.options import ReaderOptions
from simulators.llrp_reader.server import LlrpReader
from tests.brokers import MOSQUITTO, Mosquitto, subscriber
from tests.recording import accounts
from tests.scenarios.conftest import BOUND, Start
from tests.scenarios.test_main_path import TAG, floor, transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

MEMORY = 256 << 20
DESCRIPTORS = 64
READERS = 60
"""Of which a box with 64 descriptors cannot hold all."""

POINTS = """\
read_points:
  aisle-a: {uri: "urn:epc:id:sgln:9521141.12345.aislea", kind: zone, presence_timeout: 30s, dwell: 200ms}
  aisle-b: {uri: "urn:epc:id:sgln:9521141.12345.aisleb", kind: zone, presence_timeout: 30s, dwell: 200ms}
devices:
"""


def device(name: str, port: int) -> str:
    return (
        f"  {name}: {{driver: llrp, segment: rfid, host: 127.0.0.1, port: {port},"
        " antennas: {1: aisle-a, 2: aisle-b}}\n"
    )


@contextmanager
def memory_of(size: int) -> Iterator[tuple[str, ...]]:
    """Words before a command that give it so much memory and no swap: a control group; skips where none can be made."""
    roots = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))
    limits = {"memory.limit_in_bytes", "memory.max"}
    name = f"readpoint-{os.getpid()}"
    for root in roots:
        group = root / name
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (limit,) = [file for file in map(group.joinpath, limits) if file.exists()]
            limit.write_text(str(size))
            yield "sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group / "cgroup.procs")
        finally:
            group.rmdir()
        return
    pytest.skip(f"no control group for memory can be made in {' or '.join(map(str, roots))}: it needs root")


@pytest.mark.root
async def test_with_256_mb_a_full_floor_is_served(gateway: Start, broker: Mosquitto) -> None:
    """A reader with 2,000 tags in its field, and the bound of memory that the kernel enforces."""
    warehouse, now = floor(), time.time()
    for serial in range(2000):
        warehouse.place(TAG[:-2] + serial.to_bytes(2, "big"), (12.0 * (serial % 2), 1.0), now)
    async with LlrpReader(ReaderOptions(name="reader", family="zebra-fx", antennas=2, port=0), warehouse) as reader:
        with memory_of(MEMORY) as words, subscriber(broker) as heard:
            box = gateway(broker, POINTS + device("reader", reader.port))
            box.prefix = words
            await box.start()
            status = await box.until(lambda now: now.location.present >= 1500)
            peak = resident(status.pid)
            assert await box.end() == 0
            await accounts(box.folder / "state" / "rfid", heard)
    print(f"256 MB: {status.location.present} tags present, resident {peak / 2**20:.0f} MiB at the most")


def resident(pid: int) -> int:
    """The most that a process ever had resident (proc(5), VmHWM), bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


async def test_with_64_descriptors_what_can_be_served_is_and_the_rest_says_what_lacks(
    gateway: Start, broker: Mosquitto
) -> None:
    """More readers than descriptors: no crash, the uplink and its outbox work, each one that lacks says so."""
    if shutil.which("prlimit") is None:
        pytest.skip("prlimit is not installed: apt-get install util-linux")
    warehouse = floor()
    warehouse.place(TAG, (0.0, 1.0), time.time())
    async with AsyncExitStack() as nest:
        ports = [
            (
                await nest.enter_async_context(
                    LlrpReader(ReaderOptions(name="reader", family="zebra-fx", antennas=2, port=0), warehouse)
                )
            ).port
            for _ in range(READERS)
        ]
        heard = nest.enter_context(subscriber(broker))
        box = gateway(broker, POINTS + "".join(device(f"reader-{n}", port) for n, port in enumerate(ports)))
        box.prefix = ("prlimit", f"--nofile={DESCRIPTORS}", "--")
        await box.start()
        await heard.until(lambda: len(transitions(heard)) >= 1, BOUND)
        served = await box.until(lambda now: all(one.state in ("online", "offline", "degraded") for one in now.devices))
        lacking = [one for one in served.devices if one.state != "online"]
        assert served.uplink.state == "online"
        assert lacking
        assert {one.cause for one in lacking if "LimitNOFILE" not in one.cause} == set()
        log = box.log.read_text()
        assert "Traceback" not in log
        assert await box.end() == 0
        await accounts(box.folder / "state" / "rfid", heard)
    print(f"64 descriptors, {READERS} readers: {READERS - len(lacking)} served, {len(lacking)} say what lacks")
