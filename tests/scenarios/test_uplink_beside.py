"""What goes beside the outbox, and lanes that were held back: nothing of it stops an event for ever."""

from __future__ import annotations

from gateway.outbox.store import Outbox
from simulators.mqtt_broker import Limits, Published, ScriptedBroker
from tests.brokers import pending, work
from tests.uplinks import connected, sequences


async def test_a_lane_whose_probe_is_given_up_goes_on(scripted_broker: ScriptedBroker, outbox: Outbox) -> None:
    """First it may not be written, then it may, but this one event is refused for what it holds."""
    codes = [0x87, 0x99]

    def answer(published: Published) -> int:
        return codes.pop(0) if sequences([published]) == [1] else 0

    scripted_broker.answer = answer
    outbox.put(work(5))
    async with connected(scripted_broker, outbox, refused_backoff=0.05, batch=False, window=1) as link:
        await scripted_broker.until(lambda: 5 in sequences(scripted_broker.published))
        assert await pending(link, outbox) == 0
        assert [(entry.sequence, entry.reason) for entry in await outbox.rows("dead")] == [(1, "0x99")]
    assert sequences(scripted_broker.published) == [1, 1, 2, 3, 4, 5]


async def test_what_is_too_large_beside_the_outbox_costs_no_connection(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    scripted_broker.limits = Limits(maximum_packet=5000)
    async with connected(scripted_broker, outbox) as link:
        await link.sender.drain()
        assert not await link.publish_heard("snapshot", "aisle-a", bytes(6000))
        assert await link.publish_heard("snapshot", "aisle-a", b"{}")
        assert (link.status.refused, link.status.connects) == ({"0x95": 1}, 1)


async def test_what_the_centre_asks_for_again_goes_a_slice_at_a_time(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    """On a slow line its turn would never end: a live event waits for one slice at most."""
    outbox.put(work(3))
    await outbox.flush()
    rows = await outbox.claim("live", 3, 1 << 20)
    outbox.release([row.rowid for row in rows])
    async with connected(scripted_broker, outbox, window=1) as link:
        assert await pending(link, outbox) == 0
        before = len(scripted_broker.published)
        assert link.sender.repeat(rows)
        assert not link.sender.repeat(rows)
        await scripted_broker.until(lambda: len(sequences(scripted_broker.published[before:])) == 3)
        assert link.sender.repeat(rows)
