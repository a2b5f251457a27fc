"""What a gateway gone wrong may say: it is refused or passed over, and ends neither the centre nor what is near it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from examples.central.databases import Sqlite
from examples.central.silence import Gateways
from examples.central.subscriber import Central
from tests.examples.events import HOME, START, Json, golden, payload, placed, topic

A = "urn:epc:id:sgtin:9521141.012345.1"
ARRIVED = placed("arrived", A, "aislea", 1, 17, 1)
DEEP = b'{"type":' * 50_000


async def central() -> Central:
    made = Central(Sqlite(":memory:"))
    await made.start()
    return made


def spoken(name: str, top: Json, **data: Any) -> tuple[str, bytes]:
    """A golden message with some members more, or others."""
    message = golden(name)
    made = message["payload"] | top
    made["data"] |= data
    return message["topic"], json.dumps(made).encode()


@pytest.mark.parametrize(("name", "top", "data"), [
    ("snapshot", {"sequence": "1"}, {}),
    ("snapshot", {"stream": []}, {}),
    ("snapshot", {"stream": "x", "epoch": 2**70, "sequence": "1"}, {}),
    ("state-online", {"sequence": "1"}, {}),
    ("state-online", {"stream": "x", "epoch": 1, "sequence": []}, {}),
    ("health-repeat", {"sequence": "1"}, {}),
    ("health-change", {}, {"stream": None}),
    ("telemetry", {}, {"stream": []}),
    ("epcis-arrived", {}, {"stream": {}}),
])  # fmt: skip
async def test_a_member_that_nobody_knows_is_no_reason_to_refuse(name: str, top: Json, data: Json) -> None:
    """`v1` only ever gains members."""
    one = await central()
    beside = placed("arrived", A, "aislea", 1, 99, 1, "yard-00000001")
    await one.take([spoken(name, top, **data), (topic(beside), payload(beside))])
    assert one.kpis.count["rejected"] == 0
    assert one.kpis.count["stored"] == 1 + (name in ("telemetry", "epcis-arrived", "health-change"))
    one.tick()
    json.dumps(one.report())


@pytest.mark.parametrize("message", [
    *[(topic(ARRIVED), payload(ARRIVED | {"time": time})) for time in (
        "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z", "2026-11-21T23:59:60.5Z",
    )],
    (topic(ARRIVED), DEEP),
    (topic(ARRIVED), payload(ARRIVED | {"stream": "a" * 65})),
    (topic(ARRIVED), payload(ARRIVED | {"epoch": 2**70})),
    spoken("state-online", {}, stream="a\0"),
    spoken("loss", {}, **{"from": 100, "to": 3}),
])  # fmt: skip
async def test_what_no_table_and_no_clock_takes_is_refused_alone(message: tuple[str, bytes]) -> None:
    one = await central()
    beside = placed("arrived", A, "aislea", 1, 99, 1)
    await one.take([message, (topic(beside), payload(beside))])
    assert (one.kpis.count["rejected"], one.kpis.count["stored"]) == (1, 1)
    one.tick()
    json.dumps(one.report())


async def test_what_is_refused_claims_no_stream() -> None:
    one = await central()
    bad = placed("arrived", A, "aislea", 1, 17, 1, "yard-00000001") | {"stream": "rfid-3f2a5b6c", "sequence": "0"}
    await one.take([(topic(bad), payload(bad)), (topic(ARRIVED), payload(ARRIVED))])
    assert (one.kpis.count["rejected"], one.kpis.count["stored"]) == (1, 1)


@pytest.mark.parametrize("text", [b"[" * 100_000, DEEP, b"[]", b"\xff", b"null", b'"\\ud800"', b"1e999"])
def test_who_listens_for_silence_hears_on(text: bytes) -> None:
    gateways = Gateways()
    gateways.hear(f"{HOME}/state", text, 0.0)
    for time in ("9999-12-31T23:59:59", "0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59", "2016-12-31T23:59:60Z"):
        said = {"type": "readpoint.state.v1", "time": time, "data": {"state": "online"}}
        gateways.hear(f"{HOME}/state", json.dumps(said).encode(), 0.0, retained=True)
    gateways.hear(f"{HOME}/state", b"[" + text + b"]", 0.0)
    said = golden("state-online")["payload"]
    gateways.hear(f"{HOME}/state", json.dumps([None, {"type": "readpoint.state.v1"}, said]).encode(), START)
    assert gateways.silent(START) == []
    assert gateways.known("gw-07.rfid")


def test_a_correction_is_not_late() -> None:
    """Its `eventTime` is that of the event that it takes back."""
    gateways = Gateways()
    wrong = golden("epcis-arrived")["payload"]
    wrong["data"]["errorDeclaration"] = {"declarationTime": wrong["time"]}
    gateways.hear(topic(wrong), payload(wrong), START + 86_400.0)
    assert "latency_seconds{" not in gateways.text()
