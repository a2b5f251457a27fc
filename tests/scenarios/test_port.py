"""config/port.yaml, lived: a yard crane whose twist-locks close and open inside its geofences, and outside of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulators.crane import Crane
from simulators.gps.lines import UdpLine
from simulators.gps.receiver import Behaviour, driving
from simulators.gps.route import Route
from simulators.modbus_plc.server import ModbusPlc
from tests.brokers import MOSQUITTO, Mosquitto, Subscriber, free_datagram_port, subscriber
from tests.scenarios.conftest import BOUND, Start

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

SAMPLE = Path(__file__).resolve().parents[2] / "config" / "port.yaml"
CRANE = "urn:epc:id:giai:9521141.crane3"
QUAY, LANE, STACK = (43.36200, -8.39100), (43.36107, -8.39100), (43.36092, -8.39100)


def site(broker: Mosquitto, plc: int, gps: int) -> str:
    """The sample, with the addresses of this machine."""
    begin, _, rest = SAMPLE.read_text().partition("      url: mqtts://")
    rest = rest[rest.index("    plain_devices") :]
    text = f'{begin}      url: "mqtt://{broker.host}:{broker.port}"\n{rest}'
    text = text.replace("site: terminal-2,", "site: terminal-2, state_dir: state, run_dir: run,")
    return text.replace("10.30.3.10:502", f"127.0.0.1:{plc}").replace("10.30.3.7:10110", f"127.0.0.1:{gps}")


def story(heard: Subscriber) -> list[tuple[str, str]]:
    """(transition, read point) of each location event, in the order of decision."""
    found = [event for event in heard.events if event["type"] == "readpoint.epcis.v1"]
    found.sort(key=lambda event: (event["epoch"], int(event["sequence"])))
    assert {event["subject"] for event in found} <= {CRANE}
    return [
        (event["data"]["readpoint:observation"]["transition"], event["data"]["readPoint"]["id"].rsplit(".", 1)[1])
        for event in found
    ]


def points(heard: Subscriber, device: str) -> list[dict[str, Any]]:
    """All that was measured by a device."""
    told = [event["data"] for event in heard.events if event["type"] == "readpoint.telemetry.v1"]
    return [point for data in told if data["device"] == device for point in data["points"]]


async def test_a_crane_picks_up_in_the_lane_and_sets_down_in_the_stack(
    gateway: Start, mosquitto: Callable[..., Mosquitto]
) -> None:
    broker = mosquitto()
    broker.start()
    crane, line = Crane(), UdpLine("127.0.0.1", free_datagram_port())
    async with (
        ModbusPlc({1: crane}) as plc,
        driving(Route([QUAY], speed=1.0), line, Behaviour(rate=10.0)) as gps,
    ):
        with subscriber(broker) as heard:
            box = gateway(broker, "")
            box.site.write_text(site(broker, plc.port, line.port))
            await box.start()

            async def until_told(*expected: tuple[str, str]) -> None:
                await heard.until(lambda: len(story(heard)) >= len(expected), BOUND)
                assert story(heard) == list(expected)

            await heard.until(lambda: {"latitude"} <= {one["name"] for one in points(heard, "crane-3-gps")}, BOUND)
            await heard.until(lambda: {"hoist_load"} <= {one["name"] for one in points(heard, "crane-3-plc")}, BOUND)
            crane.lock(30.0)  # on the quay: that is somebody else's business
            await heard.until(lambda: any(one["value"] == 30.0 for one in points(heard, "crane-3-plc")), BOUND)
            crane.unlock()
            gps.place = LANE
            told = [("arrived", "lane3")]
            await until_told(*told)
            crane.lock(42.0)
            told += [("observed", "pickup3")]
            await until_told(*told)
            gps.place = STACK
            told += [("moved", "stack3")]
            await until_told(*told)
            crane.unlock()
            told += [("observed", "setdown3")]
            await until_told(*told)
            gps.fixed = False  # under the girders: it stays where it was
            crane.lock(10.0)
            await heard.until(lambda: any(one["value"] == 10.0 for one in points(heard, "crane-3-plc")), BOUND)
            gps.fixed = True
            gps.place = QUAY
            told += [("departed", "stack3")]
            await until_told(*told)
    heavy = next(one for one in points(heard, "crane-3-plc") if one["value"] == 42.0)
    assert (heavy["uom"], heavy["exception"]) == ("TNE", "ALARM_CONDITION")
    places = [one for one in points(heard, "crane-3-gps") if one["name"] == "latitude"]
    assert {one["uom"] for one in places} == {"DD"}
    assert all(one["value"] is None or one["value"] > 43.0 for one in places)
