"""What is posted, as observations: our lines, Impinj's events, Zebra's, each as its maker documents them."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.http import body
from drivers.http.observing import Desk, Observed, observe
from drivers.http.refusal import Refusal
from drivers.observations import Read, Signal, Status

NOW = datetime(2026, 11, 21, 17, 42, 10, tzinfo=UTC).timestamp()
AT = datetime(2026, 11, 21, 17, 42, 3, 250_000, tzinfo=UTC).timestamp()
ALONE = Desk(None, {1, "gate"})
SOME = Desk("r700", {"r700/1", "r700", "gun-2", 1})


def taken(data: bytes, media_type: str = "application/json", desk: Desk = ALONE, **said: Any) -> Observed:
    return observe(body.parse(data, media_type).lines, desk, NOW, **said)


def refused(data: bytes, media_type: str = "application/json") -> Refusal:
    with pytest.raises(Refusal) as error:
        taken(data, media_type)
    return error.value


LINES = b"""\
{"time": "2026-11-21T17:42:03.25Z", "device": "x", "antenna": 1, "epc": "3034257bf7194e4000000001", "rssi": -61.5}

{"time": "2026-11-21T18:42:03.25+01:00", "id": "urn:readpoint:ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2"}
{"code": "]C10109521141123454211A1"}\r
{"time": "2026-11-21T17:42:03.25Z", "signal": "beam", "value": true}
{"time": "2026-11-21T17:42:03.25Z", "antenna": "gate", "state": "offline"}
"""
SEEN = [
    Read("epc", bytes.fromhex("3034257bf7194e4000000001"), AT, 1, -61.5, received=NOW),
    Read("beacon", b"urn:readpoint:ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2", AT, received=NOW),
    Read("code", b"]C10109521141123454211A1", NOW, received=NOW),
    Signal("beam", value=True, time=AT),
    Status("gate", "offline", "", AT),
]


@pytest.mark.parametrize("media_type", body.LINES)
def test_json_lines(media_type: str) -> None:
    assert taken(LINES, media_type).observations == SEEN


@pytest.mark.parametrize("desk", [ALONE, SOME])
def test_the_state_of_an_antenna_that_nobody_placed_is_not_that_of_the_others(desk: Desk) -> None:
    line = b'{"antenna": 7, "state": "offline"}\n'
    assert taken(line, "text/plain", desk).observations == []
    assert taken(line + b'{"state": "offline"}', "text/plain", desk).observations == [
        Status(desk.source, "offline", "", NOW)
    ]


def test_a_json_array_an_object_and_a_batch_say_the_same() -> None:
    lines = [json.loads(line) for line in LINES.splitlines() if line]
    assert taken(json.dumps(lines).encode()).observations == SEEN
    assert taken(json.dumps(lines[0]).encode()).observations == SEEN[:1]
    assert taken(json.dumps({"batch": "b-1", "lines": lines}).encode()).observations == SEEN
    assert body.parse(json.dumps({"batch": "b-1", "lines": lines}).encode(), "application/json").batch == "b-1"


TAG = {
    "timestamp": "2026-11-21T17:42:04.000000000Z",
    "eventType": "tagInventory",
    "tagInventoryEvent": {
        "epc": "MDQle_cZTkAAAAAB",
        "pc": "MAA=",
        "tidHex": "E28011052000",
        "antennaPort": 1,
        "peakRssiCdbm": -6150,
        "frequency": 919250,
        "transmitPowerCdbm": 3000,
        "lastSeenTime": "2026-11-21T17:42:03.250000000Z",
        "phaseAngle": 92.1,
    },
}
"""An event as Impinj's IoT device interface documents it, nanoseconds and base64url and all."""


def test_impinj_tag_inventory() -> None:
    read = Read(
        "epc",
        bytes.fromhex("3034257bf7194e4000000001"),
        AT,
        "r700/1",
        -61.5,
        92.1,
        received=NOW,
        pc=0x3000,
        tid=bytes.fromhex("e28011052000"),
    )
    assert taken(json.dumps([TAG]).encode(), desk=SOME).observations == [read]
    hexadecimal = {"epcHex": "3034257BF7194E4000000001", "antennaPort": 4}
    [other] = taken(
        json.dumps({"eventType": "tagInventory", "tagInventoryEvent": hexadecimal}).encode(), desk=SOME
    ).observations
    assert other == Read("epc", read.value, NOW, "r700", received=NOW)  # antenna 4 has no place of its own


def test_impinjs_other_events_are_passed_over() -> None:
    event = {"timestamp": "2026-11-21T17:42:04Z", "eventType": "inventoryStatus", "inventoryStatusEvent": {}}
    found = body.parse(json.dumps([event, TAG]).encode(), "application/json")
    assert (len(found.lines), found.ignored) == (1, 1)


def test_zebra_iot_connector() -> None:
    event = {
        "data": {
            "CRC": "0b18",
            "PC": "3400",
            "antenna": 1,
            "channel": 866.3,
            "eventNum": 22,
            "format": "epc",
            "idHex": "3034257bf7194e4000000001",
            "peakRssi": -34,
            "phase": 148.0,
            "reads": 7,
        },
        "timestamp": "2026-11-21T18:42:03.250+0100",
        "type": "CUSTOM",
    }
    assert taken(json.dumps(event).encode()).observations == [
        Read("epc", bytes.fromhex("3034257bf7194e4000000001"), AT, 1, -34, 148.0, received=NOW, count=7, pc=0x3400)
    ]


@pytest.mark.parametrize("most", [0, 1])
def test_no_event_holds_more_reads_than_a_post(most: int) -> None:
    tags = [{"idHex": "30"}] * (body.MOST + most)
    data = json.dumps({"data": {"tagData": tags}}).encode()
    if most:
        assert refused(data).status == 413
    else:
        assert len(taken(data).observations) == body.MOST


def test_zebra_data_event_of_a_sled() -> None:
    event = {
        "type": "BALANCED_PERFORMANCE",
        "timestamp": "2026-11-21T17:42:03.25Z",
        "data": {
            "tagData": [
                {"EPCid": "BEDD11112222333344445555", "EPC": "x", "eventNum": 1, "peakRssi": -39, "seenCount": 14},
                {"EPCid": "BEDD11112222333344445556", "eventNum": 2},
            ],
            "barcodeData": [
                {"decodedBarcode": "9506000134352", "symbology": "EAN-13"},
                {"decodedBarcode": "A1", "symbology": "Han Xin"},
            ],
        },
    }
    assert taken(json.dumps(event).encode()).observations == [
        Read("epc", bytes.fromhex("BEDD11112222333344445555"), AT, rssi=-39, received=NOW, count=14),
        Read("epc", bytes.fromhex("BEDD11112222333344445556"), AT, received=NOW),
        Read("code", b"]E09506000134352", AT, received=NOW),
        Read("code", b"A1", AT, received=NOW),
    ]
    heartbeat = body.parse(b'{"type": "heartBeatEVT", "data": {"radio": "on"}}', "application/json")
    assert (heartbeat.lines, heartbeat.ignored) == ([], 1)


@pytest.mark.parametrize(
    ("data", "line", "says"),
    [
        (b'{"epc": "00"}\n{"epc": "0g"}', 2, "epc '0g' is no hex"),
        (b'{"epc": "00"}\n\n\n{"epc": "00", "rssi": "loud"}', 4, "rssi"),
        (b'{"epc": "00"}\n{"rssi": -1}', 2, "needs one of epc, id, code, signal, state"),
        (b'{"epc": "00"}\n[]', 2, "object"),
        (b"\xff\xfe", 1, ""),
        (b'{"epc": "\xff"}', 1, ""),
        (b'{"epc": ""}', 1, "epc is empty"),
        (b'{"code": "' + b"1" * 7090 + b'"}', 1, "none has more than 7089"),
        (b'{"epc": "00", "count": 0}', 1, "count"),
        (b'{"epc": "00", "count": ' + b"9" * 400 + b"}", 1, "count"),
        (b'{"epc": "00", "pc": 70000}', 1, "pc"),
        (b'{"epc": "00", "time": "2026-11-21T17:42:03"}', 1, "offset"),
        (b'{"eventType": "tagInventory", "tagInventoryEvent": {}}', 1, "epcHex"),
        (b'{"tagInventoryEvent": {"epc": "\xc3\xa4"}}', 1, "base64"),
        (b'{"data": {"idHex": "00", "PC": "3"}, "timestamp": "noon"}', 1, "noon"),
        (b'{"data": {"tagData": [{}]}}', 1, "idHex"),
        (b'{"data": {"idHex": "00", "PC": "xyz"}}', 1, "PC"),
    ],
)
def test_a_line_that_is_none_is_named(data: bytes, line: int, says: str) -> None:
    refusal = refused(data, "application/x-ndjson")
    assert (refusal.status, refusal.line) == (400, line)
    assert says in refusal.detail


def test_a_place_in_an_array_is_named() -> None:
    assert refused(b'[{"epc": "00"}, {"epc": "x"}]').line == 2


def test_lines_that_claim_to_be_one_object_are_told_what_they_are() -> None:
    assert "application/x-ndjson" in refused(b'{"epc": "00"}\n{"epc": "01"}').detail


def test_other_media_types() -> None:
    assert refused(b"{}", "application/x-www-form-urlencoded").status == 415
    assert refused(b"{}", "").status == 415


def test_too_deep_is_no_line() -> None:
    assert refused(b'{"x": ' + b"[" * 100_000).status == 400


def test_nobody_speaks_for_another() -> None:
    other = b'{"antenna": "gun-2", "epc": "00"}\n{"antenna": 1, "epc": "00"}\n{"signal": "beam", "value": 1}'
    epcs = taken(other, "text/plain", SOME).observations
    assert [one.antenna for one in epcs[:2] if isinstance(one, Read)] == ["r700", "r700/1"]
    assert epcs[2] == Signal("r700/beam", 1, NOW)


def lines_at(*times: float) -> bytes:
    return "\n".join(f'{{"epc": "00", "time": {time!r}}}' for time in times).encode()


@pytest.mark.parametrize(
    ("times", "sent", "right", "error"),
    [
        ((NOW - 5, NOW - 1), None, (NOW - 5, NOW - 1), 0),  # right
        ((NOW - 3600 * 71,), None, (NOW - 3600 * 71,), 0),  # late: kept by the handheld for three days
        ((NOW + 7, NOW + 10), None, (NOW - 3, NOW), -10),  # ahead
        ((0, 12.5, 30.0), None, (NOW - 30, NOW - 17.5, NOW), NOW - 30),  # since boot: 1970
        ((NOW - 3605, NOW - 3601), NOW - 3600, (NOW - 5, NOW - 1), 3600),  # an hour behind, and its Date says so
        ((NOW - 65, NOW - 61), NOW + 3600, (NOW - 3665, NOW - 3661), -3600),  # an hour ahead, posted an hour late
        ((NOW - 5,), NOW - 1.5, (NOW - 5,), 0),  # as right as a Date can be
        ((1e300, -1e300), None, (NOW, NOW), NOW - 1e300),  # nonsense
        ((NOW - 3600 * 100, NOW), None, (NOW, NOW), 0),  # one stamp that cannot be
    ],
)
def test_wrong_clocks(times: tuple[float, ...], sent: float | None, right: tuple[float, ...], error: float) -> None:
    seen = taken(lines_at(*times), "text/plain", sent=sent, max_age=3600.0 * 72)
    assert tuple(one.time for one in seen.observations) == pytest.approx(right)
    assert seen.error == pytest.approx(error)


MEMBERS = [
    *("time", "epc", "code", "id", "antenna", "count", "pc", "tid", "signal", "value", "state", "lines", "batch"),
    *("data", "tagData", "idHex", "PC", "reads", "barcodeData", "decodedBarcode", "timestamp"),
    *("eventType", "tagInventoryEvent", "epcHex"),
]
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("3034")
JSON = st.recursive(
    VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=5),
    max_leaves=12,
)
BODIES = st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode())


@given(BODIES, st.sampled_from(["text/plain", *body.JSON]))
def test_any_body_is_observations_or_a_refusal(data: bytes, media_type: str) -> None:
    with suppress(Refusal):
        for one in taken(data, media_type).observations:
            assert NOW - 72 * 3600 <= one.time <= NOW
