"""A broker lost what it had acknowledged: the centre asks, and gets it again from what was kept."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config.site import Outbox as OutboxSettings
from gateway.outbox.store import Outbox, open_outbox
from gateway.uplink.link import uplink
from tests.brokers import IDENTITY, Mosquitto, pending, site_for, subscriber, work

pytestmark = pytest.mark.broker
BASE = f"readpoint/v1/dc1/rfid/{IDENTITY}"
Brokers = Callable[..., Mosquitto]


def ack(outbox: Outbox, upto: int, *missing: tuple[int, int], epoch: int = 1) -> bytes:
    said = {"stream": outbox.stream, "epoch": epoch, "upto": upto, "missing": missing}
    return json.dumps(said).encode()


async def test_what_is_missing_comes_again_as_history_with_the_same_ids(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    outbox.put(work(20, "aisle-a"))
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port), outbox, version="1") as link:
            first = {event["sequence"]: event for event in await centre.wait_for(20)}
            assert await pending(link, outbox) == 0
            centre.publish(f"{BASE}/ack", ack(outbox, 19, (3, 5), (9, 9)))
            await centre.until(lambda: len(centre.events) >= 24)
            events = centre.events[20:]
            assert [event["sequence"] for event in events] in (["9", "3", "4", "5"], ["3", "4", "5", "9"])
            assert all(event.pop("historical") is True for event in events)
            assert all(event == first[event["sequence"]] for event in events)
            assert (link.status.acks, link.status.ignored, link.status.repeated) == (1, 0, 4)
            # What was just sent again is not sent a third time, however often it is asked for.
            centre.publish(f"{BASE}/ack", ack(outbox, 19, (3, 5), (9, 9)))
            centre.publish(f"{BASE}/ack", ack(outbox, 20))
            async with asyncio.timeout(30):
                while outbox.stats.confirmed < 20:
                    outbox.put(work(1))
                    await outbox.flush()
            assert link.status.repeated == 4
            assert outbox.stats.dead == 0


async def test_a_centre_that_asks_for_all_of_it_costs_the_rate_and_no_more(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    outbox.put(work(100, size=1000))
    rate = 40_000
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port, resend_rate=rate), outbox, version="1") as link:
            await centre.wait_for(100)
            assert await pending(link, outbox) == 0
            begun = asyncio.get_running_loop().time()
            for _ in range(50):
                centre.publish(f"{BASE}/ack", ack(outbox, 0, (1, 100)), wait=False)
            await centre.until(lambda: len(centre.events) >= 200)
            events = centre.events[100:]
            seconds = asyncio.get_running_loop().time() - begun
            assert sum(len(json.dumps(event)) for event in events[:90]) <= rate * (seconds + 0.5)
            assert set(Counter(event["sequence"] for event in events).values()) == {1}
            assert link.status.acks <= 2 + seconds


async def test_state_names_the_epochs_that_are_not_wholly_confirmed(mosquitto: Brokers, tmp_path: Path) -> None:
    broker = mosquitto()
    broker.start()
    epochs: list[list[dict[str, int]]] = []
    with subscriber(broker) as centre:
        for epoch in (1, 2, 3):
            async with open_outbox(tmp_path, "rfid", OutboxSettings(linger=0.0), machine_id="m") as outbox:
                outbox.put(work(5))
                async with uplink(*site_for(broker.port, state_interval=0.2), outbox, version="1") as link:
                    await centre.wait_for(5 * epoch)
                    assert await pending(link, outbox) == 0
                    if epoch == 2:
                        centre.publish(f"{BASE}/ack", ack(outbox, 5, epoch=1))
                        async with asyncio.timeout(30):
                            while not link.status.acks:  # noqa: ASYNC110 - counters have no event
                                await asyncio.sleep(0.01)
        states = [json.loads(one.payload)["data"] for one in centre.messages if one.topic == f"{BASE}/state"]
        epochs = [state["epochs"] for state in states]
    assert [one["epoch"] for one in epochs[-1]] == [2, 3]
    assert epochs[-1][0] == {"epoch": 2, "last": 5, "pending": 0}


async def test_an_ack_of_a_stream_that_was_left_behind_is_one_alarm_however_often_it_comes(
    mosquitto: Brokers, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.uplink.healing.REMEMBER", 3.0)
    broker = mosquitto()
    broker.start()
    outbox.put(work(3, "aisle-a"))
    left = json.dumps({"stream": "rfid-00000000", "epoch": 1, "upto": 7}).encode()
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port), outbox, version="1") as link:
            await centre.wait_for(3)
            assert await pending(link, outbox) == 0
            centre.publish(f"{BASE}/ack", left)
            async with asyncio.timeout(30):
                while not link.status.distrust:
                    outbox.put(work(1))
                    await outbox.flush()
            assert "'rfid-00000000'" in link.status.distrust
            async with asyncio.timeout(30):
                while link.status.distrust:
                    centre.publish(f"{BASE}/ack", left)
                    centre.publish(f"{BASE}/ack", ack(outbox, 3))
                    outbox.put(work(1))
                    await outbox.flush()
            assert link.status.ignored > 1
