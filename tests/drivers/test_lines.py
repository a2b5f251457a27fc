"""Recordings: the contract's lines, and what is said of lines that are none."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Read, Signal, Status
from drivers.lines import Recorded, RecordingError, format_line, parse_line

# The examples of the contract, and what they say.
EXAMPLES = [
    (
        (
            '{"time": 1790000000.125, "device": "dock-reader", "antenna": 1, "epc": "3034257bf7194e4000000001", '
            '"rssi": -61.5, "phase": 92.1, "doppler": -12.0}'
        ),
        "dock-reader",
        Read(
            "epc",
            bytes.fromhex("3034257bf7194e4000000001"),
            1790000000.125,
            1,
            -61.5,
            92.1,
            -12.0,
            received=1790000000.125,
        ),
    ),
    (
        (
            '{"time": 1790000000.2, "device": "beacons", '
            '"id": "urn:readpoint:ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2", "rssi": -71}'
        ),
        "beacons",
        Read(
            "beacon",
            b"urn:readpoint:ibeacon:e2c56db5-dffb-48d2-b060-d0f5a71096e0:1:2",
            1790000000.2,
            rssi=-71.0,
            received=1790000000.2,
        ),
    ),
    (
        '{"time": 1790000000.9, "device": "belt-scanner", "code": "]C10109521141123454211A1"}',
        "belt-scanner",
        Read("code", b"]C10109521141123454211A1", 1790000000.9, received=1790000000.9),
    ),
    (
        '{"time": 1790000001.3, "device": "dock-plc", "signal": "beam", "value": true}',
        "dock-plc",
        Signal("beam", True, 1790000001.3),
    ),
    (
        '{"time": 1790000009, "device": "dock-reader", "antenna": 2, "state": "offline"}',
        "dock-reader",
        Status(2, "offline", "", 1790000009.0),
    ),
    (
        '{"time": 1790000012, "device": "dock-reader", "state": "offline"}',
        "dock-reader",
        Status(None, "offline", "", 1790000012.0),
    ),
]


@pytest.mark.parametrize(("line", "device", "observation"), EXAMPLES)
def test_the_contracts_lines(line, device, observation):
    assert parse_line(line) == Recorded(device, observation, observation.time)
    assert parse_line(line.encode() + b"\n") == Recorded(device, observation, observation.time)


@pytest.mark.parametrize(("line", "device", "observation"), EXAMPLES)
def test_what_is_written_is_read_back(line, device, observation):
    written = format_line(device, observation, observation.time)
    assert parse_line(written) == Recorded(device, observation, observation.time)
    assert json.loads(written) == json.loads(line)


def test_times_in_rfc_3339_and_when_it_was_received():
    line = '{"time": "2026-11-21T18:42:03.250+01:00", "received": "2026-11-21T17:42:04Z", "device": "d", "epc": "AB01"}'
    read = parse_line(line)
    assert read.observation.time == datetime(2026, 11, 21, 17, 42, 3, 250_000, UTC).timestamp()
    assert read.received == read.observation.received == datetime(2026, 11, 21, 17, 42, 4, tzinfo=UTC).timestamp()
    assert read.observation.value == b"\xab\x01"


def test_all_that_a_read_may_hold():
    read = Read(
        "epc", b"\x30\x14", 100.25, "hci0", -40.5, 12.0, 3.0, received=101.0, count=7, channel=3, pc=0x3000, tid=b"\xe2"
    )
    assert parse_line(format_line("d", read, 101.0)) == Recorded("d", read, 101.0)


def test_unknown_fields_are_passed_over():
    assert parse_line('{"time": 1, "device": "d", "signal": "s", "value": 2, "later": [1]}').observation.value == 2


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "no line of a recording"),
        ("{", "no line of a recording"),
        ("[]", "object"),
        ('{"device": "d", "epc": "00"}', "time"),
        ('{"time": 1, "epc": "00"}', "device"),
        ('{"time": 1, "device": "d"}', "needs one of epc, id, code, signal, state"),
        ('{"time": 1, "device": "d", "epc": "0"}', "epc '0' is no hex"),
        ('{"time": 1, "device": "d", "epc": "00", "tid": "x"}', "tid 'x' is no hex"),
        ('{"time": "noon", "device": "d", "epc": "00"}', "'noon' is no RFC 3339 time"),
        ('{"time": "2026-11-21T17:42:03", "device": "d", "epc": "00"}', "has no offset"),
        ('{"time": 1e400, "device": "d", "epc": "00"}', "no"),
        ('{"time": 1, "device": "d", "signal": "s"}', "has no value"),
        ('{"time": 1, "device": "d", "state": "asleep"}', "asleep"),
        ('{"time": 1, "device": "d", "epc": "00", "rssi": "loud"}', "rssi"),
    ],
)
def test_a_line_that_is_none_says_what_is_wrong(line, says):
    with pytest.raises(RecordingError, match=re.escape(says)):
        parse_line(line)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda text: '{"time": 1, "device": "d", ' + text)))
def test_any_line_is_a_value_or_a_recording_error(line):
    with suppress(RecordingError):
        assert isinstance(parse_line(line), Recorded)


@given(st.binary(max_size=40))
def test_any_code_survives(value):
    read = Read("code", value, 1.0, received=1.0)
    assert parse_line(format_line("d", read)).observation == read


@given(st.floats(0, 4e9), st.floats(0, 4e9))
def test_times_survive_to_the_last_digit(time, received):
    read = Read("code", b"1", time, received=received)
    assert parse_line(format_line("d", read, received)) == Recorded("d", read, received)
