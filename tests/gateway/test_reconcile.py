"""Snapshots for the asking: of zones there are, not faster than they may be, and at no cost to what is stored."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import reconcile
from gateway.config.site import Outbox as OutboxSettings
from gateway.location.engine import Engine
from gateway.messages import Composer
from gateway.model import Identity, Present
from gateway.outbox.store import Outbox, open_outbox
from gateway.outbox.values import Entry
from gateway.reconcile import Reconciler
from gateway.uplink.link import Uplink, uplink
from simulators.mqtt_broker import ScriptedBroker
from tests.brokers import IDENTITY, pending, site_for, work
from tests.gateway.conftest import identify, make_zones

REQUEST = f"readpoint/v1/dc1/rfid/{IDENTITY}/request"
ZONES, BESIDES = 3, 40


def snapshots(broker: ScriptedBroker) -> list[str]:
    """The zones whose snapshots went out, in order."""
    return [one.topic.rsplit("/", 1)[1] for one in broker.published if "/snapshot/" in one.topic]


@asynccontextmanager
async def centre_and_zones(broker: ScriptedBroker, outbox: Outbox) -> AsyncIterator[tuple[Uplink, Reconciler]]:
    """A segment's uplink as it answers requests: three zones, forty tags in one of them."""
    rules = make_zones(ZONES)
    names = list(rules.read_points)
    tags = [Identity(f"urn:test:tag-{number}", "sgtin", "instance") for number in range(BESIDES)]
    engine = Engine(rules, identify, [Present(tag, names[0], 1.0, 1.0, "zone") for tag in tags])
    site, segment = site_for(broker.port)
    async with uplink(site, segment, outbox, version="1") as link, asyncio.TaskGroup() as group:

        async def publish(name: str, page: bytes) -> bool:
            return await link.publish_heard("snapshot", name, page)

        composer = Composer(site.gateway, "rfid", rules.read_points)
        reconciler = Reconciler(engine, composer, outbox, publish, time, interval=3600.0)
        link.on_request = lambda request: reconciler.ask(request.snapshot or "")
        task = group.create_task(reconciler.run())
        await broker.until(lambda: len(broker.subscribed) == 2 and bool(broker.published))
        try:
            yield link, reconciler
        finally:
            task.cancel()


async def test_what_is_no_zone_is_named_and_so_are_those_there_are(
    scripted_broker: ScriptedBroker, outbox: Outbox
) -> None:
    async with centre_and_zones(scripted_broker, outbox) as (link, _):
        scripted_broker.say(REQUEST, b'{"snapshot": "dock-99"}')
        await _until(lambda: link.status.alarm is not None)
        status = link.status
    assert status.alarm is not None
    assert "'dock-99' is no zone of this segment: " in status.alarm
    assert all(name in status.alarm for name in make_zones(ZONES).read_points)
    assert (status.requests, status.ignored) == (0, 1)


async def test_who_asks_all_the_time_gets_no_more_and_none_goes_without(
    scripted_broker: ScriptedBroker, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "AGAIN", 0.3)
    loop = asyncio.get_running_loop()
    async with centre_and_zones(scripted_broker, outbox) as (_, reconciler):
        first, *_ = make_zones(ZONES).read_points
        begun = loop.time()
        for rounds in (1, 2, 3):
            assert reconciler.ask(first) is None
            await scripted_broker.until(lambda least=rounds: len(snapshots(scripted_broker)) >= least)
        assert loop.time() - begun >= 0.6
        assert snapshots(scripted_broker) == [first] * 3


_names = st.sampled_from([*make_zones(ZONES).read_points, "dock-99", "a" * 24, "", "../x", "UP"])
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
_asked = st.one_of(
    st.builds(lambda name: {"snapshot": name}, _names),
    st.builds(lambda name, state: {"snapshot": name, "state": state}, _names, st.booleans()),
    st.just({"state": True}),
    _json,
).map(lambda value: json.dumps(value).encode())
_hostile = st.lists(_asked | st.binary(max_size=200) | st.just(b"[" * 9000), min_size=1, max_size=60)


@given(said=_hostile, retained=st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_hostile_centre_costs_little_and_no_row(said: list[bytes], retained: bool) -> None:  # noqa: FBT001 - drawn
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_harassed(Path(folder), said, retained=retained))


async def _harassed(folder: Path, said: list[bytes], *, retained: bool) -> None:
    loop = asyncio.get_running_loop()
    kept = OutboxSettings(linger=0.001)
    async with ScriptedBroker() as broker, open_outbox(folder, "rfid", kept, machine_id="test") as outbox:
        outbox.put(work(5))
        async with centre_and_zones(broker, outbox) as (link, _):
            assert await pending(link, outbox) == 0
            before, begun, stored = await _rows(outbox), loop.time(), len(broker.published)
            for payload in said:
                broker.say(REQUEST, payload, retain=retained)
            await _until(lambda: link.status.requests + link.status.ignored >= len(said))
            assert link.publish_unstored("health", "last", b"{}")
            await broker.until(lambda: any("/health/" in one.topic for one in broker.published))
            seconds = loop.time() - begun
            assert link.status.state == "online"
            assert link.status.requests <= 16 * (2 + seconds)
            assert await _rows(outbox) == before
        answers = broker.published[stored:]
        assert len(snapshots(broker)) <= ZONES * (1 + seconds // reconcile.AGAIN)
        assert sum(one.topic.endswith("/state") for one in answers) <= 3 + seconds / 0.2
        assert sum(len(one.payload) for one in answers) <= len(answers) * 100_000
        assert not (retained and snapshots(broker))


async def _rows(outbox: Outbox) -> list[Entry]:
    return [entry for state in ("pending", "sent", "dead") for entry in await outbox.rows(state, 100)]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - counters have no event
            await asyncio.sleep(0.005)
