"""A broker for the demo: mosquitto where it is installed, else amqtt inside this process (MQTT 3.1.1 only)."""

from __future__ import annotations

import asyncio
import logging
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

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

Choice = Literal["auto", "mosquitto", "amqtt"]
CHOICES: tuple[Choice, ...] = get_args(Choice)


class Broker(NamedTuple):
    """Where it listens, what it is, the MQTT version it speaks, and how it knows its clients."""

    port: int
    name: str
    protocol: Literal["5", "3.1.1"]
    security: Literal["mutual TLS", "TLS"]


@asynccontextmanager
async def broker(folder: Path, choice: Choice = "auto", port: int = 0) -> AsyncIterator[Broker]:
    """Run a broker with the certificates in `folder`; port 0 is a free one.

    FileNotFoundError where mosquitto is asked for and not installed, OSError where the port is taken.
    """
    program = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
    if choice == "mosquitto" and program is None:
        raise FileNotFoundError("mosquitto is not installed here: apt-get install mosquitto, or leave --broker out")
    port = _bindable(port)
    if program is not None and choice != "amqtt":
        async with _mosquitto(program, folder, port):
            yield Broker(port, "mosquitto", "5", "mutual TLS")
    else:
        async with _amqtt(folder, port):
            yield Broker(port, "amqtt in-process", "3.1.1", "TLS")  # it asks no certificate of its clients


@asynccontextmanager
async def _mosquitto(program: str, folder: Path, port: int) -> AsyncIterator[None]:
    (folder / "acl").write_text(_ACL)
    (folder / "acl").chmod(0o600)
    settings = folder / "mosquitto.conf"
    settings.write_text(_MOSQUITTO.format(port=port, folder=folder, user=_user()))
    with (folder / "broker.log").open("wb") as log:
        # In a session of its own: a Ctrl-C at the terminal is the demo's, which then ends all in order.
        process = await asyncio.create_subprocess_exec(
            program,
            "-c",
            str(settings),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            await _listening(port)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@asynccontextmanager
async def _amqtt(folder: Path, port: int) -> AsyncIterator[None]:
    from amqtt.broker import Broker as Amqtt  # noqa: PLC0415 - of an extra, and only where mosquitto is missing

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
    with _logged(folder / "broker.log"):
        running = Amqtt(settings)
        running._subscriptions = _Subscriptions()  # noqa: SLF001 - it has no other door
        await running.start()
        try:
            yield
        finally:
            await running.shutdown()


class _Subscriptions(dict[str, list[Any]]):
    """Goes through the topic filters as they were when it began.

    amqtt 0.12.1 goes through them while it sends retained messages to a client that has come. Where another subscribed
    meanwhile that raised, and what the first one published from then on was acknowledged and went to nobody.
    """

    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """As for mosquitto: what the broker says of clients that were killed goes to a file, not over the picture."""
    handler = logging.FileHandler(path)
    loggers = [logging.getLogger(name) for name in ("amqtt", "asyncio")]  # its callbacks' errors are asyncio's to tell
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


def _bindable(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return int(probe.getsockname()[1])


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
