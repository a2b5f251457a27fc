"""A broker for the demo: mosquitto where it is installed, else amqtt inside this process (MQTT 3.1.1 only)."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, NamedTuple

from gateway.demo.pki import CENTRAL

_MOSQUITTO = """\
per_listener_settings false
listener {port} 127.0.0.1
cafile {folder}/ca.pem
certfile {folder}/broker.pem
keyfile {folder}/broker.key
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {folder}/acl
persistence false
max_queued_messages 0
log_type error
log_type warning
user {user}
"""

_ACL = f"""\
user {CENTRAL}
topic readwrite readpoint/v1/#
pattern write readpoint/v1/+/+/%u/#
pattern read readpoint/v1/+/+/%u/ack
pattern read readpoint/v1/+/+/%u/request
"""


class Broker(NamedTuple):
    """Where it listens (mutual TLS), what it is, and the MQTT version it speaks."""

    port: int
    name: str
    protocol: Literal["5", "3.1.1"]


def free_port() -> int:
    """A TCP port on loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[Broker]:
    """Run a broker with the certificates in `folder`."""
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if program:
        async with _mosquitto(program, folder) as port:
            yield Broker(port, "mosquitto", "5")
    else:
        async with _amqtt(folder) as port:
            yield Broker(port, "amqtt, in this process", "3.1.1")


@asynccontextmanager
async def _mosquitto(program: str, folder: Path) -> AsyncIterator[int]:
    port = free_port()
    (folder / "acl").write_text(_ACL)
    (folder / "acl").chmod(0o600)
    settings = folder / "mosquitto.conf"
    settings.write_text(_MOSQUITTO.format(port=port, folder=folder, user=_user()))
    with (folder / "broker.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program, "-c", str(settings), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            await _listening(port)
            yield port
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@asynccontextmanager
async def _amqtt(folder: Path) -> AsyncIterator[int]:
    from amqtt.broker import Broker as Amqtt  # noqa: PLC0415 - of an extra, and only where mosquitto is missing

    port = free_port()
    settings = {
        "listeners": {
            "default": {
                "type": "tcp",
                "bind": f"127.0.0.1:{port}",
                "ssl": True,
                "cafile": str(folder / "ca.pem"),
                "certfile": str(folder / "broker.pem"),
                "keyfile": str(folder / "broker.key"),
            }
        },
        "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    }
    running = Amqtt(settings)
    await running.start()
    try:
        yield port
    finally:
        await running.shutdown()


async def _listening(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return


def _user() -> str:
    """mosquitto drops root for this user, who then could not read the demo's private folder."""
    import getpass  # noqa: PLC0415 - needed once

    return getpass.getuser()
