"""What the example of a centre shows to Prometheus: what the alerts of the centre ask for."""

from __future__ import annotations

import asyncio
import hashlib
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from examples.central.databases import Sqlite
from examples.central.metrics import Figures, shown
from examples.central.subscriber import Central
from tests.brokers import MOSQUITTO, Mosquitto, subscriber
from tests.examples.events import HOME, PLACES, START, golden, payload, placed, topic
from tests.examples.test_silence import state

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "config" / "monitoring" / "alerts.yaml"
GATEWAY = "gw-07.rfid"
BOUND = 60.0
Json = dict[str, Any]


class Heard:
    """A message as aiomqtt hands it over."""

    def __init__(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.topic, self.payload, self.retain = self, payload, retain
        self.value = topic


def thing(number: int) -> str:
    return f"urn:epc:id:sgtin:9521141.012345.{number}"


def snapshot(sequence: int, *ids: str) -> Json:
    made = golden("snapshot")["payload"]
    made["source"] = f"urn:readpoint:dc1:{GATEWAY}"
    made["data"] |= {"readPoint": PLACES + "aislea", "page": 1, "pages": 1, "ids": list(ids), "count": len(ids)}
    made["data"]["digest"] = hashlib.sha256("".join(one + "\n" for one in sorted(ids)).encode()).hexdigest()
    made["data"]["asOf"] = {"stream": "rfid-3f2a5b6c", "epoch": 17, "sequence": str(sequence)}
    return dict(made)


def samples(text: str) -> dict[str, float]:
    """Each by name and the values of its labels."""
    families = list(text_string_to_metric_families(text))
    return {":".join([one.name, *sorted(one.labels.values())]): one.value for f in families for one in f.samples}


def scrape(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=BOUND) as answer:
        return samples(answer.read().decode())


async def bad_day(clock: Callable[[], float]) -> tuple[Central, Figures]:
    """A gateway that is back since an hour, whose snapshot has an object more than the centre, told late."""
    central = Central(Sqlite(":memory:"), clock, steady=clock)
    await central.start()
    figures = Figures(central, clock)
    heard = [(topic(one), payload(one)) for one in (placed("arrived", thing(1), "aislea", 0, 17, 1),)]
    heard.append((f"{HOME}/state", state("online", clock())))
    await central.take(heard)
    figures.hear(Heard(*one) for one in heard)  # type: ignore[misc]
    await central.take([(f"{HOME}/snapshot/aisle-a", payload(snapshot(1, thing(1), thing(2))))])
    return central, figures


async def test_all_that_the_alerts_of_the_centre_ask_for_is_there(free_port: int) -> None:
    asked = set(re.findall(r"readpoint_centre_\w+", RULES.read_text()))
    assert len(asked) >= 4
    now = START + 1000.0
    central, figures = await bad_day(lambda: now)
    now += 4000.0
    with shown(f"127.0.0.1:{free_port}", central):
        there = await asyncio.to_thread(scrape, free_port)
    assert there["readpoint_centre_messages_total:stored"] == 1.0
    told = {family.name: family for family in figures.families()}
    assert asked <= set(told)
    values = {name: [(one.labels, one.value) for one in told[name].samples] for name in asked}
    who = {"gateway": GATEWAY}
    assert values == {
        "readpoint_centre_state_timestamp_seconds": [(who, START + 1000.0)],
        "readpoint_centre_latency_seconds": [({**who, "quantile": "0.99"}, 1000.0)],
        "readpoint_centre_accuracy_ratio": [(who, 0.5)],
        "readpoint_centre_unequal_seconds": [(who, 4000.0)],
    }


async def test_who_is_equal_again_is_no_longer_unequal() -> None:
    now = START + 10.0
    central, figures = await bad_day(lambda: now)
    now += 20.0
    await central.take([(f"{HOME}/snapshot/aisle-a", payload(snapshot(1, thing(1))))])
    told = {one.name: one.value for family in figures.families() for one in family.samples}
    assert told["readpoint_centre_accuracy_ratio"] == 1.0
    assert told["readpoint_centre_unequal_seconds"] == 0.0
    assert told["readpoint_centre_convergence_seconds"] == 20.0
    assert told["readpoint_centre_missing_numbers"] == 0.0


async def test_a_zone_that_tells_nothing_of_itself_is_not_unequal() -> None:
    """It may have left the configuration."""
    now = START + 10.0
    central = Central(Sqlite(":memory:"), lambda: now, steady=lambda: now)
    await central.start()
    one = placed("arrived", thing(1), "aislea", 0, 17, 1)
    await central.take([(topic(one), payload(one)), (f"{HOME}/state", state("online", now))])
    assert [segment.unequal(now + 4000.0) for segment in central.segments.values()] == [0.0]
    figures = Figures(central, lambda: now)
    figures.hear([Heard(f"{HOME}/state", state("online", now))])  # type: ignore[list-item]
    told = {sample.name for family in figures.families() for sample in family.samples}
    assert "readpoint_centre_unequal_seconds" in told
    assert "readpoint_centre_accuracy_ratio" not in told


async def test_a_gateway_that_is_no_more_is_no_longer_shown() -> None:
    _, figures = await bad_day(lambda: START)
    figures.hear([Heard(f"{HOME}/state", b"")])  # type: ignore[list-item]
    left = [one for family in figures.families() for one in family.samples if GATEWAY in one.labels.values()]
    assert left == []


@pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")
def test_a_running_centre_is_scraped(mosquitto: Callable[..., Mosquitto], tmp_path: Path, free_port: int) -> None:
    broker = mosquitto()
    broker.start()
    began = time.time()
    with subscriber(broker) as client:
        client.publish(f"{HOME}/state", state("online", began - 3600.0), retain=True)
        command = [sys.executable, "-m", "examples.central.subscriber", "--metrics", f"127.0.0.1:{free_port}"]
        command += [
            "--broker",
            f"{broker.host}:{broker.port}",
            "--database",
            str(tmp_path / "central.sqlite3"),
            "--client-id",
            "shown",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            try:
                seen = _until(free_port, lambda seen: f"readpoint_centre_state_timestamp_seconds:{GATEWAY}" in seen)
                assert seen[f"readpoint_centre_state_timestamp_seconds:{GATEWAY}"] < began - 3000.0
                arrived = placed("arrived", thing(1), "aislea", 0, 17, 1)
                client.publish(topic(arrived), payload(arrived))
                client.publish(f"{HOME}/snapshot/aisle-a", payload(snapshot(1, thing(1), thing(2))))
                seen = _until(free_port, lambda seen: f"readpoint_centre_accuracy_ratio:{GATEWAY}" in seen)
                assert seen[f"readpoint_centre_accuracy_ratio:{GATEWAY}"] == 0.5
                seen = _until(free_port, lambda seen: f"readpoint_centre_latency_seconds:0.99:{GATEWAY}" in seen)
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=BOUND)
                assert process.returncode == 0
            finally:
                process.kill()


def _until(port: int, so: Callable[[dict[str, float]], bool]) -> dict[str, float]:
    """The first scrape that is so."""
    due = time.monotonic() + BOUND
    while time.monotonic() < due:
        try:
            seen = scrape(port)
        except (urllib.error.URLError, ConnectionError):  # it is on its way up
            seen = {}
        if so(seen):
            return seen
        threading.Event().wait(0.05)
    raise AssertionError(f"never so: {seen}")
