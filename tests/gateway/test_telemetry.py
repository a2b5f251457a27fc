"""What devices measure, as messages: the contract's example, the 100 kB, and values that JSON cannot say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from drivers.contract import Measurement
from gateway.config.site import Gateway
from gateway.messages import MAX_PAYLOAD, Composer, whole
from gateway.model import Draft

# 2026-11-21T17:42:03.950Z, counted by hand from 1763683200 = 2025-11-21T00:00:00Z.
NOW = 1763683200 + 365 * 86400 + 17 * 3600 + 42 * 60 + 3.950


def told(*measurements: Measurement, now: float = NOW) -> list[Draft]:
    return Composer(Gateway("gw-07", "dc1"), "rfid", {}).telemetry("meter-1", now, measurements)


def strict(draft: Draft) -> Any:
    """As a consumer without Python's extensions to JSON reads it."""

    def refused(word: str) -> None:
        raise AssertionError(f"{word} is no JSON")

    return json.loads(whole(draft), parse_constant=refused)


def good(value: Any, time: float = NOW, **more: Any) -> Measurement:
    return Measurement("voltage_l1", value, "VLT", "good", time, **more)


def test_the_contract_s_example() -> None:
    (draft,) = told(good(230.1), Measurement("motor_temp", None, "CEL", "bad", NOW, reason="modbus exception 2"))
    event = strict(draft)
    assert (draft.channel, draft.name) == ("telemetry", "meter-1")
    assert (event["type"], event["subject"]) == ("readpoint.telemetry.v1", "meter-1")
    assert event["data"] == {
        "device": "meter-1",
        "time": "2026-11-21T17:42:03.950Z",
        "points": [
            {"name": "voltage_l1", "value": 230.1, "uom": "VLT", "quality": "good"},
            {"name": "motor_temp", "value": None, "uom": "CEL", "quality": "bad", "reason": "modbus exception 2"},
        ],
    }


def test_it_is_a_cloud_event(material: Path) -> None:
    schema = json.loads((material / "cloudevents" / "cloudevents.json").read_text())
    (draft,) = told(good(230.1))
    Draft7Validator(schema, format_checker=Draft7Validator.FORMAT_CHECKER).validate(strict(draft))


def test_a_point_of_another_time_says_its_own() -> None:
    (draft,) = told(good(1.0, NOW - 2), good(2.0, NOW - 1), good(3.0, NOW - 1.0001), now=NOW)
    data = strict(draft)["data"]
    assert data["time"] == "2026-11-21T17:42:02.950Z"
    assert [point.get("time") for point in data["points"]] == ["2026-11-21T17:42:01.950Z", None, None]


@pytest.mark.parametrize("time", [NOW + 3600, float("nan"), float("inf"), -1.0])
def test_a_stamp_that_is_none_is_taken_as_now(time: float) -> None:
    (draft,) = told(good(1.0, time))
    assert strict(draft)["data"]["time"] == "2026-11-21T17:42:03.950Z"


@pytest.mark.parametrize("value", [True, False, 0, -7, 2**53, 1e300, "running", None])
def test_values_come_as_they_are(value: Any) -> None:
    (point,) = strict(told(good(value))[0])["data"]["points"]
    assert (point["value"], type(point["value"]), point["quality"]) == (value, type(value), "good")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1 << 2000, b"bytes", 1j])
def test_what_json_cannot_say_is_bad(value: Any) -> None:
    (point,) = strict(told(good(value))[0])["data"]["points"]
    assert (point["value"], point["quality"]) == (None, "bad")
    assert "JSON" in point["reason"]


def test_an_alarm_is_said_in_epcis_words() -> None:
    (point,) = strict(told(good(9.0, exception="ALARM_CONDITION"))[0])["data"]["points"]
    assert point["exception"] == "ALARM_CONDITION"


def test_a_large_batch_is_more_than_one_message() -> None:
    batch = [Measurement(f"point-{number}", float(number), "VLT", "good", NOW - number) for number in range(5000)]
    drafts = told(*batch)
    assert len(drafts) > 1
    assert all(len(whole(draft)) <= MAX_PAYLOAD - 200 for draft in drafts)
    names = [point["name"] for draft in drafts for point in strict(draft)["data"]["points"]]
    assert names == [one.point for one in batch]
    assert len({draft.id for draft in drafts}) == len(drafts)


@given(
    st.lists(
        st.builds(
            Measurement,
            st.text(max_size=30) | st.just("\U0001f600" * 2000),
            st.floats() | st.booleans() | st.text(st.characters(), max_size=30) | st.integers() | st.none(),
            st.none() | st.text(max_size=5),
            st.sampled_from(["good", "bad"]),
            st.floats(),
            st.none() | st.text(st.characters(), max_size=20) | st.just("\ud800" * 5000),
        ),
        max_size=40,
    )
)
def test_any_measurements_are_strict_json_within_the_limit(batch: list[Measurement]) -> None:
    drafts = told(*batch)
    assert sum(len(strict(draft)["data"]["points"]) for draft in drafts) == len(batch)
    assert all(len(whole(draft)) <= MAX_PAYLOAD - 200 for draft in drafts)
