"""A broker is killed, frozen, slow or forgetful: what was recorded is delivered, waiting, dead or declared."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path

import pytest

from gateway.config.site import Outbox as OutboxSettings
from gateway.outbox.store import Outbox, open_outbox
from gateway.uplink.link import Uplink, uplink
from gateway.uplink.policy import SHORT_LIVED
from simulators.mqtt_broker import Published, ScriptedBroker
from tests.brokers import IDENTITY, MOSQUITTO, Mosquitto, Subscriber, pending, site_for, subscriber, work
from tests.network import Relay
from tests.recording import accounts, arrived, recording, turns

Brokers = Callable[..., Mosquitto]
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

RATE = 200
"""Events a second that are recorded all the while."""
ROUNDS = [pytest.param(1, id="once"), pytest.param(20, id="often", marks=[pytest.mark.soak, pytest.mark.timeout(900)])]


@asynccontextmanager
async def station(folder: Path, port: int, **settings: object) -> AsyncIterator[tuple[Outbox, Uplink]]:
    """An outbox and its uplink, online."""
    async with (
        open_outbox(folder, "rfid", OutboxSettings(linger=0.005), machine_id="test") as outbox,
        uplink(*site_for(port, **settings), outbox, version="1") as link,
    ):
        await turned(link, "online")
        yield outbox, link


async def turned(link: Uplink, state: str) -> str:
    """Until the uplink is so; its cause."""
    async with asyncio.timeout(60):
        return (await link.until(lambda status: status.state == state)).cause


async def resumed(link: Uplink) -> float:
    """Seconds until it is online again."""
    begun = time.monotonic()
    await turned(link, "online")
    return time.monotonic() - begun


def missing(outbox: Outbox, *heard: Subscriber) -> bytes:
    """The centre's `ack`: all up to the greatest it heard of, but for what it did not."""
    seen = {int(event["sequence"]) for event in arrived(*heard)}
    top = max(seen)
    lacking = sorted(set(range(1, top + 1)) - seen)
    runs = [[number for _, number in run] for _, run in groupby(enumerate(lacking), lambda pair: pair[1] - pair[0])]
    ranges = [(run[0], run[-1]) for run in runs][:100]
    return json.dumps({"stream": outbox.stream, "epoch": outbox.epoch, "upto": top, "missing": ranges}).encode()


@needs_mosquitto
@pytest.mark.parametrize("rounds", ROUNDS)
async def test_what_a_killed_broker_had_acknowledged_and_lost_is_healed(
    mosquitto: Brokers, tmp_path: Path, rounds: int
) -> None:
    """It keeps nothing on disk: what it had queued for a consumer that was away dies with it."""
    broker = mosquitto()
    broker.start()
    folder, back = tmp_path / "outbox", []
    async with station(folder, broker.port) as (outbox, link):
        with subscriber(broker) as first:
            async with recording(outbox, RATE) as more:
                await more(100)
        assert await pending(link, outbox) == 0
        async with recording(outbox, RATE) as more:
            for _ in range(rounds):
                # Three short lives in a row would be another box's doing.
                await more(100 if rounds < 3 else int(RATE * 1.2 * SHORT_LIVED))
                await asyncio.to_thread(broker.kill)
                await turned(link, "offline")
                await more(100)
                await asyncio.to_thread(broker.start)
                back.append(await resumed(link))
        with subscriber(broker) as second:
            outbox.put(work(1))
            assert await pending(link, outbox) == 0
            await second.wait_for(1)
            lost = outbox.stats.appended - len(first.ids | second.ids)
            second.publish(f"readpoint/v1/dc1/rfid/{IDENTITY}/ack", missing(outbox, first, second))
            await second.until(lambda: len(first.ids | second.ids) == outbox.stats.appended, 60.0)
    await accounts(folder, first, second)
    assert lost > 0
    print(f"broker killed {rounds} times: it lost {lost} that it had acknowledged, all came again; {told(back)}")


def told(back: list[float]) -> str:
    return f"resumed {max(back):.2f} s after it was back at the latest (target 2)"


@needs_mosquitto
@pytest.mark.parametrize("rounds", ROUNDS)
async def test_a_frozen_broker_costs_nothing_but_time(mosquitto: Brokers, tmp_path: Path, rounds: int) -> None:
    broker = mosquitto()
    broker.start()
    folder, back = tmp_path / "outbox", []
    with subscriber(broker) as heard:
        async with station(folder, broker.port, keepalive=1.0, connect_timeout=1.0) as (outbox, link):
            async with recording(outbox, RATE) as more:
                for _ in range(rounds):
                    await more(50)
                    broker.freeze()
                    assert "nothing heard" in await turned(link, "offline")
                    await more(50)
                    broker.thaw()
                    back.append(await resumed(link))
            assert await pending(link, outbox) == 0
        await accounts(folder, heard)
    assert turns(arrived(heard)) <= 2, "out of order inside a lane"
    print(f"broker frozen {rounds} times: {told(back)}")


@needs_mosquitto
@pytest.mark.parametrize(
    ("rate", "patience", "once"),
    [
        pytest.param(100_000.0, 3.0, True, id="a window is late", marks=pytest.mark.soak),
        pytest.param(20_000.0, 1.5, False, id="a batch is late"),
    ],
)
async def test_a_slow_line_drains_whatever_it_carries(
    mosquitto: Brokers, tmp_path: Path, rate: float, patience: float, *, once: bool
) -> None:
    """Each acknowledgement is a sign of life; where a whole batch comes too late, smaller ones are made."""
    broker = mosquitto()
    broker.start()
    folder = tmp_path / "outbox"
    async with Relay(broker.port) as line:
        with subscriber(broker) as heard:
            async with station(folder, line.port, window=10, ack_timeout=patience) as (outbox, link):
                line.rate = rate
                outbox.put(work(1500))  # 7 s of the faster line
                async with recording(outbox, RATE // 20) as more:
                    await heard.wait_for(900 if once else 60, bound=60)
                    line.rate = 1e9
                    await more(10)
                assert await pending(link, outbox) == 0
                assert (link.status.connects == 1) is once
        await accounts(folder, heard)
    assert turns(arrived(heard)) <= 2, "out of order inside a lane"


async def test_an_event_that_was_in_flight_when_the_link_went_dead_is_not_blamed_for_it(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    """Several times in a row: silence is the network's, and no reason to give the event up."""

    def die(published: Published) -> None:
        scripted_broker.silent = "/epcis/" in published.topic

    scripted_broker.answer = die
    outbox.put(work(1))
    site, segment = site_for(scripted_broker.port, keepalive=1.0, connect_timeout=0.5)
    async with uplink(site, segment, outbox, version="1") as link:
        await turned(link, "online")
        for _ in range(3):
            await scripted_broker.until(lambda: scripted_broker.silent)
            link._connection._client._ping_t = 1.0  # type: ignore[union-attr]  # a ping is on its way as well
            assert "nothing heard" in await turned(link, "offline")
            await scripted_broker.until(lambda: scripted_broker.clients == 0)
            scripted_broker.silent = False
        assert (link.status.given_up, outbox.stats.dead) == ({}, 0)
        scripted_broker.answer = lambda _published: 0
        await turned(link, "online")
        assert await pending(link, outbox) == 0
