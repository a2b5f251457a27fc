"""Messages against the contract's example, GS1's EPCIS schema, the CloudEvents schema and a JSON-LD processor."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from pyld import jsonld

from gateway.config.site import Gateway
from gateway.ids import text
from gateway.messages import Composer, Epoch, Position, whole
from gateway.model import ByDirection, Detailed, Draft, Identity, Passage, ReadPoint, Source, Transition

SSCC = Identity("urn:epc:id:sscc:952012.03456789123", "sscc", "instance", "https://id.gs1.org/00/095201234567891235")
DOCK = ReadPoint(
    "dock-1",
    "urn:epc:id:sgln:9521141.12345.dock1",
    "portal",
    location=ByDirection("urn:epc:id:sgln:9521141.12345.0", "urn:epc:id:sgln:9521141.99999.0"),
    biz_step=ByDirection("receiving", "shipping"),
    disposition=ByDirection("in_progress", "in_transit"),
)
AISLE_A = ReadPoint("aisle-a", "urn:epc:id:sgln:9521141.12345.aislea", "zone")
AISLE_B = ReadPoint(
    "aisle-b", "urn:epc:id:sgln:9521141.12345.aisleb", "zone", location=ByDirection("urn:x:b", "urn:x:b")
)
GATE = ReadPoint("gate", "urn:epc:id:sgln:9521141.12345.gate", "portal")
BELT = ReadPoint("belt-1", "urn:epc:id:sgln:9521141.12345.belt1", "checkpoint")
POINTS = {point.name: point for point in (DOCK, AISLE_A, AISLE_B, GATE, BELT)}

# 2026-11-21T17:42:03.950Z, counted by hand from 1763683200 = 2025-11-21T00:00:00Z.
DECIDED = 1763683200 + 365 * 86400 + 17 * 3600 + 42 * 60 + 3.950


def composer(**options: Any) -> Composer:
    return Composer(Gateway("gw-07", "dc1", "Europe/Madrid", **options), "rfid", POINTS)


def event(draft: Draft) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(whole(draft))
    return found


def transition(**fields: Any) -> Transition:
    given: dict[str, Any] = {
        "kind": "arrived",
        "object": SSCC,
        "read_point": "aisle-a",
        "time": DECIDED - 1,
        "decided": DECIDED,
        "first_seen": DECIDED - 2,
        "last_seen": DECIDED - 1,
    }
    return Transition(**{**given, **fields})


@pytest.fixture(scope="session")
def epcis_schema(material: Path) -> Draft7Validator:
    schema = json.loads((material / "epcis" / "EPCIS-JSON-Schema.json").read_text())
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


@pytest.fixture(scope="session")
def cloudevents_schema(material: Path) -> Draft7Validator:
    schema = json.loads((material / "cloudevents" / "cloudevents.json").read_text())
    return Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER)


def test_the_contract_s_example() -> None:
    draft = composer().epcis(
        transition(
            kind="passed",
            read_point="dock-1",
            time=DECIDED - 0.732,
            first_seen=DECIDED - 2.948,
            last_seen=DECIDED - 0.732,
            reads=37,
            sources=(Source("dock-reader", 1, 21, -48.5), Source("dock-reader", 2, 16, -51.0)),
            direction="in",
            passage=Passage("0192f7c1-6b2e-7c3a-9d11-aaaaaaaaaaaa", 61, 7),
        )
    )
    uuid = f"urn:uuid:{text(draft.id)}"
    assert (draft.channel, draft.name) == ("epcis", "dock-1")
    assert event(draft) == {
        "specversion": "1.0",
        "id": uuid,
        "source": "urn:readpoint:dc1:gw-07.rfid",
        "type": "readpoint.epcis.v1",
        "subject": "urn:epc:id:sscc:952012.03456789123",
        "time": "2026-11-21T17:42:03.950Z",
        "datacontenttype": "application/json",
        "data": {
            "@context": [
                "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
                {
                    "readpoint": "urn:readpoint:v1:",
                    "readpoint:observation": {"@id": "urn:readpoint:v1:observation", "@type": "@json"},
                },
            ],
            "type": "ObjectEvent",
            "eventID": uuid,
            "action": "OBSERVE",
            "eventTime": "2026-11-21T17:42:03.218Z",
            "recordTime": "2026-11-21T17:42:03.950Z",
            "eventTimeZoneOffset": "+01:00",
            "epcList": ["urn:epc:id:sscc:952012.03456789123"],
            "bizStep": "receiving",
            "disposition": "in_progress",
            "readPoint": {"id": "urn:epc:id:sgln:9521141.12345.dock1"},
            "bizLocation": {"id": "urn:epc:id:sgln:9521141.12345.0"},
            "readpoint:observation": {
                "transition": "passed",
                "direction": "in",
                "decidedAt": "2026-11-21T17:42:03.950Z",
                "digitalLink": "https://id.gs1.org/00/095201234567891235",
                "passage": {"id": "0192f7c1-6b2e-7c3a-9d11-aaaaaaaaaaaa", "count": 61, "index": 7},
                "firstSeen": "2026-11-21T17:42:01.002Z",
                "lastSeen": "2026-11-21T17:42:03.218Z",
                "reads": 37,
                "sources": [
                    {"device": "dock-reader", "antenna": 1, "reads": 21, "peakRssi": -48.5},
                    {"device": "dock-reader", "antenna": 2, "reads": 16, "peakRssi": -51.0},
                ],
            },
        },
    }


@pytest.mark.parametrize(
    ("fields", "step", "disposition", "location"),
    [
        ({"kind": "arrived", "read_point": "aisle-a"}, None, None, AISLE_A.uri),
        ({"kind": "arrived", "read_point": "aisle-b"}, None, None, "urn:x:b"),
        ({"kind": "moved", "read_point": "aisle-a", "origin": "aisle-b"}, None, None, AISLE_A.uri),
        ({"kind": "departed", "read_point": "aisle-a", "reason": "timeout"}, None, None, None),
        ({"kind": "departed", "read_point": "aisle-b", "reason": "timeout"}, None, None, None),
        ({"kind": "passed", "read_point": "gate", "direction": "in"}, "arriving", None, None),
        ({"kind": "passed", "read_point": "gate", "direction": "out"}, "departing", None, None),
        ({"kind": "passed", "read_point": "gate", "direction": "unknown"}, None, None, None),
        (
            {"kind": "passed", "read_point": "dock-1", "direction": "out"},
            "shipping",
            "in_transit",
            "urn:epc:id:sgln:9521141.99999.0",
        ),
        ({"kind": "passed", "read_point": "dock-1", "direction": "unknown"}, None, None, None),
        ({"kind": "observed", "read_point": "belt-1"}, None, None, None),
    ],
)
def test_the_mapping_table(
    fields: dict[str, Any], step: str | None, disposition: str | None, location: str | None
) -> None:
    data = event(composer().epcis(transition(**fields)))["data"]
    assert data.get("bizStep") == step
    assert data.get("disposition") == disposition
    assert data.get("bizLocation", {}).get("id") == location
    assert data["readPoint"]["id"] == POINTS[fields["read_point"]].uri


def test_what_only_some_transitions_say() -> None:
    said = composer()
    moved = event(said.epcis(transition(kind="moved", origin="aisle-b")))["data"]["readpoint:observation"]
    assert moved["from"] == AISLE_B.uri
    gone = event(said.epcis(transition(kind="departed", reason="unobserved", unobserved=(DECIDED - 60, DECIDED - 30))))[
        "data"
    ]["readpoint:observation"]
    assert gone["reason"] == "unobserved"
    assert gone["unobserved"] == {"from": "2026-11-21T17:41:03.950Z", "to": "2026-11-21T17:41:33.950Z"}
    assert "resync" not in gone
    back = event(said.epcis(transition(resync=True)))["data"]["readpoint:observation"]
    assert back["resync"] is True
    late = event(said.epcis(transition(kind="passed", passage=Passage("p", 2, 2, late=True))))["data"]
    assert late["readpoint:observation"]["passage"] == {"id": "p", "count": 2, "index": 2, "late": True}


def test_identifiers_as_digital_links_only_where_there_is_one() -> None:
    said = composer(identifiers="digital_link")
    assert event(said.epcis(transition()))["data"]["epcList"] == ["https://id.gs1.org/00/095201234567891235"]
    raw = Identity("urn:epc:raw:96.xE28000000000000000000000", "raw", "instance")
    told = event(said.epcis(transition(object=raw)))
    assert told["data"]["epcList"] == [raw.uri]
    assert "digitalLink" not in told["data"]["readpoint:observation"]


def test_a_class_of_objects_is_a_quantity() -> None:
    gtin = Identity("https://id.gs1.org/01/09521141123454", "gtin", "class", "https://id.gs1.org/01/09521141123454")
    data = event(composer().epcis(transition(kind="observed", read_point="belt-1", object=gtin)))["data"]
    assert data["quantityList"] == [{"epcClass": gtin.uri, "quantity": 1}]
    assert "epcList" not in data


@pytest.mark.parametrize(
    ("quantity", "uom", "count", "expected"),
    [
        (1.0, None, 1, {"quantity": 1}),
        (24.0, None, 3, {"quantity": 72}),
        (0.1, "KGM", 3, {"quantity": 0.3, "uom": "KGM"}),
        (12.75, "KGM", 1, {"quantity": 12.75, "uom": "KGM"}),
    ],
)
def test_a_quantity_is_that_of_one_scan_times_the_scans(
    epcis_schema: Draft7Validator, quantity: float, uom: str | None, count: int, expected: dict[str, Any]
) -> None:
    uri = "https://id.gs1.org/01/09521141123454/10/A1"
    lot = Detailed(uri, "gtin", "class", uri, quantity=quantity, uom=uom)
    data = event(composer().epcis(transition(kind="observed", read_point="belt-1", object=lot, count=count)))["data"]
    epcis_schema.validate(data)
    assert data["quantityList"] == [{"epcClass": uri, **expected}]


def test_details_of_a_scan_and_what_was_read_are_in_the_observation(epcis_schema: Draft7Validator) -> None:
    scan = '{"aim":"]C1","lot":"A1","raw":"XUMx"}'
    read = Detailed(SSCC.uri, "sscc", "instance", SSCC.digital_link, raw='urn:epc:raw:96."x"', scan=scan)
    data = event(composer().epcis(transition(object=read)))["data"]
    epcis_schema.validate(data)
    assert data["readpoint:observation"]["scan"] == {"aim": "]C1", "lot": "A1", "raw": "XUMx"}
    assert data["readpoint:observation"]["raw"] == 'urn:epc:raw:96."x"'


def test_the_offset_is_that_of_the_event_not_of_the_decision() -> None:
    # Madrid left summer time on 2026-10-25 at 01:00 UTC.
    autumn = DECIDED - 27 * 86400 - 17 * 3600 - 42 * 60 - 3.950 + 3600
    said = composer()
    assert event(said.epcis(transition(time=autumn - 1)))["data"]["eventTimeZoneOffset"] == "+02:00"
    assert event(said.epcis(transition(time=autumn)))["data"]["eventTimeZoneOffset"] == "+01:00"


def test_a_read_point_that_left_the_configuration_is_still_named() -> None:
    said = composer()
    said.replace({"gate": GATE})
    departed = transition(kind="departed", reason="configuration")
    assert event(said.epcis(departed))["data"]["readPoint"]["id"] == AISLE_A.uri
    fresh = Composer(Gateway("gw-07", "dc1"), "rfid", {})
    assert event(fresh.epcis(departed))["data"]["readPoint"]["id"] == "urn:readpoint:dc1:gw-07.rfid:aisle-a"


seconds = st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 4e9)
uris = st.sampled_from(
    ["urn:epc:id:sgtin:0614141.812345.6789", "https://id.gs1.org/01/1/21/a%2Fb?17=220630", "urn:x:y"]
)
identities = st.builds(
    Identity,
    uri=uris,
    scheme=st.just("sgtin"),
    kind=st.sampled_from(["instance", "class", "code"]),
    digital_link=st.none() | uris,
    filter=st.none() | st.integers(0, 7),
)
details = st.builds(
    Detailed,
    uri=uris,
    scheme=st.just("gtin"),
    kind=st.sampled_from(["instance", "class", "code"]),
    digital_link=st.none() | uris,
    raw=st.none() | st.text(),
    scan=st.none() | st.dictionaries(st.text(), st.text()).map(json.dumps),
    quantity=st.floats(0, 99_999_999),
    uom=st.none() | st.just("KGM"),
)
sources = st.builds(
    Source,
    device=st.text(),
    antenna=st.none() | st.integers(0, 65535) | st.text(),
    reads=st.integers(0, 10**9),
    peak_rssi=st.none() | st.floats(),
)
transitions = st.builds(
    Transition,
    kind=st.sampled_from(["arrived", "moved", "departed", "passed", "observed"]),
    object=identities | details,
    read_point=st.sampled_from([*POINTS, "gone", "with space"]),
    time=seconds,
    decided=seconds,
    first_seen=seconds,
    last_seen=seconds,
    reads=st.integers(0, 10**9),
    sources=st.lists(sources, max_size=4).map(tuple),
    origin=st.none() | st.sampled_from([*POINTS, "gone"]),
    direction=st.none() | st.sampled_from(["in", "out", "unknown"]),
    reason=st.none() | st.sampled_from(["timeout", "unobserved", "configuration", "expired"]),
    unobserved=st.none() | st.tuples(seconds, seconds),
    resync=st.booleans(),
    passage=st.none()
    | st.builds(Passage, id=st.text(), count=st.integers(1), index=st.integers(1), late=st.booleans()),
    count=st.integers(1, 10**6),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(transitions, st.sampled_from(["epc_urn", "digital_link"]), st.sampled_from(["UTC", "Asia/Kathmandu"]))
def test_any_transition_gives_a_valid_message(
    epcis_schema: Draft7Validator, cloudevents_schema: Draft7Validator, told: Transition, identifiers: Any, zone: str
) -> None:
    said = Composer(Gateway("gw-07", "dc1", zone, identifiers), "rfid", POINTS)
    message = event(said.epcis(told))
    cloudevents_schema.validate(message)
    epcis_schema.validate(message["data"])
    assert message["id"] == message["data"]["eventID"]


def test_json_ld_expansion_keeps_the_observation() -> None:
    # Of GS1's context only what this event uses; its terms are checked by GS1, the literal is ours to check.
    context = {
        "@version": 1.1,
        "@protected": True,
        "epcis": "https://ref.gs1.org/epcis/",
        "type": "@type",
        "id": "@id",
        "ObjectEvent": "epcis:ObjectEvent",
        "eventID": "@id",
        "action": "epcis:action",
        "eventTime": "epcis:eventTime",
        "recordTime": "epcis:recordTime",
        "eventTimeZoneOffset": "epcis:eventTimeZoneOffset",
        "epcList": {"@id": "epcis:epcList", "@type": "@id", "@container": "@set"},
        "readPoint": {"@id": "epcis:readPoint", "@type": "@id"},
        "bizLocation": {"@id": "epcis:bizLocation", "@type": "@id"},
    }

    def load(url: str, _options: object) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": {"@context": context}, "contentType": "a/b"}

    data = event(composer().epcis(transition(sources=(Source("r", 1, 2, -50.25),))))["data"]
    (expanded,) = jsonld.expand(data, {"documentLoader": load})
    (literal,) = expanded["urn:readpoint:v1:observation"]
    assert literal == {"@type": "@json", "@value": data["readpoint:observation"]}
    assert expanded["@id"] == data["eventID"]
    assert len(expanded) == len(data) - 1


def test_messages_beside_events(cloudevents_schema: Draft7Validator) -> None:
    said = composer()
    health = said.health(
        "dock-reader", "degraded", 'antenna 2 "open"', since=DECIDED, time=DECIDED, last_read=DECIDED,
        antennas=[(1, "online"), ("hci0", "offline")],
    )  # fmt: skip
    loss = said.loss("rfid-3f2a5b6c", 17, 10101, 10104, count=4, reason="full", time=DECIDED)
    state = said.state(
        "online", stream="rfid-3f2a5b6c", epochs=[Epoch(17, 10233, 12)], version="0.1.0", configuration="ab12",
        since=DECIDED, time=DECIDED,
    )  # fmt: skip
    for message in (whole(health), whole(loss), state):
        cloudevents_schema.validate(json.loads(message))
    assert (health.channel, health.name, loss.channel, loss.name) == ("health", "dock-reader", "loss", None)
    assert event(health)["data"] == {
        "device": "dock-reader",
        "state": "degraded",
        "cause": 'antenna 2 "open"',
        "since": "2026-11-21T17:42:03.950Z",
        "lastRead": "2026-11-21T17:42:03.950Z",
        "antennas": [{"antenna": 1, "state": "online"}, {"antenna": "hci0", "state": "offline"}],
    }
    assert event(loss)["data"] == {
        "stream": "rfid-3f2a5b6c",
        "epoch": 17,
        "from": 10101,
        "to": 10104,
        "count": 4,
        "reason": "full",
        "time": "2026-11-21T17:42:03.950Z",
    }
    assert json.loads(state)["data"] == {
        "state": "online",
        "stream": "rfid-3f2a5b6c",
        "epochs": [{"epoch": 17, "last": 10233, "pending": 12}],
        "previousStream": None,
        "version": "0.1.0",
        "configuration": "ab12",
        "since": "2026-11-21T17:42:03.950Z",
    }


def test_what_a_device_says_of_itself_stays_short_and_text() -> None:
    health = composer().health("r", "offline", "\ud800" + "\u20ac" * 100_000, since=DECIDED, time=DECIDED)
    assert len(health.body) < 10_000
    assert event(health)["data"]["cause"].startswith("?\u20ac")


@pytest.mark.parametrize("count", [0, 1, 5_000])
def test_snapshot_pages_hold_every_id_once_in_at_most_100_kb(cloudevents_schema: Draft7Validator, count: int) -> None:
    ids = [f"urn:epc:id:sscc:952012.{number:011d}" for number in reversed(range(count))]
    at = Position("rfid-3f2a5b6c", 17, 10233)
    pages = composer().snapshot("aisle-a", ids, as_of=at, observing=True, since=DECIDED, time=DECIDED)
    assert all(len(page) <= 100_000 for page in pages)
    events = [json.loads(page) for page in pages]
    for each in events:
        cloudevents_schema.validate(each)
    data = [each["data"] for each in events]
    assert [identifier for page in data for identifier in page["ids"]] == sorted(ids)
    assert [page["page"] for page in data] == list(range(1, len(data) + 1))
    assert {page["pages"] for page in data} == {len(data)}
    assert len({page["snapshot"] for page in data}) == 1
    assert data[0]["count"] == count
    assert data[0]["readPoint"] == AISLE_A.uri
    assert data[0]["digest"] == hashlib.sha256("".join(f"{each}\n" for each in sorted(ids)).encode()).hexdigest()
    assert data[0]["asOf"] == {"stream": "rfid-3f2a5b6c", "epoch": 17, "sequence": "10233"}
