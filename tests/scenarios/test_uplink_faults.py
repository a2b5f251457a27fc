"""Whatever the broker does, no row is settled that it did not take, and all arrive once it is well again."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import msgspec
import pytest

from gateway.config.site import Outbox as OutboxSettings
from gateway.outbox.store import Outbox, Selection, open_outbox
from gateway.uplink.link import uplink
from simulators.mqtt_broker import Limits, Published, ScriptedBroker
from tests.asking import asking
from tests.brokers import IDENTITY, pending, site_for, subscriber, work
from tests.engines import Engine, over_every_broker, over_every_broker_that_ends_the_older_connection, site_of
from tests.uplinks import connected, is_event, sequences


@pytest.mark.parametrize("code", [0x80, 0x83, 0x97])
async def test_refused_rows_stay_and_arrive_when_the_broker_is_well_again(
    scripted_broker: ScriptedBroker, outbox: Outbox, code: int
) -> None:
    accepted: list[Published] = []
    scripted_broker.answer = lambda published: code if is_event(published) else 0
    outbox.put(work(30))
    async with connected(scripted_broker, outbox, backoff_min=0.02, batch=False, window=8) as link:
        # A window full of refusals, and what was in flight by then, is tried again; nothing further on is touched.
        await scripted_broker.until(lambda: len(sequences(scripted_broker.published)) >= 40)
        assert max(sequences(scripted_broker.published)) < 16
        assert link.status.refused[f"0x{code:02X}"] >= 32
        assert outbox.stats.pending == 30

        def accept(published: Published) -> int:
            accepted.append(published)
            return 0

        scripted_broker.answer = accept
        await scripted_broker.until(lambda: sorted(sequences(accepted)) == list(range(1, 31)))
        assert await pending(link, outbox) == 0


async def test_no_matching_subscribers_is_a_success_and_counted(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    scripted_broker.answer = lambda _published: 0x10
    outbox.put(work(3))
    async with connected(scripted_broker, outbox) as link:
        assert await pending(link, outbox) == 0
        assert (link.status.unheard, link.status.events) == (1, 3)


@pytest.mark.parametrize(("code", "settings"), [(0x99, {}), (0x90, {}), (0x99, {"batch": False})])
async def test_an_event_the_broker_never_takes_is_found_and_given_up_and_the_others_go_on(
    scripted_broker: ScriptedBroker, outbox: Outbox, code: int, settings: dict[str, bool]
) -> None:
    scripted_broker.answer = lambda published: code if {7, 120} & set(sequences([published])) else 0
    outbox.put(work(200))
    async with connected(scripted_broker, outbox, refused_backoff=30.0, backoff_min=30.0, **settings) as link:
        assert await pending(link, outbox) == 0
        reason = f"0x{code:02X}"
        assert [(entry.sequence, entry.reason) for entry in await outbox.rows("dead")] == [(7, reason), (120, reason)]
        assert (link.status.held, link.status.given_up) == (0, {reason: 2})
        # Halving finds one of n events in about log2(n) steps.
        assert sum(link.status.refused.values()) <= 2 * 9
        scripted_broker.answer = lambda _published: 0
        before = len(scripted_broker.published)
        assert await outbox.resend(Selection(reason=reason)) == 2
        assert await pending(link, outbox) == 0
        assert set(sequences(scripted_broker.published[before:])) == {7, 120}
        assert outbox.stats.dead == 0


async def test_without_the_right_to_write_one_probe_is_sent_at_a_time(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    scripted_broker.answer = lambda published: 0x87 if is_event(published) else 0
    outbox.put(work(100))
    async with connected(scripted_broker, outbox, backoff_min=0.02, batch=False, window=8) as link:
        await scripted_broker.until(lambda: len(sequences(scripted_broker.published)) >= 12)
        async with asyncio.timeout(30):
            await link.until(lambda status: status.alarm is not None)
        assert "let this identity write below its own topic" in link.status.alarm
        assert max(sequences(scripted_broker.published)) <= 16
        assert outbox.stats.pending == 100
        accepted: list[Published] = []

        def accept(published: Published) -> int:
            accepted.append(published)
            return 0

        scripted_broker.answer = accept
        await scripted_broker.until(lambda: sorted(sequences(accepted)) == list(range(1, 101)))
        assert await pending(link, outbox) == 0


async def test_nobody_listens_is_told(scripted_broker: ScriptedBroker, outbox: Outbox) -> None:
    scripted_broker.answer = lambda published: 0x10 if is_event(published) else 0
    outbox.put(work(3))
    async with connected(scripted_broker, outbox, keepalive=1.0) as link:
        assert await pending(link, outbox) == 0
        async with asyncio.timeout(30):
            await link.until(lambda status: status.alarm is not None)
        assert "nobody listens" in link.status.alarm


async def test_an_event_that_ends_every_connection_is_found_and_given_up(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    """The broker says nothing: it closes the connection whenever it is sent number 11."""
    scripted_broker.answer = lambda published: -0x80 if 11 in sequences([published]) else 0
    outbox.put(work(40))
    async with connected(
        scripted_broker, outbox, backoff_min=0.01, takeover_backoff=0.02, refused_backoff=0.05
    ) as link:
        async with asyncio.timeout(60):
            while not outbox.stats.dead:
                await link.until(lambda status: status.state != "online")
                await link.until(lambda status: status.state == "online" or outbox.stats.dead > 0)
        async with asyncio.timeout(30):
            await link.until(lambda status: status.state == "online")
        assert await pending(link, outbox) == 0
        assert [(entry.sequence, entry.reason) for entry in await outbox.rows("dead")] == [(11, "disconnect")]
        assert link.status.given_up == {"disconnect": 1}
        assert len(scripted_broker.connects) <= 12


async def test_an_unanswered_window_ends_in_a_new_connection_and_all_is_sent_again(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    scripted_broker.answer = lambda published: None if is_event(published) else 0
    outbox.put(work(60))
    async with connected(scripted_broker, outbox, batch=False, window=5, ack_timeout=1.0) as link:
        await scripted_broker.until(lambda: len(scripted_broker.connects) >= 2)
        assert set(scripted_broker.connects) == {IDENTITY}
        assert link.status.unanswered >= 4
        assert link.status.alarm is None
        scripted_broker.answer = lambda _published: 0
        await scripted_broker.until(lambda: set(sequences(scripted_broker.published)) == set(range(1, 61)))
        async with asyncio.timeout(30):
            await link.until(lambda status: status.state == "online")
        assert await pending(link, outbox) == 0
    assert scripted_broker.peak <= 5
    assert not any(published.duplicate for published in scripted_broker.published)


@pytest.mark.parametrize(("window", "granted", "allowed"), [(20, 3, 3), (4, None, 4), (1, 1, 1)])
async def test_never_more_in_flight_than_the_window_and_the_broker_allow(
    scripted_broker: ScriptedBroker, outbox: Outbox, window: int, granted: int | None, allowed: int
) -> None:
    scripted_broker.limits = Limits(receive_maximum=granted)
    scripted_broker.answer = lambda _published: None
    outbox.put(work(100))
    async with connected(scripted_broker, outbox, batch=False, window=window, grace=0.05) as link:
        await scripted_broker.until(lambda: scripted_broker.unanswered == allowed)
        assert link.status.in_flight == allowed
    assert scripted_broker.peak == allowed


async def test_a_smaller_packet_limit_and_no_retained_messages_are_respected(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    scripted_broker.limits = Limits(maximum_packet=5000, retain=False)
    outbox.put(work(100))
    async with connected(scripted_broker, outbox) as link:
        assert await pending(link, outbox) == 0
    assert max(len(published.payload) for published in scripted_broker.published) <= 4500
    assert not any(published.retain for published in scripted_broker.published)
    assert all(published.utf8 for published in scripted_broker.published)


async def test_an_event_too_large_for_the_broker_is_given_up_and_costs_no_connection(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    scripted_broker.limits = Limits(maximum_packet=5000)
    outbox.put(work(1, size=6000))
    outbox.put(work(10))
    async with connected(scripted_broker, outbox) as link:
        assert await pending(link, outbox) == 0
        assert (set(link.status.refused), link.status.connects) == ({"0x95"}, 1)
        assert [(entry.sequence, entry.reason) for entry in await outbox.rows("dead")] == [(1, "0x95")]
    assert sequences(scripted_broker.published) == list(range(2, 12))


async def test_an_identifier_that_is_never_answered_ends_the_connection(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    """Packet identifiers have 16 bits: the one left open must not be given to another message."""
    scripted_broker.answer = lambda published: None if sequences([published]) == [1] else 0
    outbox.put(work(1))
    async with connected(scripted_broker, outbox, batch=False) as link:
        await scripted_broker.until(lambda: sequences(scripted_broker.published) == [1])
        (open_,) = (one.packet for one in scripted_broker.published if sequences([one]))
        link._connection._client._last_mid = open_ - 1  # type: ignore[union-attr]
        assert link.publish_unstored("health", "dock-reader", b"{}")
        scripted_broker.answer = lambda _published: 0
        await scripted_broker.until(lambda: len(scripted_broker.connects) == 2)
        async with asyncio.timeout(30):
            await link.until(lambda status: status.state == "online" and status.connects == 2)
        assert await pending(link, outbox) == 0


@pytest.mark.parametrize(("answer", "farewells"), [(0, 1), (None, 0), (0x97, 0)])
async def test_the_last_will_is_left_to_speak_where_the_last_state_was_not_taken(
    scripted_broker: ScriptedBroker, outbox: Outbox, answer: int | None, farewells: int
) -> None:
    async with connected(scripted_broker, outbox) as link:
        await link.sender.drain()
        scripted_broker.answer = lambda _published: answer
    await scripted_broker.until(lambda: scripted_broker.clients == 0)
    assert scripted_broker.farewells == farewells


async def test_leaving_while_connecting_is_prompt(outbox: Outbox) -> None:
    """Something that accepts and says nothing, once before the TLS handshake and once before CONNACK."""
    accepted = asyncio.Event()
    done = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await done.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    for secure in (True, False):
        accepted.clear()
        site, segment = site_for(port, connect_timeout=3600.0)
        segment = msgspec.structs.replace(segment, uplink=msgspec.structs.replace(segment.uplink, secure=secure))
        async with asyncio.timeout(30):
            async with uplink(site, segment, outbox, version="1"):
                await accepted.wait()
    done.set()
    server.close()


@pytest.mark.parametrize(("code", "says"), [(0x87, "not authorized"), (0x84, '"3.1.1"'), (0x88, "not available")])
async def test_a_refused_connection_says_why_and_is_tried_again(
    scripted_broker: ScriptedBroker, outbox: Outbox, code: int, says: str
) -> None:
    scripted_broker.connack = code
    outbox.put(work(1))
    async with uplink(*site_for(scripted_broker.port), outbox, version="1") as link, asyncio.timeout(30):
        status = await link.until(lambda status: status.state == "refused")
        assert says in status.cause
        assert f"0x{code:02X}" in status.cause
        scripted_broker.connack = 0
        await link.until(lambda status: status.state == "online")
        assert await pending(link, outbox) == 0


async def test_a_broker_that_answers_nothing_is_given_up(scripted_broker: ScriptedBroker, outbox: Outbox) -> None:
    scripted_broker.silent = True
    async with uplink(*site_for(scripted_broker.port, connect_timeout=0.2), outbox, version="1") as link:
        async with asyncio.timeout(30):
            status = await link.until(lambda status: status.state == "offline")
            assert "no answer in 0.2 s" in status.cause
            scripted_broker.silent = False
            await link.until(lambda status: status.state == "online")


@pytest.mark.parametrize(
    "data", [b"\xff" * 64, b"\x40\x01\x00", b"\x30\x03\x00\xff\x00", b"\x00" * 64, b"\x40\xff\xff\xff\xff\xff"]
)
async def test_garbage_from_the_broker_is_a_lost_connection(
    scripted_broker: ScriptedBroker, outbox: Outbox, data: bytes
) -> None:
    async with connected(scripted_broker, outbox) as link:
        scripted_broker.garble(data)
        await scripted_broker.until(lambda: len(scripted_broker.connects) == 2)
        outbox.put(work(3))
        async with asyncio.timeout(30):
            await link.until(lambda status: status.state == "online" and status.connects == 2)
        assert await pending(link, outbox) == 0


async def test_random_bytes_from_the_broker_never_stop_the_uplink(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    chance = random.Random(20261121)
    async with connected(scripted_broker, outbox, takeover_backoff=0.02, backoff_min=0.01) as link:
        for connects in range(1, 60):
            packet = bytes([chance.randrange(16) << 4 | chance.randrange(16), chance.randrange(40)])
            scripted_broker.garble(packet + chance.randbytes(chance.randrange(60)))
            scripted_broker.finish()
            await scripted_broker.until(lambda so_far=connects: len(scripted_broker.connects) > so_far)
        outbox.put(work(3))
        async with asyncio.timeout(30):
            await link.until(lambda status: status.state == "online")
        assert await pending(link, outbox) == 0


async def test_a_broker_whose_packets_hold_no_event_says_so(scripted_broker: ScriptedBroker, outbox: Outbox) -> None:
    scripted_broker.limits = Limits(maximum_packet=10)
    async with uplink(*site_for(scripted_broker.port), outbox, version="1") as link:
        async with asyncio.timeout(30):
            status = await link.until(lambda status: status.state == "refused")
    assert "10 bytes at most" in status.cause


def topic_of(broker: ScriptedBroker, channel: str) -> bytes:
    name = next(topic for topic in broker.subscribed if topic.endswith(channel)).encode()
    return len(name).to_bytes(2) + name


@pytest.mark.parametrize("what", ["huge packet", "qos 2"])
async def test_what_a_broker_must_not_send_ends_the_connection_and_is_not_kept(
    scripted_broker: ScriptedBroker, outbox: Outbox, what: str
) -> None:
    outbox.put(work(5))
    async with connected(scripted_broker, outbox, backoff_min=0.02) as link:
        await scripted_broker.until(lambda: len(scripted_broker.subscribed) == 2)
        topic, accepted = topic_of(scripted_broker, "request"), len(scripted_broker.connects)
        if what == "huge packet":  # 10 MB of a message, of which all but the end comes
            scripted_broker.garble(b"\x30\x80\x80\x80\x05" + topic + bytes(1_000_000))
        else:
            scripted_broker.garble(b"\x34" + bytes([len(topic) + 5]) + topic + b"\x00\x01\x00{}")
        async with asyncio.timeout(60):
            await scripted_broker.until(lambda: len(scripted_broker.connects) > accepted)
            await link.until(lambda status: status.state == "online")
        assert await pending(link, outbox) == 0


async def test_new_events_travel_beside_the_backlog(scripted_broker: ScriptedBroker, outbox: Outbox) -> None:
    backlog = 3000

    def answer(_published: Published) -> int:
        if len(scripted_broker.published) == 10:
            outbox.put(work(1, "dock-1"))
        return 0

    scripted_broker.answer = answer
    outbox.put(work(backlog))
    await outbox.flush()
    async with connected(scripted_broker, outbox, batch=False, window=4) as link:
        assert await pending(link, outbox) == 0
    order = sequences(scripted_broker.published)
    assert order.index(backlog + 1) < backlog / 2
    assert [number for number in order if number <= backlog] == list(range(1, backlog + 1))


async def test_a_disconnect_in_the_middle_sends_the_rest_again(scripted_broker: ScriptedBroker, outbox: Outbox) -> None:
    taken: list[int] = []

    def answer(published: Published) -> int:
        if len(taken) == 5 and len(scripted_broker.connects) == 1:
            return -0x8B
        taken.extend(sequences([published]))
        return 0

    scripted_broker.answer = answer
    outbox.put(work(20))
    async with uplink(*site_for(scripted_broker.port, batch=False), outbox, version="1") as link:
        await scripted_broker.until(lambda: sorted(taken) == list(range(1, 21)))
        assert len(scripted_broker.connects) == 2
        async with asyncio.timeout(30):
            await link.until(lambda status: status.state == "online")
        assert await pending(link, outbox) == 0


@pytest.mark.broker
@over_every_broker_that_ends_the_older_connection
async def test_two_boxes_with_one_identity_end_with_an_alarm_and_recording_goes_on(
    broker: Engine, outbox: Outbox, tmp_path: Path
) -> None:
    site, segment = site_of(broker)
    async with (
        open_outbox(tmp_path / "twin", "rfid", OutboxSettings(), machine_id="twin") as other,
        uplink(site, segment, outbox, version="1") as first,
        uplink(site, segment, other, version="1") as second,
        asyncio.timeout(60),
    ):
        waiting = {
            asyncio.create_task(link.until(lambda status: status.state == "taken_over")): link
            for link in (first, second)
        }
        done, rest = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        loser = waiting[done.pop()]
        assert f"another box uses the identity {IDENTITY}" in (loser.status.alarm or "")
        mine = outbox if loser is first else other
        mine.put(work(10))
        await mine.flush()
        assert mine.stats.pending == 10
        winner, theirs = (second, other) if loser is first else (first, outbox)
        await winner.until(lambda status: status.state == "online")
        theirs.put(work(10))
        assert await pending(winner, theirs) == 0


@pytest.mark.broker
@over_every_broker
async def test_a_frozen_broker_is_noticed_and_all_arrives_after_it(broker: Engine, outbox: Outbox) -> None:
    with subscriber(broker) as centre:
        async with uplink(*site_of(broker, keepalive=1.0, connect_timeout=0.5), outbox, version="1") as link:
            outbox.put(work(10))
            await centre.wait_for(10)
            broker.freeze()
            outbox.put(work(10))
            async with asyncio.timeout(30):
                status = await link.until(lambda status: status.state == "offline")
            assert "nothing heard" in status.cause
            broker.thaw()
            await centre.wait_for(20)


@pytest.mark.broker
@over_every_broker
async def test_a_backlog_drains_beside_live_events_when_the_broker_comes_up(broker: Engine, outbox: Outbox) -> None:
    broker.stop()
    for _ in range(20):
        outbox.put(work(1000))
    await outbox.flush()
    async with uplink(*site_of(broker, window=4), outbox, version="1") as link:
        async with asyncio.timeout(30):
            await link.until(lambda status: status.state == "offline")
        broker.start()
        with subscriber(broker) as centre:
            await centre.wait_for(2000)
            outbox.put(work(1, "dock-1"))
            events = await centre.wait_for(20_001, bound=90)
        assert await pending(link, outbox) == 0
    assert sorted(int(event["sequence"]) for event in events) == list(range(1, 20_002))


@pytest.mark.broker
@over_every_broker
async def test_a_restarted_broker_is_found_and_nothing_is_lost(broker: Engine, outbox: Outbox) -> None:
    with subscriber(broker) as centre:
        site, segment = site_of(broker, state_interval=1.0)
        async with uplink(site, segment, outbox, version="1") as link, asking(centre):
            for round_ in range(3):
                outbox.put(work(500))
                await centre.wait_for(500 * round_ + 100)
                await asyncio.to_thread(broker.stop)
                async with asyncio.timeout(30):
                    await link.until(lambda status: "connection refused" in status.cause)
                await asyncio.to_thread(broker.start)
            await centre.wait_for(1500, bound=60)
            assert link.status.alarm is None
            assert await pending(link, outbox) == 0
