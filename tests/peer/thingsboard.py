"""ThingsBoard's IoT gateway, with its SQLite storage, in a virtual environment of its own; fed over MQTT, QoS 1."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from tests.brokers import Mosquitto

PACKAGE = "thingsboard-gateway==3.8.5"
_UNLIMITED = "1000000:1,"
_TOPIC = "data/"
_ASKED, _ANSWERED = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"
_LIMITS = {"messages": "", "telemetryMessages": "", "telemetryDataPoints": ""}
_SESSION = {"maxPayloadSize": 65536, "maxInflightMessages": 100, "rateLimits": _LIMITS, "gatewayRateLimits": _LIMITS}

ACL = """\
topic readwrite #
user token
topic write #
topic read v1/devices/me/rpc/response/+
"""
"""At the broker, as ThingsBoard has it: a device does not hear its own requests."""


class Unavailable(Exception):
    """It cannot be had here; the message says why."""


def install(folder: Path) -> Path:
    """A virtual environment with it: the path of its Python."""
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", PACKAGE],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            raise Unavailable(f"{PACKAGE} could not be installed: {(done.stdout + done.stderr).strip()[-300:]}")
    return folder / "bin" / "python"


@contextmanager
def limits_told(port: int) -> Iterator[None]:
    """At the broker somebody tells it the limits of its session, as ThingsBoard does; without, it sends nothing."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)

    def answer(_client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        client.publish(_ANSWERED + message.topic.removeprefix(_ASKED), json.dumps(_SESSION), qos=1)

    client.on_connect = lambda *_: client.subscribe(f"{_ASKED}+", 1)
    client.on_message = answer
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield
    finally:
        client.disconnect()
        client.loop_stop()


class ThingsBoard:
    """Its limits are lifted, its source keeps a session, so that nothing is lost before it has it."""

    name = "thingsboard-gateway 3.8.5"
    number = re.compile(rb'"n(\d+)":')

    def __init__(self, folder: Path, broker: int, python: Path) -> None:
        self._folder = folder
        self._python = python
        self._source = Mosquitto(folder / "source", extra="log_type all")
        self._source.start()
        self._process: asyncio.subprocess.Process | None = None
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        self._client.connect("127.0.0.1", self._source.port)
        self._client.loop_start()
        shipped = next(python.parents[1].glob("lib/python*/site-packages/thingsboard_gateway/config"))
        self._configure(shipped, broker)

    def _configure(self, shipped: Path, broker: int) -> None:
        config = json.loads((shipped / "tb_gateway.json").read_text())
        board = config["thingsboard"]
        board |= {name: _UNLIMITED for name in board if name.lower().endswith("ratelimits")}
        board |= {"host": "127.0.0.1", "port": broker, "remoteConfiguration": False, "statistics": {"enable": False}}
        board["security"] = {"type": "accessToken", "accessToken": "token"}
        config["storage"] = {"type": "sqlite", "data_file_path": "./data/", "messages_ttl_in_days": 7}
        config["connectors"] = [{"name": "source", "type": "mqtt", "configuration": "mqtt.json"}]
        source = {"host": "127.0.0.1", "port": self._source.port, "clientId": "peer", "version": 5}
        source |= {"cleanSession": False, "cleanStart": False, "sessionExpiryInterval": 3600}
        source |= {"security": {"type": "anonymous"}}
        device = {"deviceNameExpressionSource": "constant", "deviceNameExpression": "Dock"}
        device |= {"deviceProfileExpressionSource": "constant", "deviceProfileExpression": "default"}
        converter = {"type": "json", "deviceInfo": device, "sendDataOnlyOnChange": False, "timeout": 60000}
        converter |= {"attributes": [], "timeseries": [{"type": "integer", "key": "n${number}", "value": "${number}"}]}
        mapping = {"topicFilter": _TOPIC, "subscriptionQos": 1, "converter": converter}
        folder = self._folder / "config"
        folder.mkdir()
        (self._folder / "data").mkdir()
        (folder / "tb_gateway.json").write_text(json.dumps(config))
        (folder / "mqtt.json").write_text(json.dumps({"broker": source, "mapping": [mapping]}))
        (folder / "logs.json").write_text((shipped / "logs.json").read_text())

    async def start(self) -> None:
        """Until it has subscribed at its source; without its broker it may not have, after a minute."""
        before = self._subscriptions()
        environment = {**os.environ, "TB_GW_CONFIG_DIR": str(self._folder / "config")}
        command = (str(self._python), "-m", "thingsboard_gateway.tb_gateway")
        with (self._folder / "log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, cwd=self._folder, env=environment, stdout=log, stderr=log
            )
        for _ in range(600):
            if self._subscriptions() > before:
                break
            await asyncio.sleep(0.1)

    def _subscriptions(self) -> int:
        return sum("Sending SUBACK to peer" in line for line in self._source.log)

    async def take(self, numbers: Sequence[int]) -> Sequence[int] | bool:
        """All of them: its source's broker keeps them until it has taken them."""
        for number in numbers:
            self._client.publish(_TOPIC, json.dumps({"number": number}), qos=1)
        return numbers

    async def kill(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._source.stop()
