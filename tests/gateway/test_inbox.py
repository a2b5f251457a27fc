"""The hand-over never waits and never fails; what it sheds is counted, and states and signals still pass."""

from __future__ import annotations

import asyncio

from drivers.contract import Batch, Measurement, Read, Signal, Status
from gateway.inbox import LATELY, Inbox


def read(number: int) -> Read:
    return Read("epc", number.to_bytes(12, "big"), float(number))


async def test_hands_over_in_order_of_arrival() -> None:
    inbox = Inbox(lambda: 7.0)
    inbox.put("a", Batch([read(1), read(2)]))
    inbox.put("b", Batch([read(3)]))
    taken = await inbox.take(1.0)
    assert [(item.device, len(item.batch.observations), item.time) for item in taken] == [("a", 2, 7.0), ("b", 1, 7.0)]
    assert inbox.waiting == 0


async def test_take_gives_up_after_its_patience() -> None:
    assert await Inbox(lambda: 0.0).take(0.01) == []


async def test_take_wakes_at_a_put() -> None:
    inbox = Inbox(lambda: 0.0)
    waiting = asyncio.create_task(inbox.take(5.0))
    await asyncio.sleep(0)
    inbox.put("a", Batch([read(1)]))
    assert len(await waiting) == 1


async def test_sheds_reads_when_full_and_counts_them() -> None:
    inbox = Inbox(lambda: 0.0, limit=10)
    inbox.put("a", Batch([read(n) for n in range(10)]))
    told: list[bool] = []
    state, signal = Status(None, "offline", "cable", 1.0), Signal("beam", value=True, time=1.0)
    volts = Measurement("volts", 230.0, "VLT", "good", 1.0)
    shed: list[bool] = []
    inbox.put("a", Batch([read(11), state, signal, volts], lambda: told.append(True), lambda: shed.append(True)))
    taken = await inbox.take(0.01)
    assert inbox.dropped == 2
    assert list(taken[1].batch.observations) == [state, signal]
    # A scanner must not be told that its dropped scan is stored.
    assert taken[1].batch.stored is None
    assert not told
    assert shed


async def test_what_was_shed_is_a_trouble_for_a_while() -> None:
    now = [1000.0]
    inbox = Inbox(lambda: now[0], limit=10)
    assert not inbox.shedding
    inbox.put("a", Batch([read(n) for n in range(11)]))
    assert (inbox.dropped, inbox.shedding) == (11, True)
    now[0] += LATELY
    assert (inbox.dropped, inbox.shedding) == (11, False)


async def test_a_flood_of_states_is_bounded_too() -> None:
    inbox = Inbox(lambda: 0.0, limit=10)
    for _ in range(100):
        inbox.put("a", Batch([Status(None, "offline", "flapping", 1.0)]))
    assert inbox.waiting <= 20
    assert inbox.dropped >= 80


async def test_close_hands_out_what_is_left() -> None:
    inbox = Inbox(lambda: 0.0)
    inbox.put("a", Batch([read(1)]))
    inbox.close()
    assert not inbox.finished
    assert len(await inbox.take(5.0)) == 1
    assert inbox.finished
    assert await inbox.take(5.0) == []


async def test_a_huge_backlog_is_taken_in_portions() -> None:
    inbox = Inbox(lambda: 0.0)
    for _ in range(10):
        inbox.put("a", Batch([read(n) for n in range(50)]))
    assert sum(len(item.batch.observations) for item in await inbox.take(1.0, most=100)) == 100
    assert inbox.waiting == 400
