"""Golden messages: what version 1 said once is valid, is still said so by today's code, and still understood by it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft7Validator

from drivers.observations import Measurement
from gateway import payloads
from gateway.config.site import Gateway
from gateway.messages import Composer, Epoch, Position, whole
from gateway.model import ByDirection, Detailed, Draft, Identity, Passage, ReadPoint, Source, Transition
from gateway.uplink.batches import Publication
from gateway.uplink.requests import Ack, Request, parse_ack, parse_request
from tests.validation import violations

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = {
    path.stem: json.loads(path.read_text()) for path in sorted((ROOT / "tests" / "cases" / "golden").glob("*.json"))
}
Json = dict[str, Any]


def at(seconds: float) -> float:
    return datetime.fromisoformat("2026-11-21T17:42:00Z").timestamp() + seconds


SCAN = '{"aim":"]C1","lot":"A1","elements":{"01":"09521141123454","10":"A1"},"raw":"XUMxMDEwOTUyMTE0MTEyMzQ1NDEwQTE="}'
LOT = "https://id.gs1.org/01/09521141123454/10/A1"
ITEM = "urn:epc:id:sgtin:9521141.012345.4711"
ITEM_LINK = "https://id.gs1.org/01/09521141123454/21/4711"
TAG = Identity(ITEM, "sgtin", "instance", ITEM_LINK)
FILTERED = Identity(ITEM, "sgtin", "instance", ITEM_LINK, 1)
PALLET = Identity("urn:epc:id:sscc:952012.03456789123", "sscc", "instance", "https://id.gs1.org/00/095201234567891235")
CLASS = Detailed(LOT, "sgtin", "class", LOT, scan=SCAN)
PLACES = "urn:epc:id:sgln:9521141.12345"
POINTS = {
    "aisle-a": ReadPoint("aisle-a", f"{PLACES}.aislea", "zone"),
    "aisle-b": ReadPoint("aisle-b", f"{PLACES}.aisleb", "zone"),
    "belt-1": ReadPoint("belt-1", f"{PLACES}.belt1", "checkpoint"),
    "dock-1": ReadPoint(
        "dock-1",
        f"{PLACES}.dock1",
        "portal",
        location=ByDirection(f"{PLACES}.0", "urn:epc:id:sgln:9521141.99999.0"),
        biz_step=ByDirection("receiving", "shipping"),
        disposition=ByDirection("in_progress", "in_transit"),
    ),
}
COMPOSER = Composer(Gateway("gw-07", "dc1", "Europe/Madrid"), "rfid", POINTS)


def epcis(kind: str, thing: Identity, read_point: str, reads: int = 0, *sources: Source, **more: Any) -> Draft:
    """Decided at 3.950, seen from 1.950 to 2.950, which is when it happened."""
    fields: Json = {"time": at(2.95), "decided": at(3.95), "first_seen": at(1.95), "last_seen": at(2.95), **more}
    return COMPOSER.epcis(Transition(kind, thing, read_point, reads=reads, sources=sources, **fields))  # type: ignore[arg-type]


def health(device: str, state: str, cause: str, antennas: list[Any], last_read: float | None = None) -> Draft:
    return COMPOSER.health(device, state, cause, since=at(0), time=at(3.95), last_read=last_read, antennas=antennas)


def state(kind: str, previous: str | None) -> bytes:
    return COMPOSER.state(
        kind,  # type: ignore[arg-type]
        stream="rfid-3f2a5b6c",
        epochs=[Epoch(16, 991, 0), Epoch(17, 10241, 3)],
        version="0.1.0",
        configuration="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        since=at(0),
        time=at(3.95),
        previous_stream=previous,
    )


MEASURED = [
    Measurement("voltage_l1", 230.1, "VLT", "good", at(3.95)),
    Measurement("vibration", 11.2, "C16", "good", at(3.95), None, "ALARM_CONDITION"),
    Measurement("running", True, None, "good", at(3.21)),
    Measurement("motor_temp", None, "CEL", "bad", at(3.95), "modbus exception 2"),
]
MADE: dict[str, Callable[[], Draft | bytes]] = {
    "epcis-arrived": lambda: epcis("arrived", FILTERED, "aisle-a", 12, Source("dock-reader", 3, 12, -55.5)),
    "epcis-moved": lambda: epcis("moved", TAG, "aisle-b", 4, Source("dock-reader", 4, 4, -49.25), origin="aisle-a"),
    "epcis-departed-unobserved": lambda: epcis(
        "departed", TAG, "aisle-b", reason="unobserved", unobserved=(at(2.95), at(3.45))
    ),
    "epcis-arrived-resync": lambda: epcis("arrived", TAG, "aisle-a", 1, Source("dock-reader", 3, 1, None), resync=True),
    "epcis-passed": lambda: epcis(
        "passed",
        PALLET,
        "dock-1",
        37,
        Source("dock-reader", 1, 21, -48.5),
        Source("dock-reader", 2, 16, -51.0),
        direction="in",
        passage=Passage("0192f7c1-6b2e-7c3a-9d11-aaaaaaaaaaaa", 61, 7),
        time=at(3.218),
        first_seen=at(1.002),
        last_seen=at(3.218),
    ),
    "epcis-observed-class": lambda: epcis("observed", CLASS, "belt-1", 1, Source("belt-scanner", None, 1, None)),
    "telemetry": lambda: COMPOSER.telemetry("meter-1", at(3.95), MEASURED)[0],
    "health-change": lambda: health(
        "dock-reader", "degraded", "antenna 2 is not connected", [(1, "online"), (2, "offline")], at(3.218)
    ),
    "health-repeat": lambda: health("beacons", "online", "", [("hci0", "online")]),
    "loss": lambda: COMPOSER.loss("rfid-3f2a5b6c", 16, 880, 891, count=12, reason="full", time=at(3.95)),
    "snapshot": lambda: COMPOSER.snapshot(
        "aisle-a",
        [PALLET.uri, TAG.uri],
        as_of=Position("rfid-3f2a5b6c", 17, 10241),
        observing=True,
        since=at(0),
        time=at(3.95),
    )[0],
    "state-online": lambda: state("online", None),
    "state-offline": lambda: state("offline", "rfid-00c0ffee"),
}
BESIDE = {"stream", "epoch", "sequence", "clock", "historical"}
"""What the outbox and the uplink put beside what is composed; tested there."""


def bare(event: Json) -> Json:
    """Without what differs each time: ids made when composing, and the outbox's numbers."""
    text = json.dumps({key: value for key, value in event.items() if key not in BESIDE})
    identifier = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    found: Json = json.loads(re.sub(identifier, "ID", text))
    return found


@pytest.mark.parametrize("name", MADE)
def test_today_s_code_says_it_the_same_way(name: str) -> None:
    made = MADE[name]()
    text = made if isinstance(made, bytes) else whole(made)
    assert bare(json.loads(text)) == bare(GOLDEN[name]["payload"])


@pytest.mark.parametrize("name", GOLDEN)
def test_is_valid(name: str) -> None:
    golden = GOLDEN[name]
    assert violations(golden["topic"], json.dumps(golden["payload"]).encode()) == []


def closed(schema: Any) -> Any:
    """The same schema, in which an object has no member that is not described."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    return made | {"additionalProperties": False} if "properties" in schema else made


@pytest.mark.parametrize("name", MADE)
def test_every_member_is_described(name: str) -> None:
    """A member that today's code adds stands in `gateway/payloads.py` too, or its consumers learn of it by surprise."""
    made = MADE[name]()
    event = json.loads(made if isinstance(made, bytes) else whole(made))
    event |= {key: value for key, value in GOLDEN[name]["payload"].items() if key in BESIDE}
    Draft7Validator(closed(payloads.schema(event["type"]))).validate(event)


def test_each_kind_of_message_has_a_golden_one() -> None:
    events = [one for golden in GOLDEN.values() for one in _listed(golden["payload"]) if "type" in one]
    assert {event["type"] for event in events} == set(payloads.EVENTS)
    said = {event["data"]["readpoint:observation"]["transition"] for event in events if "epcis" in event["type"]}
    assert said == {"arrived", "moved", "departed", "passed", "observed"}


def _listed(payload: Any) -> list[Json]:
    return payload if isinstance(payload, list) else [payload]


def test_location_events_are_epcis(material: Path) -> None:
    schema = json.loads((material / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
    for name, golden in GOLDEN.items():
        for event in _listed(golden["payload"]):
            if name.startswith(("epcis", "batch")):
                validator.validate(event["data"])


def test_all_are_cloud_events(material: Path) -> None:
    schema = json.loads((material / "cloudevents" / "cloudevents.json").read_text())
    validator = Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)
    for name, golden in GOLDEN.items():
        for event in _listed(golden["payload"]):
            if name != "ack" and not name.startswith("request"):
                validator.validate(event)


def test_a_batch_is_the_array_of_its_events() -> None:
    from gateway.outbox.values import Row

    events = GOLDEN["batch"]["payload"]
    rows = tuple(
        Row(number, "epcis", "aisle-a", number, 17, 0.0, json.dumps(event).encode())
        for number, event in enumerate(events, start=1)
    )
    assert json.loads(Publication("live", "epcis", "aisle-a", rows).payload(0.0)) == events


def test_today_s_code_takes_what_the_centre_says() -> None:
    ack = json.dumps(GOLDEN["ack"]["payload"]).encode()
    assert parse_ack(ack) == Ack("rfid-3f2a5b6c", 17, 10233, [(10101, 10104)])
    asked = {name: parse_request(json.dumps(GOLDEN[name]["payload"]).encode()) for name in GOLDEN if "request" in name}
    assert asked == {"request-snapshot": Request("aisle-a"), "request-state": Request(state=True)}


@pytest.mark.parametrize("kind", payloads.EVENTS)
def test_a_schema_is_one_of_draft_7(kind: str) -> None:
    jsonschema.Draft7Validator.check_schema(payloads.schema(kind))
