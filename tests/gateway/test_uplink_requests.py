"""What the centre says is taken or ignored, whatever it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.uplink.requests import MAX_BYTES, Ack, Request, parse_ack, parse_request

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(st.binary(max_size=300) | _json.map(lambda value: json.dumps(value).encode()))
def test_anything_gives_a_value_or_none(payload: bytes) -> None:
    assert isinstance(parse_request(payload), Request | None)
    assert isinstance(parse_ack(payload), Ack | None)


def test_proper_ones() -> None:
    assert parse_request(b'{"snapshot": "aisle-a"}') == Request(snapshot="aisle-a")
    assert parse_request(b'{"state": true}') == Request(state=True)
    ack = parse_ack(b'{"stream": "rfid-3f2a5b6c", "epoch": 17, "upto": 10233, "missing": [[10101, 10104]]}')
    assert ack == Ack("rfid-3f2a5b6c", 17, 10233, [(10101, 10104)])


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b'{"state": false}', b'{"snapshot": "../x"}', b'{"snapshot": 1}', b'{"reboot": true}', b"[" * 8000],
)
def test_requests_for_nothing_we_do(payload: bytes) -> None:
    assert parse_request(payload) is None


@pytest.mark.parametrize(
    "payload",
    [
        b'{"stream": "s", "epoch": -1, "upto": 1}',
        b'{"stream": "s", "epoch": 1, "upto": 1e400}',
        b'{"stream": "s", "epoch": 1, "upto": 9, "missing": [[5, 4]]}',
        json.dumps({"stream": "s", "epoch": 1, "upto": 9, "missing": [[1, 2]] * 101}).encode(),
        b'{"stream": "s", "epoch": 1, "upto": 9' + b" " * MAX_BYTES + b"}",
    ],
)
def test_acks_beyond_the_contract(payload: bytes) -> None:
    assert parse_ack(payload) is None
