"""The uplink against a real mosquitto: what arrives, what is settled, who is let in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.clock_watch import ClockWatch
from gateway.config.site import Outbox as OutboxSettings
from gateway.config.site import Tls
from gateway.model import Work
from gateway.outbox.host_clock import Kernel
from gateway.outbox.store import Outbox, open_outbox
from gateway.uplink.link import uplink
from gateway.uplink.requests import Request
from simulators.mqtt_broker import Published, ScriptedBroker
from tests.brokers import IDENTITY, Mosquitto, Pki, pending, site_for, subscriber, work

pytestmark = pytest.mark.broker
BASE = f"readpoint/v1/dc1/rfid/{IDENTITY}"
Brokers = Callable[..., Mosquitto]


async def test_events_arrive_over_mutual_tls_and_are_settled(mosquitto: Brokers, pki: Pki, outbox: Outbox) -> None:
    broker = mosquitto(pki=pki)
    broker.start()
    outbox.put(work(150, "aisle-a"))
    outbox.put(work(3, "dock-1"))
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port, pki.client(IDENTITY)), outbox, version="1.2.3") as link:
            events = await centre.wait_for(153)
            assert await pending(link, outbox) == 0
            assert link.status.events == 153
        await centre.until(lambda: [state for state, _ in centre.states[-1:]] == ["offline"])
    assert sorted(int(event["sequence"]) for event in events) == list(range(1, 154))
    assert {message.topic for message in centre.messages} == {
        f"{BASE}/epcis/aisle-a",
        f"{BASE}/epcis/dock-1",
        f"{BASE}/state",
    }
    for message in centre.messages:
        kind = "cloudevents-batch+json" if message.payload.startswith(b"[") else "cloudevents+json"
        assert message.content_type == f"application/{kind}"
        assert len(message.payload) <= 100_000
    assert all("historical" not in event for event in events)


async def test_state_is_retained_online_and_offline_after_a_farewell(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    site, segment = site_for(broker.port, state_interval=0.2)
    outbox.put(work(2))
    with subscriber(broker) as centre:
        async with uplink(site, segment, outbox, version="1.2.3"):
            await centre.until(lambda: len(centre.states) >= 3)
        await centre.until(lambda: [state for state, _ in centre.states[-1:]] == ["offline"])
    assert [state for state, _ in centre.states[:-1]] == ["online"] * (len(centre.states) - 1)
    with subscriber(broker) as late:
        await late.until(lambda: late.states == [("offline", True)])
    data = json.loads(late.messages[0].payload)["data"]
    assert (data["stream"], data["version"], data["configuration"]) == (outbox.stream, "1.2.3", "0" * 64)
    assert data["epochs"][-1]["last"] == 2


async def test_the_last_will_says_offline(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port), outbox, version="1") as link:
            await centre.until(lambda: centre.states[-1:] == [("online", False)])
            assert link._connection is not None
            link._connection.abort("the plug is pulled")
            await centre.until(lambda: ("offline", False) in centre.states)


async def test_what_waited_is_marked_historical(mosquitto: Brokers, tmp_path: Path) -> None:
    broker = mosquitto()
    broker.start()
    now = [1_790_000_000.0]
    async with open_outbox(
        tmp_path / "o", "rfid", OutboxSettings(linger=0.0), machine_id="m", clock=lambda: now[0]
    ) as outbox:
        outbox.put(work(1))
        await outbox.flush()
        now[0] += 6.0
        outbox.put(work(1))
        await outbox.flush()
        with subscriber(broker) as centre:
            async with uplink(*site_for(broker.port), outbox, version="1", clock=lambda: now[0]):
                events = await centre.wait_for(2)
    assert {event["sequence"]: event.get("historical", False) for event in events} == {"1": True, "2": False}


async def test_a_backlog_keeps_no_live_event_waiting(scripted_broker: ScriptedBroker, tmp_path: Path) -> None:
    """However fast the broker answers: each lane has its turn."""
    async with open_outbox(tmp_path / "o", "rfid", OutboxSettings(linger=0.0), machine_id="m") as outbox:
        for _ in range(20):
            outbox.put(work(500, "aisle-a", size=1000))
        await outbox.flush()

        def answer(_published: Published) -> int:
            if len(scripted_broker.published) == 10:
                outbox.put(work(1, "dock-1"))
            return 0

        scripted_broker.answer = answer
        async with uplink(*site_for(scripted_broker.port), outbox, version="1") as link:
            assert await pending(link, outbox) == 0
    places = [published.topic.rpartition("/")[2] for published in scripted_broker.published]
    assert places.index("dock-1") < places.count("aisle-a") // 2


async def test_batches_can_be_turned_off(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    outbox.put(work(30))
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port, batch=False), outbox, version="1"):
            await centre.wait_for(30)
    assert not [message for message in centre.messages if message.payload.startswith(b"[")]


async def test_the_broker_keeps_no_session(scripted_broker: ScriptedBroker, outbox: Outbox) -> None:
    async with uplink(*site_for(scripted_broker.port), outbox, version="1"):
        await scripted_broker.until(lambda: bool(scripted_broker.subscribed))
    assert scripted_broker.connects == [IDENTITY]
    assert scripted_broker.sessions == [(True, 0)]
    assert scripted_broker.subscribed == [f"{BASE}/ack", f"{BASE}/request"]


async def test_a_file_from_another_machine_says_which_stream_it_goes_on_from(
    mosquitto: Brokers, tmp_path: Path
) -> None:
    async with open_outbox(tmp_path, "rfid", OutboxSettings(), machine_id="old box") as before:
        stream = before.stream
    broker = mosquitto()
    broker.start()
    with subscriber(broker) as centre:
        async with (
            open_outbox(tmp_path, "rfid", OutboxSettings(), machine_id="new box") as outbox,
            uplink(*site_for(broker.port), outbox, version="1"),
        ):
            await centre.until(lambda: bool(centre.states))
        [said, *_] = [json.loads(one.payload)["data"] for one in centre.messages if one.topic == f"{BASE}/state"]
    assert (said["stream"], said["previousStream"]) == (outbox.stream, stream)
    assert stream != outbox.stream


async def test_mqtt_3_1_1_works_and_says_what_it_is_worth(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    outbox.put(work(10))
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port, protocol="3.1.1"), outbox, version="1") as link:
            await centre.wait_for(10)
            assert await pending(link, outbox) == 0
            assert "proves only that the broker answered" in link.status.promise


async def test_requests_are_passed_on_and_nonsense_is_counted(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    asked: asyncio.Queue[Request] = asyncio.Queue()

    def ask(request: Request) -> str | None:
        asked.put_nowait(request)
        return "there is no dock-99" if request.snapshot == "dock-99" else None

    with subscriber(broker) as centre:
        centre.publish(f"{BASE}/request", b'{"snapshot": "retained"}', retain=True)
        centre.publish(f"{BASE}/ack", b'{"stream": "x", "epoch": 1, "upto": 9}', retain=True)
        site, segment = site_for(broker.port)
        async with uplink(site, segment, outbox, on_request=ask, version="1") as link:
            told: asyncio.Queue[str | None] = asyncio.Queue()
            link.on_alarm = told.put_nowait
            await centre.until(lambda: len(centre.states) == 1)
            for payload in (b'{"snapshot": "dock-99"}', b"\xff\x00", b'{"reboot": true}', b"[" * 9000):
                centre.publish(f"{BASE}/request", payload)
            async with asyncio.timeout(30):
                assert await asked.get() == Request(snapshot="dock-99")
                assert await told.get() == "a request of the centre cannot be met: there is no dock-99"
            assert link.status.alarm == "a request of the centre cannot be met: there is no dock-99"
            centre.publish(f"{BASE}/ack", b'{"stream": "x", "epoch": 1, "upto": 1}')
            centre.publish(f"{BASE}/request", b'{"snapshot": "aisle-a"}')
            async with asyncio.timeout(30):
                assert await asked.get() == Request(snapshot="aisle-a")
            centre.publish(f"{BASE}/request", b'{"state": true}')
            await centre.until(lambda: len(centre.states) == 2)
            async with asyncio.timeout(30):
                assert "it is for the stream 'x'" in (await told.get() or ""), "what stands now, not only that one does"
            assert (link.status.requests, link.status.acks, link.status.ignored) == (2, 0, 7)


async def test_a_centre_gone_wrong_is_heard_a_few_times_a_second(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port), outbox, version="1") as link:
            await centre.until(lambda: len(centre.states) == 1)
            begun = asyncio.get_running_loop().time()
            for _ in range(200):
                centre.publish(f"{BASE}/request", b'{"state": true}', wait=False)
            async with asyncio.timeout(30):
                while link.status.requests + link.status.ignored < 200:  # noqa: ASYNC110 - counters have no event
                    await asyncio.sleep(0.01)
            seconds = asyncio.get_running_loop().time() - begun
            assert 16 <= link.status.requests <= 16 * (2 + seconds)


async def test_unstored_messages_go_out_once_and_only_while_connected(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    async with uplink(*site_for(broker.port), outbox, version="1") as link:
        assert not link.publish_unstored("health", "dock-reader", b"{}")
        broker.start()
        with subscriber(broker) as centre:
            await centre.until(lambda: bool(centre.states))
            assert link.publish_unstored("health", "dock-reader", b'{"now": 1}')
            await centre.until(
                lambda: any(message.topic == f"{BASE}/health/dock-reader" for message in centre.messages)
            )


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        ("foreign broker", "not signed by a CA in"),
        ("other host", "for another name than localhost"),
        ("expired client", "our client certificate has expired"),
        ("foreign client", "does not know the CA that signed our client certificate"),
        ("no client", "asks for a client certificate and none was sent"),
        ("no file", "cannot be read"),
        ("not PEM", "no PEM certificate"),
    ],
)
async def test_wrong_certificates_never_connect_and_say_why(
    mosquitto: Brokers, pki: Pki, outbox: Outbox, tmp_path: Path, trouble: str, says: str
) -> None:
    good = pki.client(IDENTITY)
    (tmp_path / "empty.pem").write_text("nothing")
    tls = {
        "foreign broker": Tls(ca=pki.foreign_ca, cert=good.cert, key=good.key),
        "expired client": pki.expired(IDENTITY),
        "foreign client": pki.foreign(IDENTITY),
        "no client": Tls(ca=pki.ca),
        "no file": Tls(ca=pki.ca, cert=tmp_path / "missing.pem", key=good.key),
        "not PEM": Tls(ca=pki.ca, cert=tmp_path / "empty.pem", key=good.key),
    }.get(trouble, good)
    certificate = pki.broker_for("other.example") if trouble == "other host" else None
    broker = mosquitto(pki=pki, certificate=certificate)
    broker.start()
    outbox.put(work(1))
    async with uplink(*site_for(broker.port, tls), outbox, version="1") as link, asyncio.timeout(30):
        status = await link.until(lambda status: status.state != "connecting")
        assert status.state == "refused"
        assert says in status.cause
        assert status.connects == 0


async def test_a_renewed_certificate_serves_from_the_next_connection(
    mosquitto: Brokers, pki: Pki, outbox: Outbox, tmp_path: Path
) -> None:
    broker = mosquitto(pki=pki)
    broker.start()
    expired, good = pki.expired(IDENTITY), pki.client(IDENTITY)
    assert expired.cert and expired.key and good.cert and good.key  # noqa: PT018 - for the type checker
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.write_bytes(expired.cert.read_bytes())
    key.write_bytes(expired.key.read_bytes())
    async with uplink(*site_for(broker.port, Tls(pki.ca, cert, key)), outbox, version="1") as link, asyncio.timeout(30):
        await link.until(lambda status: status.state == "refused")
        cert.write_bytes(good.cert.read_bytes())
        key.write_bytes(good.key.read_bytes())
        await link.until(lambda status: status.state == "online")


@pytest.mark.parametrize(
    ("uplink_settings", "says"),
    [
        ({"host": "name.invalid"}, "cannot be resolved"),
        ({"bind": "192.0.2.1"}, "no address of this machine"),
        ({}, "connection refused"),
    ],
)
async def test_an_unreachable_broker_says_why(
    outbox: Outbox, free_port: int, uplink_settings: dict[str, str], says: str
) -> None:
    import msgspec

    site, segment = site_for(free_port)
    segment = msgspec.structs.replace(segment, uplink=msgspec.structs.replace(segment.uplink, **uplink_settings))
    async with uplink(site, segment, outbox, version="1") as link, asyncio.timeout(30):
        status = await link.until(lambda status: status.state != "connecting")
    assert status.state == "offline"
    assert says in status.cause


async def test_without_a_clock_tls_waits_and_recording_goes_on(mosquitto: Brokers, pki: Pki, tmp_path: Path) -> None:
    broker = mosquitto(pki=pki)
    broker.start()
    now = [5.0]
    settings = OutboxSettings(linger=0.0)
    async with open_outbox(tmp_path / "o", "rfid", settings, machine_id="m", clock=lambda: now[0]) as outbox:
        outbox.put(work(3))
        await outbox.flush()
        site, segment = site_for(broker.port, pki.client(IDENTITY))
        with subscriber(broker) as centre:
            watch = ClockWatch(tmp_path, lambda: now[0], lambda: now[0], lambda: Kernel(synchronized=False, offset=0.0))
            link_of = uplink(site, segment, outbox, version="1", clock=lambda: now[0], unset=watch.wait)
            async with link_of as link, asyncio.timeout(30):
                status = await link.until(lambda status: status.state != "connecting")
                assert (status.state, "clock not set" in status.cause) == ("offline", True)
                now[0] = 1_790_000_000.0
                await link.until(lambda status: status.state == "online")
                events = await centre.wait_for(3)
    assert {event["clock"] for event in events} == {"unset"}


async def test_leaving_sends_what_is_left(mosquitto: Brokers, outbox: Outbox) -> None:
    broker = mosquitto()
    broker.start()
    with subscriber(broker) as centre:
        async with uplink(*site_for(broker.port), outbox, version="1") as link:
            await link.until(lambda status: status.state == "online")
            for _ in range(20):
                outbox.put(work(100))
        await centre.wait_for(2000)
    outbox.put(Work())
    await outbox.flush()
    assert outbox.stats.pending == 0


async def test_a_gateway_may_write_below_its_own_topic_only(mosquitto: Brokers, pki: Pki, outbox: Outbox) -> None:
    """Another identity's certificate: the broker refuses each publication, and every row stays."""
    broker = mosquitto(pki=pki)
    broker.start()
    outbox.put(work(5))
    await outbox.flush()
    site, segment = site_for(broker.port, pki.client("gw-99.rfid"), refused_backoff=30.0, backoff_min=30.0)
    async with uplink(site, segment, outbox, version="1") as link, asyncio.timeout(30):
        await link.until(lambda status: status.state == "online")
        assert await pending(link, outbox) == 5
        assert (set(link.status.refused), link.status.events, link.status.held) == ({"0x87"}, 0, 1)
