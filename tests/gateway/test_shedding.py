"""Reads that are shed because more arrive than can be decided are declared, with their number, by stored events."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from drivers.contract import Batch, Read
from gateway.config.site import Gateway, Segment, Site, Uplink
from gateway.inbox import Inbox
from gateway.model import Port, ReadPoint, Rules
from gateway.outbox.store import Row
from gateway.segment import Pace, running
from tests.brokers import free_tcp_port

POINT = ReadPoint("belt-1", "urn:epc:id:sgln:9521141.12345.belt1", "checkpoint", dedup=5.0)
LIMIT, OFFERED = 100, 30


async def test_what_is_shed_is_declared_with_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.segment.Inbox", partial(Inbox, limit=LIMIT))
    uplink = Uplink("127.0.0.1", free_tcp_port(), secure=False)
    rfid = Segment("rfid", uplink, rules=Rules({"belt-1": POINT}, (Port("belt-reader", None, "belt-1"),)))
    gateway = Gateway("gw-07", "dc1", state_dir=tmp_path / "state", run_dir=tmp_path / "run")
    site = Site(gateway, {"rfid": rfid}, {"belt-1": POINT}, {})
    said: list[tuple[str, str]] = []
    ended = asyncio.Event()

    def hear(rows: Sequence[Row]) -> None:
        for row in rows:
            data = json.loads(row.payload)["data"]
            if (row.channel, row.name) == ("health", "inbox"):
                said.append((data["state"], data["cause"]))
                if data["state"] == "online":
                    ended.set()

    async with asyncio.timeout(60), running(site, "rfid", "test", Pace(inbox=0.2)) as parts:
        parts.outbox.listen(hear)
        for _ in range(OFFERED):
            reads = [Read("epc", bytes(12), time.time(), 1, -60.0)] * LIMIT
            parts.inbox.put("belt-reader", Batch(reads))  # nothing is taken meanwhile: this task does not wait
        shed = parts.inbox.dropped
        await ended.wait()
    assert shed == (OFFERED - 1) * LIMIT
    assert [state for state, _ in said] == ["degraded", "online"]
    assert "faster than this box decides" in said[0][1]
    assert re.findall(r"\d+", said[1][1]) == [str(shed)]
