"""Topics as the contract writes them."""

from __future__ import annotations

import pytest

from gateway.topics import ack_topic, deliveries, request_topic, topic


def test_the_contract_s_topics() -> None:
    assert topic("dc1", "rfid", "gw-07", "epcis", "dock-1") == "readpoint/v1/dc1/rfid/gw-07.rfid/epcis/dock-1"
    assert topic("dc1", "rfid", "gw-07", "loss") == "readpoint/v1/dc1/rfid/gw-07.rfid/loss"
    assert topic("dc1", "rfid", "gw-07", "state") == "readpoint/v1/dc1/rfid/gw-07.rfid/state"
    assert ack_topic("dc1", "rfid", "gw-07") == "readpoint/v1/dc1/rfid/gw-07.rfid/ack"
    assert request_topic("dc1", "rfid", "gw-07") == "readpoint/v1/dc1/rfid/gw-07.rfid/request"


def test_a_broker_may_make_two_levels_of_the_identity() -> None:
    """RabbitMQ, MQTT plugin, section "Topic Levels and Wildcards"."""
    heard = deliveries(ack_topic("dc1", "rfid", "gw-07"))
    assert heard == {"readpoint/v1/dc1/rfid/gw-07.rfid/ack", "readpoint/v1/dc1/rfid/gw-07/rfid/ack"}


def test_no_topic_has_more_slashes_than_aws_allows() -> None:
    assert topic("dc1", "rfid", "gw-07", "health", "dock-reader").count("/") <= 7


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "a\0"])
def test_a_name_cannot_leave_its_level(name: str) -> None:
    with pytest.raises(ValueError, match="level of an MQTT topic"):
        topic("dc1", "rfid", "gw-07", "epcis", name)
    with pytest.raises(ValueError, match="level of an MQTT topic"):
        ack_topic("dc1", name, "gw-07")
