"""The example that tells which gateways are silent."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from examples.central.silence import MOST, Gateways
from gateway.config.site import Gateway
from gateway.messages import Composer
from tests.brokers import MOSQUITTO, Mosquitto, subscriber

NOON = 1_790_000_000.0
TOPIC = "readpoint/v1/dc1/rfid/gw-07.rfid"
PROMTOOL = shutil.which("promtool")
ROOT = Path(__file__).resolve().parents[2]


def state(word: str, at: float) -> bytes:
    """As a gateway says it."""
    composer = Composer(Gateway("gw-07", "dc1"), "rfid", {})
    return composer.state(
        word,  # type: ignore[arg-type]
        stream="rfid-3f2a5b6c",
        epochs=[],
        previous_stream=None,
        version="1",
        configuration="d",
        since=at,
        time=at,
    )


def passage(late: float, now: float, *, historical: bool = False) -> bytes:
    """An event that happened so long before."""
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now - late)) + "Z"
    event = {"type": "readpoint.epcis.v1", "data": {"eventTime": when}} | ({"historical": True} if historical else {})
    return json.dumps([event]).encode()


def shown(gateways: Gateways) -> dict[str, float]:
    families = list(text_string_to_metric_families(gateways.text()))
    return {f"{one.name}:{one.labels['gateway']}": one.value for family in families for one in family.samples}


def test_a_gateway_is_silent_after_three_states_that_did_not_come() -> None:
    gateways = Gateways()
    gateways.hear(f"{TOPIC}/state", state("online", NOON - 5), NOON)
    assert gateways.silent(NOON + 90.0) == []
    assert gateways.silent(NOON + 90.5) == ["gw-07.rfid"]
    assert shown(gateways) == {"readpoint_centre_state_timestamp_seconds:gw-07.rfid": NOON}


def test_a_last_will_is_no_sign_of_life() -> None:
    gateways = Gateways()
    gateways.hear(f"{TOPIC}/state", state("online", NOON), NOON)
    gateways.hear(f"{TOPIC}/state", state("offline", NOON), NOON + 60.0)
    assert gateways.silent(NOON + 91.0) == ["gw-07.rfid"]


def test_what_the_broker_kept_is_as_old_as_it_says() -> None:
    gateways = Gateways()
    gateways.hear(f"{TOPIC}/state", state("online", NOON - 3600.0), NOON, retained=True)
    assert gateways.silent(NOON) == ["gw-07.rfid"]
    known_offline = Gateways()
    known_offline.hear(f"{TOPIC}/state", state("offline", NOON), NOON, retained=True)
    assert known_offline.silent(NOON + 1.0) == ["gw-07.rfid"]
    known_offline.hear(f"{TOPIC}/state", b"", NOON)
    assert known_offline.silent(NOON + 1e6) == []


def test_latency_is_that_of_live_events() -> None:
    gateways = Gateways()
    for late in range(1, 101):
        gateways.hear(f"{TOPIC}/epcis/dock-1", passage(late, NOON), NOON)
    gateways.hear(f"{TOPIC}/epcis/dock-1", passage(86400.0, NOON, historical=True), NOON)
    assert shown(gateways) == {"readpoint_centre_latency_seconds:gw-07.rfid": 99.0}


@given(st.text(max_size=80) | st.just(f"{TOPIC}/state") | st.just(f"{TOPIC}/epcis/a"), st.binary(max_size=100))
def test_nothing_that_comes_ends_it(topic: str, payload: bytes) -> None:
    gateways = Gateways()
    gateways.hear(topic, payload, NOON)
    gateways.hear(topic, json.dumps(payload.decode("latin-1")).encode(), NOON)
    gateways.hear(topic, b'[{"type": "readpoint.state.v1", "time": 1, "data": {"state": []}}]', NOON)
    assert len(shown(gateways)) <= 1


def test_there_is_an_end_to_gateways() -> None:
    gateways = Gateways()
    said = state("online", NOON)
    for number in range(MOST + 5):
        gateways.hear(f"readpoint/v1/dc1/rfid/gw-{number}.rfid/state", said, NOON)
    assert len(shown(gateways)) == MOST


def test_promtool_finds_nothing_wrong_with_it() -> None:
    assert PROMTOOL is not None
    gateways = Gateways()
    gateways.hear(f"{TOPIC}/state", state("online", NOON), NOON)
    gateways.hear(f"{TOPIC}/epcis/dock-1", passage(1.0, NOON), NOON)
    command = [PROMTOOL, "check", "metrics"]
    done = subprocess.run(command, input=gateways.text(), capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")
def test_it_hears_a_broker_and_tells_once(mosquitto: Callable[..., Mosquitto], tmp_path: Path) -> None:
    broker = mosquitto()
    broker.start()
    with subscriber(broker) as client:
        client.publish(f"{TOPIC}/state", state("online", time.time() - 3600.0), retain=True)
        command = [sys.executable, "-m", "examples.central.silence", "--every", "0.05"]
        command += ["--broker", f"{broker.host}:{broker.port}", "--textfile", str(tmp_path)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
            try:
                assert process.stderr is not None
                assert "ALARM: gw-07.rfid has said nothing for 90 s" in process.stderr.readline()
                client.publish(f"{TOPIC}/state", state("online", time.time()))
                file, due = tmp_path / "readpoint_centre.prom", time.monotonic() + 60.0
                while _age(file) >= 60.0:
                    assert time.monotonic() < due
                    threading.Event().wait(0.05)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
            finally:
                process.kill()


def _age(file: Path) -> float:
    return time.time() - next(
        one.value for family in text_string_to_metric_families(file.read_text()) for one in family.samples
    )
