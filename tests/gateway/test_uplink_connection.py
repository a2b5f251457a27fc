"""What paho keeps without bound is bounded."""

from __future__ import annotations

import pytest
from paho.mqtt import MQTTException
from paho.mqtt.enums import CallbackAPIVersion

from gateway.uplink.bounded import _MAX_UNSENT, BoundedClient


def test_answers_for_a_broker_that_does_not_read_are_not_kept_without_end() -> None:
    client = BoundedClient(CallbackAPIVersion.VERSION2, "gw-07.rfid")
    for number in range(_MAX_UNSENT + 1):
        client._send_puback(number % 65_535 + 1)
    with pytest.raises(MQTTException, match="does not read"):
        client._send_puback(1)
