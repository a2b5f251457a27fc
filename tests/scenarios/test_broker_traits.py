"""What each broker keeps of MQTT's promises: measured, and held against the table of docs/brokers.md, cell by cell."""

from __future__ import annotations

import re
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.brokers import IDENTITY, Pki
from tests.engines import NAMES, Engine, engine
from tests.probe import Probe, heard_at

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "brokers.md"
HOME = f"readpoint/v1/dc1/rfid/{IDENTITY}"
SHORT = 3.0
"""Seconds that something is waited for which does not come."""


@pytest.fixture(scope="module", params=NAMES)
def broker(request: pytest.FixtureRequest, pki: Pki) -> Iterator[Engine]:
    with engine(request.param, pki) as made:
        yield made


def table() -> dict[tuple[str, str], str]:
    """(row, broker) → the cell's first words, up to a comma or bracket."""
    rows = [line.strip("| ").split(" | ") for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    start = next(at for at, row in enumerate(rows) if row[1:] == [f"`{name}`" for name in NAMES])
    found = {}
    for row in rows[start + 1 :]:
        if len(row) != len(NAMES) + 1:
            break
        for name, cell in zip(NAMES, row[1:], strict=True):
            found[row[0], name] = re.split(r" *[(,]", cell)[0]
    return found


def place() -> str:
    """A topic of the gateway's that nobody used."""
    return f"{HOME}/epcis/{uuid.uuid4().hex[:12]}"


def five(broker: Engine) -> str:
    probe = Probe(broker, protocol="5", bound=SHORT)
    probe.cut()
    return "yes" if probe.said == "0x00" else "no"


def dots(broker: Engine) -> str:
    topic = place()
    centre = Probe(broker).subscribe("readpoint/v1/#")
    gateway = Probe(broker, IDENTITY)
    gateway.publish(topic)
    assert centre.until(lambda: heard_at(centre, topic))
    said = "as sent" if topic in centre.topics() else "in two levels"
    gateway.close()
    centre.close()
    return said


def retained(broker: Engine) -> str:
    gateway = Probe(broker, IDENTITY)
    topic, payload = f"{HOME}/state", uuid.uuid4().bytes
    gateway.publish(topic, payload, retain=True)
    gateway.close()
    wild, exact = Probe(broker).subscribe("readpoint/v1/#"), Probe(broker).subscribe(topic)
    assert exact.hears(payload)
    said = "yes" if wild.hears(payload, SHORT) else "without wildcards only"
    wild.close()
    exact.close()
    return said


def retained_restart(broker: Engine) -> str:
    gateway = Probe(broker, IDENTITY)
    topic, payload = f"{HOME}/state", uuid.uuid4().bytes
    gateway.publish(topic, payload, retain=True)
    gateway.close()
    broker.restart()
    centre = Probe(broker).subscribe(topic)
    said = "yes" if centre.hears(payload, SHORT) else "no"
    centre.close()
    return said


def nobody(broker: Engine) -> str:
    gateway = Probe(broker, IDENTITY)
    said = gateway.publish(place())
    gateway.close()
    return "0x10" if said == "0x10" else "not told"


def rights(broker: Engine) -> str:
    payload = uuid.uuid4().bytes
    centre = Probe(broker).subscribe("readpoint/v1/#")
    gateway = Probe(broker, IDENTITY)
    said = gateway.publish("readpoint/v1/dc1/rfid/gw-08.rfid/epcis/aisle-a", payload)
    came = centre.hears(payload, SHORT)
    gateway.close()
    centre.close()
    if came:
        return "nothing is refused"
    return {"0x00": "dropped", "ended": "connection ends"}.get(said, said)


def will(broker: Engine) -> str:
    topic = f"{HOME}/state"
    centre = Probe(broker).subscribe("readpoint/v1/#")
    gateway = Probe(broker, IDENTITY, will=topic)
    gateway.cut()
    said = "yes" if centre.hears(b"will") else "no"
    centre.close()
    return said


def takeover(broker: Engine) -> str:
    first = Probe(broker, IDENTITY)
    second = Probe(broker, IDENTITY)
    first.until(lambda: first.ended is not None, SHORT)
    told = {None: "both stay", "0x8E": "ended with 0x8E"}.get(first.ended, "ended")
    first.cut()
    second.close()
    return told


def order(broker: Engine) -> str:
    topic = place()
    centre = Probe(broker).subscribe("readpoint/v1/#")
    gateway = Probe(broker, IDENTITY)
    for number in range(500):
        gateway.publish(topic, b"%d" % number)
    assert centre.hears(b"499")
    mine = [int(one.payload) for one in centre.messages if heard_at(centre, topic) and one.payload.isdigit()]
    gateway.close()
    centre.close()
    return "kept" if mine == list(range(500)) else "not kept"


def kept(broker: Engine, between: Callable[[], None]) -> str:
    """Whether what was acknowledged while the centre was away is there after `between`."""
    name = f"away-{uuid.uuid4().hex[:8]}"
    centre = Probe(broker, name=name, keeps=True).subscribe("readpoint/v1/#")
    centre.close()
    gateway = Probe(broker, IDENTITY)
    payload = uuid.uuid4().bytes
    gateway.publish(place(), payload)
    gateway.cut()
    between()
    centre = Probe(broker, name=name, keeps=True)
    said = "yes" if centre.hears(payload, SHORT) else "no"
    centre.close()
    return said


def killed(broker: Engine) -> None:
    broker._end(signal.SIGKILL)
    broker.start()


def again(broker: Engine) -> str:
    """A centre that took a message and never acknowledged it comes back."""
    name, payload = f"slow-{uuid.uuid4().hex[:8]}", uuid.uuid4().bytes
    centre = Probe(broker, name=name, keeps=True, takes=False).subscribe("readpoint/v1/#")
    gateway = Probe(broker, IDENTITY)
    gateway.publish(place(), payload)
    gateway.close()
    assert centre.hears(payload)
    centre.cut()
    centre = Probe(broker, name=name, keeps=True)
    if not centre.hears(payload):
        said = "no"
    else:
        said = "yes" if next(one for one in centre.messages if one.payload == payload).dup else "unmarked"
    centre.close()
    return said


def large(broker: Engine, size: int) -> str:
    payload = uuid.uuid4().bytes * (size // 16)
    centre = Probe(broker).subscribe("readpoint/v1/#")
    gateway = Probe(broker, IDENTITY)
    said = gateway.publish(place(), payload)
    came = said != "ended" and centre.hears(payload)
    gateway.cut()
    centre.close()
    return "yes" if came else {"ended": "connection ends"}.get(said, said)


def expiry(broker: Engine) -> str:
    if broker.protocol != "5":
        return "not in 3.1.1"
    name, soon, late = f"away-{uuid.uuid4().hex[:8]}", uuid.uuid4().bytes, uuid.uuid4().bytes
    Probe(broker, name=name, keeps=True).subscribe("readpoint/v1/#").close()
    gateway = Probe(broker, IDENTITY)
    gateway.publish(place(), soon, expires=1)
    gateway.publish(place(), late, expires=600)
    assert not gateway.until(lambda: False, 2.5)
    gateway.close()
    centre = Probe(broker, name=name, keeps=True)
    assert centre.hears(late)
    said = "no" if centre.hears(soon, 0.5) else "yes"
    centre.close()
    return said


TRAITS: dict[str, Callable[[Engine], str]] = {
    "takes MQTT 5": five,
    "topic with a dot arrives": dots,
    "retained `state` for who comes later": retained,
    "retained after a restart": retained_restart,
    "nobody subscribed": nobody,
    "no right to write there": rights,
    "Last Will of a cut connection": will,
    "older connection of the same identity": takeover,
    "order of one gateway": order,
    "message of 100 kB": lambda broker: large(broker, 100_000),
    "message of 2 MB": lambda broker: large(broker, 2_000_000),
    "unacknowledged comes again": again,
    "message expiry respected": expiry,
    "kept while the centre is away": lambda broker: kept(broker, lambda: None),
    "kept over a restart": lambda broker: kept(broker, broker.restart),
    "kept over a kill right after PUBACK": lambda broker: kept(broker, lambda: killed(broker)),
}


@pytest.mark.parametrize("trait", TRAITS)
def test_the_table_says_what_it_does(broker: Engine, trait: str) -> None:
    assert TRAITS[trait](broker) == table()[trait, broker.name]
