"""From the inbox to the outbox: what is decided is decided in the time of arrival."""

from __future__ import annotations

import json
from pathlib import Path

from drivers.contract import Batch, Read, Status
from gateway.config.site import Gateway, Outbox
from gateway.identity.resolve import Resolver
from gateway.inbox import Inbox
from gateway.location.engine import Engine
from gateway.messages import Composer
from gateway.model import Port, ReadPoint, Rules
from gateway.outbox.inspect import stopped
from gateway.outbox.store import open_outbox
from gateway.pipeline import Pipeline

TAG = bytes.fromhex("3074257bf7194e4000001a85")
START = 1_790_000_000.0
AISLE = ReadPoint(
    name="aisle-a", uri="urn:epc:id:sgln:9521141.12345.aislea", kind="zone", presence_timeout=2.0, dwell=0.5
)
RULES = Rules({"aisle-a": AISLE}, (Port("reader", 1, "aisle-a"),))


async def test_a_wait_for_the_disk_makes_nobody_depart(tmp_path: Path) -> None:
    """Reads of ten seconds have waited while a minute went by: the tag was there for ten seconds, without a gap."""
    now = START
    async with open_outbox(tmp_path, "rfid", Outbox(), clock=lambda: now) as outbox:
        inbox = Inbox(lambda: now)
        engine = Engine(RULES, Resolver().resolve)
        pipeline = Pipeline(
            inbox, engine, Composer(Gateway("gw-07", "dc1"), "rfid", RULES.read_points), outbox, lambda: now
        )
        inbox.put("reader", Batch((Status(None, "online", "", now),)))
        for _ in range(20):
            now += 0.5
            inbox.put("reader", Batch((Read("epc", TAG, now, 1, -50.0),)))
        now += 60.0
        inbox.close()
        await pipeline.run()
    with stopped(tmp_path) as rows:
        events = [json.loads(payload)["data"] for payload in rows.payloads()]
    said = [(event["readpoint:observation"]["transition"], event["eventTime"]) for event in events]
    assert said == [("arrived", "2026-09-21T14:13:20.500Z"), ("departed", "2026-09-21T14:13:30.000Z")]
