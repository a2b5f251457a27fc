"""An event in a line for a person: the words that count, and nothing a terminal would obey."""

from __future__ import annotations

import json

import pytest

from gateway.describe import describe, printable

ARRIVED = {
    "type": "readpoint.epcis.v1",
    "time": "2026-11-21T17:42:03.950Z",
    "subject": "urn:epc:id:sscc:952012.03456789123",
    "data": {
        "eventTime": "2026-11-21T17:42:03.218Z",
        "readPoint": {"id": "urn:epc:id:sgln:9521141.12345.dock1"},
        "readpoint:observation": {"transition": "passed", "direction": "in"},
    },
}
HEALTH = {
    "type": "readpoint.health.v1",
    "time": "2026-11-21T17:42:03.950Z",
    "data": {"device": "dock-reader", "state": "offline", "cause": "\x1b[2Jgone\r\n\x9b31m"},
}


def test_an_event_in_a_line() -> None:
    words = describe(json.dumps(ARRIVED).encode()).split()
    assert words == ["2026-11-21T17:42:03.218Z", "passed", "in", "dock1", "urn:epc:id:sscc:952012.03456789123"]


def test_a_cause_from_a_device_commands_no_terminal() -> None:
    line = describe(json.dumps(HEALTH).encode())
    assert line == r"2026-11-21T17:42:03.950Z  dock-reader  offline  \x1b[2Jgone\r\n\x9b31m"


def test_measured_points_in_a_line() -> None:
    points = [
        {"name": "voltage", "value": 230.1, "uom": "VLT", "quality": "good"},
        {"name": "door", "value": True, "uom": None, "quality": "good"},
        {"name": "shaking", "value": 7, "uom": "C16", "quality": "good", "exception": "ALARM_CONDITION"},
        {"name": "motor", "value": None, "uom": "CEL", "quality": "bad", "reason": "modbus exception 2"},
        *({"name": f"more-{number}", "value": number, "uom": None, "quality": "good"} for number in range(6)),
    ]
    event = {**HEALTH, "type": "readpoint.telemetry.v1", "data": {"device": "plc", "points": points}}
    line = describe(json.dumps(event).encode())
    assert line.startswith("2026-11-21T17:42:03.950Z  plc  voltage 230.1 VLT, door on, shaking 7.0 C16 ALARM_CONDITION")
    assert "motor bad: modbus exception 2" in line
    assert line.endswith("more-3 3.0, and 2 more")


@pytest.mark.parametrize("line", [b"", b"\xff\x00\x1b[0m", b"[]", b'{"type": 1}', b"{}"])
def test_what_is_no_event_is_shown_as_text(line: bytes) -> None:
    assert describe(line).isprintable()


def test_letters_of_all_languages_stay() -> None:
    assert printable("muelle n\u00ba 3 \u65e5\u672c") == "muelle n\u00ba 3 \u65e5\u672c"
