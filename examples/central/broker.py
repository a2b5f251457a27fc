"""The connection to the broker: what the command line says of it, and that it is made again."""

from __future__ import annotations

import argparse
import asyncio
import signal
import ssl
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

HOMES = ("readpoint/v1/+/+/+", "readpoint/v1/+/+/+/+")
"""What a segment's topics begin with; the second as RabbitMQ has it, for whom a dot ends a level."""

CHANNELS = [
    f"{home}/{channel}"
    for home in HOMES
    for channel in ("epcis/#", "telemetry/#", "health/#", "loss", "snapshot/#", "state")
]
VERSIONS = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}

QUEUE = 100_000
"""Messages waiting, beyond which they are dropped here and asked for again."""


def arguments(title: str) -> argparse.Namespace:
    """What the command line says."""
    words = argparse.ArgumentParser(description=title.splitlines()[0])
    words.add_argument("--broker", default="localhost:8883", help="HOST:PORT")
    words.add_argument("--certificates", type=Path, help="folder; without one, plain TCP")
    words.add_argument("--database", default="central.sqlite3", help="an SQLite file, or postgresql://…")
    words.add_argument("--mqtt", default="5", choices=VERSIONS, help="3.1.1 for RabbitMQ 3 and NATS")
    words.add_argument("--client-id", default="central", help="the broker keeps its session under this name")
    words.add_argument("--patience", type=float, default=5.0, help="seconds that a number may be late")
    words.add_argument("--every", type=float, default=60.0, help="seconds between two reports")
    words.add_argument("--metrics", metavar="HOST:PORT", help="show the figures to Prometheus there, as 127.0.0.1:9465")
    return words.parse_args()


def connection(asked: argparse.Namespace) -> aiomqtt.Client:
    """Its session stays at the broker for a day: what comes while this is away is kept there."""
    host, _, port = asked.broker.rpartition(":")
    context = None
    if asked.certificates:
        context = ssl.create_default_context(cafile=str(asked.certificates / "ca.pem"))
        context.load_cert_chain(asked.certificates / "central.pem", asked.certificates / "central.key")
    session: dict[str, Any] = {"clean_session": False}
    if asked.mqtt == "5":
        session = {"clean_start": False, "properties": Properties(PacketTypes.CONNECT)}  # type: ignore[no-untyped-call]
        session["properties"].SessionExpiryInterval = 86_400
    version = VERSIONS[asked.mqtt]
    who: dict[str, Any] = {"identifier": asked.client_id, "tls_context": context, "protocol": version}
    return aiomqtt.Client(host, int(port), max_queued_incoming_messages=QUEUE, **who, **session)


async def always(
    asked: argparse.Namespace, talk: Callable[[aiomqtt.Client], Awaitable[None]], lost: Callable[[], None]
) -> None:
    """Until SIGTERM: `talk` on a connection, which is made again a second after it was `lost`."""
    me = asyncio.current_task()
    assert me is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    while True:
        try:
            async with connection(asked) as client:
                await talk(client)
        except* aiomqtt.MqttError as errors:
            print(f"no broker: {errors.exceptions[0]}", file=sys.stderr, flush=True)
        lost()
        await asyncio.sleep(1)
