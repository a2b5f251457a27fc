"""The example of the centre as its own process, on a real PostgreSQL, beside a gateway and a broker that forgets."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from examples.central.databases import connect
from tests import postgres
from tests.brokers import MOSQUITTO, Mosquitto, Pki, Subscriber, subscriber
from tests.engines import Engine
from tests.scenarios.conftest import BOUND, Start
from tests.scenarios.test_main_path import TAG, TAG_URI, ZONES, floor, reader, transitions

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")
ROOT = Path(__file__).resolve().parents[2]
STAYS = TAG[:-1] + b"\xff"
Json = dict[str, Any]


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield str(tmp_path / "central.sqlite3")
        return
    if postgres.BIN is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres.postgres() as address:
        yield address


@pytest.fixture
def broker(mosquitto: Callable[..., Mosquitto], pki: Pki) -> Mosquitto:
    """It has all in memory: killed, it has forgotten what it acknowledged."""
    made = mosquitto(pki=pki)
    made.start()
    return made


class Centre:
    """The example's process; what it reports, a line at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def until(self, so: Callable[[Json], bool], bound: float = BOUND) -> Json:
        """The first report that is so."""
        assert self._process.stdout is not None
        seen = b""
        try:
            async with asyncio.timeout(bound):
                while line := await self._process.stdout.readline():
                    seen = line
                    if so(found := json.loads(line)):
                        return dict(found)
        except TimeoutError:
            pass
        raise AssertionError(f"never so; its last report: {seen!r}")

    async def end(self, how: signal.Signals) -> int:
        if self._process.returncode is None:
            self._process.send_signal(how)
        async with asyncio.timeout(BOUND):
            await self._process.communicate()
        return int(self._process.returncode or 0)


@asynccontextmanager
async def centre(
    broker: Mosquitto | Engine, certificates: Path | None, database: str, every: float = 0.2
) -> AsyncIterator[Centre]:
    words = [
        "--mqtt",
        broker.protocol,
        "--broker",
        f"{broker.host}:{broker.port}",
        "--database",
        database,
        "--every",
        str(every),
    ]
    if certificates is not None:
        words += ["--certificates", str(certificates)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "examples.central.subscriber",
        *words,
        "--patience",
        "1",
        "--client-id",
        "central-example",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    running = Centre(process)
    try:
        yield running
    finally:
        await running.end(signal.SIGKILL)


async def fetch(database: str, query: str) -> list[Any]:
    connection = await connect(database)
    try:
        return [tuple(row) for row in await connection.run(query)]
    finally:
        await connection.close()


def told(heard: Subscriber) -> set[tuple[str, int, int]]:
    """The numbers that a witness heard of."""
    return {(event["stream"], event["epoch"], int(event["sequence"])) for event in heard.events}


@pytest.mark.parametrize(
    ("database", "forgets"),
    [("sqlite", False), ("postgresql", True)],
    indirect=["database"],
    ids=["kept for it, sqlite", "lost by the broker, postgresql"],
)
async def test_a_killed_centre_is_equal_again(
    gateway: Start, broker: Mosquitto, certificates: Path, database: str, *, forgets: bool
) -> None:
    """What came while it was away is in its session at the broker; or was acknowledged and lost, and is asked for."""
    warehouse = floor()
    for tag in (TAG, STAYS):
        warehouse.place(tag, (0.0, 1.0), time.time())
    async with reader(warehouse) as device:
        with subscriber(broker) as heard:
            box = gateway(broker, ZONES.format(port=device.port, timeout="2s"))
            async with centre(broker, certificates, database) as one:
                await box.start()
                first = await one.until(lambda said: said["online"] == 1 and said["convergence"] is not None)
                assert first["count"].get("rejected", 0) == 0
                await heard.until(lambda: len(transitions(heard)) >= 2, BOUND)
                await one.until(lambda said: said["count"].get("stored", 0) >= len(told(heard)))
                assert await one.end(signal.SIGKILL) == -signal.SIGKILL
            warehouse.move(TAG, (12.0, 1.0), time.time(), speed=12.0)
            await heard.until(lambda: len(transitions(heard, TAG_URI)) >= 2, BOUND)
            warehouse.remove(TAG, time.time())
            await heard.until(lambda: len(transitions(heard, TAG_URI)) >= 3, BOUND)
            await box.until(lambda status: status.outbox.pending == 0)
            before = told(heard)
            if forgets:
                broker.kill()
                broker.start()
            async with centre(broker, certificates, database) as one:
                lane = "historical" if forgets else "live"
                last = await one.until(
                    lambda said: (
                        said["online"] == 1
                        and said["convergence"] is not None
                        and said["missing"] == 0
                        and said["latency"].get(lane, {}).get("events", 0) >= 2
                    )
                )
                assert await one.end(signal.SIGTERM) == 0
            status = await box.until(lambda status: status.uplink.state == "online")
            assert status.uplink.alarm is None
    assert last["accuracy"] == 1.0
    stored = set(await fetch(database, "SELECT stream, epoch, sequence FROM events"))
    assert before - stored == set()
    placements = await fetch(database, "SELECT object, read_point FROM placements")
    assert placements == [(TAG_URI.replace("6789", "6911"), "urn:epc:id:sgln:9521141.12345.aislea")]
    assert await fetch(database, "SELECT * FROM rejected") == []
