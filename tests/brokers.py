"""Brokers and subscribers for tests: a real mosquitto, its certificates, and a plain MQTT client that collects."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
import pytest
import trustme
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from examples.central.checks import topic_of
from gateway.config.site import Gateway, Segment, Site, Tls, Uplink
from gateway.config.site import Outbox as OutboxSettings
from gateway.model import Draft, Work
from gateway.outbox.store import Outbox, open_outbox
from gateway.uplink.link import Uplink as Link
from simulators.mqtt_broker import ScriptedBroker
from tests.validation import violations

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
_STARTED = 30.0
_ACL = """\
user central
topic readwrite #

pattern write readpoint/v1/+/+/%u/#
pattern read readpoint/v1/+/+/%u/ack
pattern read readpoint/v1/+/+/%u/request
"""


_UNUSED = iter(random.sample(range(20_000, 32_768), 12_768))
"""Below the ports that Linux gives out by itself (ip_local_port_range): no connection and no port 0 takes these."""


def free_port_of(kind: socket.SocketKind) -> int:
    """A port on loopback that nobody has, and that this run gives out once."""
    for port in _UNUSED:
        with socket.socket(socket.AF_INET, kind) as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("this run has used up its ports")


def free_tcp_port() -> int:
    """A TCP port on loopback for who binds it later."""
    return free_port_of(socket.SOCK_STREAM)


def free_datagram_port() -> int:
    """The same for UDP."""
    return free_port_of(socket.SOCK_DGRAM)


class Pki:
    """A CA, and certificates by common name, as PEM files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self._foreign = trustme.CA()
        self.ca = folder / "ca.pem"
        self.foreign_ca = folder / "foreign-ca.pem"
        self._ca.cert_pem.write_to_path(self.ca)
        self._foreign.cert_pem.write_to_path(self.foreign_ca)
        self.broker = self._write("broker", self._ca.issue_cert("localhost", "127.0.0.1"))

    def client(self, identity: str) -> Tls:
        """What a segment's `tls` settings hold for this identity."""
        return self._write(identity, self._ca.issue_cert(identity, common_name=identity))

    def expired(self, identity: str) -> Tls:
        """The same, run out yesterday."""
        now = dt.datetime.now(dt.UTC)
        day = dt.timedelta(days=1)
        cert = self._ca.issue_cert(identity, common_name=identity, not_before=now - 9 * day, not_after=now - day)
        return self._write(f"{identity}-expired", cert)

    def foreign(self, identity: str) -> Tls:
        """The same, signed by a CA the broker does not know."""
        return self._write(f"{identity}-foreign", self._foreign.issue_cert(identity, common_name=identity))

    def broker_for(self, *names: str) -> Tls:
        """A broker's certificate that is for other hosts."""
        return self._write(f"broker-{names[0]}", self._ca.issue_cert(*names))

    def _write(self, name: str, cert: trustme.LeafCert) -> Tls:
        cert_path, key_path = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        cert.cert_chain_pems[0].write_to_path(cert_path)
        cert.private_key_pem.write_to_path(key_path)
        return Tls(ca=self.ca, cert=cert_path, key=key_path)


class Mosquitto:
    """A mosquitto process on 127.0.0.1. With `pki` it asks for client certificates and takes their CN as user."""

    def __init__(
        self,
        folder: Path,
        *,
        pki: Pki | None = None,
        certificate: Tls | None = None,
        persistence: bool = False,
        extra: str = "",
    ) -> None:
        self.host = "localhost" if pki else "127.0.0.1"
        self.protocol = "5"
        self.port = free_tcp_port()
        self.pki = pki
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._drain: threading.Thread | None = None
        self.log: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        acl = folder / "acl"
        acl.write_text(_ACL)
        cert = certificate or (pki.broker if pki else None)
        lines = [
            "user root",
            f"listener {self.port} 127.0.0.1",
            f"persistence {'true' if persistence else 'false'}",
            f"persistence_location {folder}/",
            "autosave_interval 1",
            "max_queued_messages 1000000",  # with 0, unlimited, 2.0.11 drops a client whose PUBLISH it refuses
            "set_tcp_nodelay true",
            "log_dest stderr",
        ]
        if pki and cert:
            lines += [f"cafile {pki.ca}", f"certfile {cert.cert}", f"keyfile {cert.key}"]
            # Without a user there is no ACL: 2.0.11 would drop what it queues for a restored anonymous session.
            lines += [
                f"acl_file {acl}",
                "require_certificate true",
                "use_identity_as_username true",
                "allow_anonymous false",
            ]
        else:
            lines += ["allow_anonymous true"]
        (folder / "mosquitto.conf").write_text("\n".join([*lines, extra, ""]))

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it serves: mosquitto forgets a SIGTERM that comes between its first words and its main loop."""
        assert MOSQUITTO is not None
        self._process = subprocess.Popen(
            [MOSQUITTO, "-c", str(self._folder / "mosquitto.conf")], stderr=subprocess.PIPE, text=True
        )
        # At the end of its line: the name of a test may be part of a path that mosquitto mentions.
        words = {" running\n": threading.Event(), "New connection from 127.": threading.Event()}
        self._drain = threading.Thread(target=self._read_log, args=(self._process, words), daemon=True)
        self._drain.start()
        listening, serving = words.values()
        if listening.wait(_STARTED):
            with socket.create_connection(("127.0.0.1", self.port), _STARTED):
                serving.wait(_STARTED)
        if not serving.is_set():
            self.kill()
            raise AssertionError(f"mosquitto did not start: {self.log}")

    def stop(self) -> None:
        """As an operator would; it tells its clients."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Pull the plug."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It holds its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(_STARTED)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert self._drain is not None
        self._drain.join()
        assert process.stderr is not None
        process.stderr.close()

    def _read_log(self, process: subprocess.Popen[str], words: dict[str, threading.Event]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line.rstrip())
            for word, said in words.items():
                if word in line:
                    said.set()


class Received(NamedTuple):
    """A message as a plain subscriber sees it."""

    topic: str
    payload: bytes
    retain: bool
    content_type: str | None


class Subscriber:
    """A plain MQTT client in its own thread that keeps all it is sent, with a session the broker keeps for it."""

    def __init__(
        self, host: str, port: int, tls: Tls | None = None, topic: str = "readpoint/v1/#", protocol: str = "5"
    ) -> None:
        self.messages: list[Received] = []
        self.events: list[dict[str, Any]] = []
        """The numbered events in all messages, in order of arrival, batches taken apart."""
        self.ids: set[str] = set()
        self.violations: list[str] = []
        """What a gateway published against its AsyncAPI document; `subscriber` asks at its end."""
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        kept: dict[str, Any] = {}
        if protocol == "5":
            kept = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}
            kept["properties"].SessionExpiryInterval = 3600
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            "central",
            protocol=paho.MQTTv5 if kept else paho.MQTTv311,
            clean_session=None if kept else False,
        )
        if tls:
            context = ssl.create_default_context(cafile=str(tls.ca))
            context.load_cert_chain(str(tls.cert), str(tls.key))
            client.tls_set_context(context)
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda *_: client.subscribe(topic, 1)
        client.on_subscribe = lambda *_: self._subscribed.set()
        client.on_message = self._collect
        client.connect(host, port, **kept)
        client.loop_start()
        self._client = client
        assert self._subscribed.wait(30.0), "the broker did not take the subscription"

    @property
    def states(self) -> list[tuple[str, bool]]:
        """(state, retained) of each `state` message."""
        return [
            (json.loads(message.payload)["data"]["state"], message.retain)
            for message in list(self.messages)
            if message.topic.endswith("/state")
        ]

    async def until(self, condition: Callable[[], bool], bound: float = 30.0) -> None:
        """Wait for what arrives; an assertion says so when it does not come about."""
        assert await asyncio.to_thread(self.until_blocking, condition, bound), f"not within {bound} s"

    def until_blocking(self, condition: Callable[[], bool], bound: float = 30.0) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, bound)

    async def wait_for(self, events: int, bound: float = 30.0) -> list[dict[str, Any]]:
        """The distinct numbered events by id, once there are so many."""
        await self.until(lambda: len(self.ids) >= events, bound)
        return list({event["id"]: event for event in self.events}.values())

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, wait: bool = True) -> None:
        """In order; with `wait`, until the broker has it."""
        published = self._client.publish(topic, payload, qos=1, retain=retain)
        if wait:
            published.wait_for_publish(30.0)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _collect(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        content_type = getattr(message.properties, "ContentType", None)
        topic = topic_of(message.topic)
        if message.topic.endswith(("/ack", "/request")):
            return  # our own words, heard because the centre listens to everything
        read = json.loads(message.payload)
        if b'"source":"urn:readpoint:' in message.payload:
            # Not what tests make up: what a gateway composed.
            self.violations += violations(topic, message.payload)
        events = [event for event in (read if isinstance(read, list) else [read]) if "sequence" in event]
        with self._changed:
            self.events += events
            self.ids.update(event["id"] for event in events)
            self.messages.append(Received(topic, bytes(message.payload), message.retain, content_type))
            self._changed.notify_all()


@contextmanager
def subscriber(broker: Mosquitto) -> Iterator[Subscriber]:
    """A subscriber to all of `broker`, with the centre's rights."""
    tls = broker.pki.client("central") if broker.pki else None
    client = Subscriber(broker.host, broker.port, tls, protocol=broker.protocol)
    try:
        yield client
    finally:
        client.close()
    assert client.violations == []


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def mosquitto(tmp_path: Path) -> Iterator[Callable[..., Mosquitto]]:
    """Makes brokers: `mosquitto(pki=pki)` with mutual TLS, `mosquitto()` plain; start them. All end with the test."""
    if MOSQUITTO is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    with ExitStack() as running:
        count = 0

        def make(**options: Any) -> Mosquitto:
            nonlocal count
            count += 1
            broker = Mosquitto(tmp_path / f"mosquitto-{count}", **options)
            running.callback(broker.kill)
            return broker

        yield make


@pytest.fixture
def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    return free_tcp_port()


@pytest.fixture
async def scripted_broker() -> AsyncIterator[ScriptedBroker]:
    async with ScriptedBroker() as broker:
        yield broker


IDENTITY = "gw-07.rfid"


def site_for(port: int, tls: Tls | None = None, **uplink: Any) -> tuple[Site, Segment]:
    """A site of one segment, `gw-07.rfid` at dc1, whose broker listens there; time-outs as short as tests like them."""
    settings = {"backoff_min": 0.05, "refused_backoff": 0.2, "connect_timeout": 3.0, "grace": 2.0} | uplink
    host = "localhost" if tls else "127.0.0.1"
    segment = Segment("rfid", Uplink(host, port, secure=tls is not None, tls=tls or Tls(), **settings))
    return Site(Gateway("gw-07", "dc1"), {"rfid": segment}, {}, {}, digest="0" * 64), segment


def work(events: int, name: str = "aisle-a", size: int = 300) -> Work:
    """So many events at a read point, of about `size` bytes each, each with an id of its own."""
    drafts = []
    for _ in range(events):
        made = uuid.uuid4()
        body = f'"id":"urn:uuid:{made}","source":"test","type":"readpoint.epcis.v1","data":{{"x":"{"x" * size}"}}'
        drafts.append(Draft("epcis", name, made.bytes, body.encode()))
    return Work(tuple(drafts))


async def pending(link: Link, outbox: Outbox) -> int:
    """Rows not settled, once all that can be sent is answered and the settles are in the file."""
    async with asyncio.timeout(30):
        await outbox.flush()
        await link.sender.drain()
        outbox.put(Work())  # settles ride in the next commit
        await outbox.flush()
    return outbox.stats.pending


@pytest.fixture
async def outbox(tmp_path: Path) -> AsyncIterator[Outbox]:
    async with open_outbox(tmp_path / "outbox", "rfid", OutboxSettings(linger=0.005), machine_id="test") as opened:
        yield opened
