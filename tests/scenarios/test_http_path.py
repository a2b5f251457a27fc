"""From a post over TLS to the MQTT subscriber: what was answered 200 is there, whatever happened right after."""

from __future__ import annotations

import asyncio
import json
import signal
import time

import pytest

from drivers.observations import Read
from simulators.http_source import Broken, HttpSource, handheld, lines, scan
from tests.brokers import MOSQUITTO, Mosquitto, Pki, free_tcp_port, subscriber
from tests.scenarios.conftest import BOUND, GatewayProcess, Start
from tests.scenarios.test_main_path import transitions, undeclared_holes

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed: apt-get install mosquitto")

TOKEN = "a-token-of-32-characters-or-more"

REST = """\
read_points:
  belt-1: {{uri: "urn:epc:id:sgln:9521141.12345.belt1", kind: checkpoint}}
  desk-2: {{uri: "urn:epc:id:sgln:9521141.12345.desk2", kind: checkpoint}}
devices:
  handhelds:
    driver: http
    segment: rfid
    listen: "127.0.0.1:{port}"
    tls: {{cert: "{tls.cert}", key: "{tls.key}", ca: "{ca}"}}
    sources:
      gun-1: {{token: "${{file:gun-1.token}}"}}
      gun-2: {{common_name: gun-2.dc1}}
    antennas: {{gun-1: belt-1, gun-2: desk-2}}
"""


def posting(gateway: Start, broker: Mosquitto, pki: Pki) -> tuple[GatewayProcess, str]:
    """A gateway with that listener, and the URL to post to."""
    port = free_tcp_port()
    box = gateway(broker, REST.format(port=port, tls=pki.broker, ca=pki.ca))
    token = box.folder / "gun-1.token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    return box, f"https://127.0.0.1:{port}/v1/reads"


async def test_what_two_sources_post_is_told_at_their_read_points(gateway: Start, broker: Mosquitto, pki: Pki) -> None:
    box, url = posting(gateway, broker, pki)
    who = pki.client("gun-2.dc1")
    first = HttpSource(url, TOKEN, ca=pki.ca)
    second = HttpSource(url, ca=pki.ca, cert=who.cert, key=who.key)
    with subscriber(broker) as heard:
        await box.start()
        await box.until(lambda now: now.devices[0].state == "online")
        posted = time.time() - 3600  # an hour in the handheld's pocket
        body = lines([Read("code", scan(serial).encode(), posted + serial) for serial in (1, 2)])
        assert (await first.post(body, batch="b-1")).status == 200
        assert (await first.post(body, batch="b-1")).status == 200
        event = {"eventType": "tagInventory", "tagInventoryEvent": {"epcHex": "3074257bf7194e4000001a85"}}
        answer = await second.post(json.dumps([event]).encode(), media_type="application/json")
        assert (answer.status, json.loads(answer.body)["stored"]) == (200, 1)
        assert (await first.post(b'{"epc": "no hex"}')).status == 400
        await heard.until(lambda: len(transitions(heard)) >= 3, BOUND)
        said = sorted(one[:2] for one in transitions(heard))
        assert said == [("observed", "belt1"), ("observed", "belt1"), ("observed", "desk2")]
        labels = [event["data"] for event in heard.events if event["subject"].startswith("https://id.gs1.org/01/")]
        times = {data["eventTime"][:19] for data in labels}
        assert times == {time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(posted + serial)) for serial in (1, 2)}
        state = await box.until(lambda now: now.devices[0].state == "degraded")
        assert "gun-1: epc 'no hex' is no hex" in state.devices[0].cause


async def test_killed_right_after_200_nothing_is_lost(gateway: Start, broker: Mosquitto, pki: Pki) -> None:
    """Twice killed amid posts: every label answered 200 reaches the subscriber."""
    box, url = posting(gateway, broker, pki)
    answered: list[int] = []
    source = HttpSource(url, TOKEN, ca=pki.ca, timeout=2.0)
    with subscriber(broker) as heard:
        await box.start()
        scanning = asyncio.create_task(handheld(source, rate=200.0, batch=5, told=answered.append))
        for killed in (1, 2):
            async with asyncio.timeout(BOUND):
                while len(answered) < 5 * killed and not scanning.done():  # noqa: ASYNC110 - the handheld has no signal
                    await asyncio.sleep(0.01)
            assert await box.end(signal.SIGKILL) == -signal.SIGKILL
            await box.start()
        async with asyncio.timeout(BOUND):
            while len(answered) < 15 and not scanning.done():  # noqa: ASYNC110 - same
                await asyncio.sleep(0.01)
        scanning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scanning
        labels = sum(answered)
        wanted = {f"https://id.gs1.org/01/09506000134352/21/{serial}" for serial in range(1, labels + 1)}
        await heard.until(lambda: wanted <= {one[2] for one in transitions(heard)}, BOUND)
        assert undeclared_holes(heard.events) == []


async def test_a_stopped_listener_takes_no_connection(gateway: Start, broker: Mosquitto, pki: Pki) -> None:
    box, url = posting(gateway, broker, pki)
    await box.start()
    assert await box.end() == 0
    with pytest.raises(Broken):
        await HttpSource(url, TOKEN, ca=pki.ca).post(b"{}")
    assert "Traceback" not in box.log.read_text()
