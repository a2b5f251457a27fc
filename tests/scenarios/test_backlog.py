"""A day's backlog drains many times faster than it grew; what happens meanwhile is told at once, memory stays flat."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from gateway.outbox.inspect import stopped
from tests.brokers import MOSQUITTO, Mosquitto

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")
ROOT = Path(__file__).resolve().parents[2]
LIVE = 200
"""Events a second recorded while the backlog drains; a day's 200,000 events are 2.3 a second."""
SEQUENCE = re.compile(rb'"sequence":"(\d+)"')


class Tally:
    """Which numbers came, of millions: a byte each."""

    def __init__(self, port: int) -> None:
        self.came = bytearray(4_000_000)
        self.deliveries = 0
        self._news = threading.Condition()
        ready = threading.Event()
        client = paho.Client(CallbackAPIVersion.VERSION2, "central", protocol=paho.MQTTv5)
        client.on_connect = lambda *_: client.subscribe("readpoint/v1/+/+/+/epcis/#", 1)
        client.on_subscribe = lambda *_: ready.set()
        client.on_message = lambda _client, _data, message: self._take(message.payload)
        client.connect("127.0.0.1", port)
        client.loop_start()
        self._client = client
        assert ready.wait(30.0)

    @property
    def distinct(self) -> int:
        return sum(self.came)

    def until(self, distinct: int, bound: float) -> bool:
        with self._news:
            return self._news.wait_for(lambda: self.deliveries >= distinct and self.distinct >= distinct, bound)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, payload: bytes) -> None:
        numbers = [int(number) for number in SEQUENCE.findall(payload)]
        with self._news:
            self.deliveries += len(numbers)
            for number in numbers:
                self.came[number] = 1
            self._news.notify_all()


@contextmanager
def tally(port: int) -> Iterator[Tally]:
    centre = Tally(port)
    try:
        yield centre
    finally:
        centre.close()


@pytest.mark.parametrize(
    "backlog",
    [
        pytest.param(20_000, id="20,000"),
        pytest.param(200_000, id="200,000", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
        pytest.param(2_000_000, id="2,000,000", marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
async def test_a_backlog_drains_beside_live_events(
    mosquitto: Callable[..., Mosquitto], tmp_path: Path, request: pytest.FixtureRequest, backlog: int
) -> None:
    broker = mosquitto()
    broker.start()
    words = (str(tmp_path / "outbox"), str(broker.port), str(backlog), str(LIVE))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.backlog", *words),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"stored\n"
        with tally(broker.port) as centre:
            process.stdin.write(b"go\n")
            told = json.loads(await process.stdout.readline())
            assert await asyncio.to_thread(centre.until, told["recorded"], 60.0), f"{centre.distinct} of {told}"
        async with asyncio.timeout(60.0):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    with stopped(tmp_path / "outbox") as outbox:
        assert outbox.count()["pending"] == 0
    assert centre.came.index(0, 1) == told["recorded"] + 1, "the first number that never came"
    rate = backlog / told["seconds"]
    grown = (told["most"] - told["begin"]) / 2**20
    print(
        f"backlog {backlog:,}: drained at {rate:,.0f} events/s, {rate / LIVE:.0f} times the live rate (target 5);"
        f" live p99 {told['p99']:.2f} s (target 1); memory grew by {grown:.0f} MiB;"
        f" {told['recorded']:,} recorded, 0 lost"
    )
    assert grown < 64
    if request.node.get_closest_marker("soak"):
        assert rate >= 5 * LIVE
        assert told["p99"] <= 1.0
