"""The central side: takes every event once, keeps where each object is, says what it has, and finds what it lacks.

    python -m examples.central.subscriber --broker HOST:8883 --certificates FOLDER --database central.sqlite3

The folder holds ca.pem, central.pem and central.key; the database is an SQLite file or `postgresql://…`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import ssl
import sys
import time
from pathlib import Path

import aiomqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from .central import Central
from .databases import connect

MOST, QUEUE = 200, 100_000
"""Messages in one transaction; waiting, beyond which they are dropped here and asked for again."""

CHANNELS = ("epcis/#", "telemetry/#", "health/#", "loss", "snapshot/#", "state")


async def follow(client: aiomqtt.Client, central: Central) -> None:
    """Store what comes, as much at once as there is."""
    messages = aiter(client.messages)
    while True:
        batch = [await anext(messages)]
        while len(client.messages) and len(batch) < MOST:
            batch.append(await anext(messages))
        await central.take([(one.topic.value, bytes(one.payload)) for one in batch])


async def speak(client: aiomqtt.Client, central: Central, every: float) -> None:
    """Acks and requests once a second, the figures as often as asked."""
    due = time.monotonic() + every
    while True:
        for topic, payload in central.tick():
            await client.publish(topic, payload, qos=1)
        if time.monotonic() >= due:
            due += every
            report(central)
        await asyncio.sleep(1)


def report(central: Central) -> None:
    """The figures on stdout, what is wrong on stderr."""
    print(json.dumps(central.kpis.report() | {"missing": central.missing, "online": central.online}), flush=True)
    for alarm in central.kpis.alarms():
        print(f"ALARM: {alarm}", file=sys.stderr, flush=True)


async def serve(asked: argparse.Namespace) -> None:
    """Until cancelled; the broker keeps what comes while this is away, up to a day."""
    host, _, port = asked.broker.rpartition(":")
    context = None
    if asked.certificates:
        context = ssl.create_default_context(cafile=str(asked.certificates / "ca.pem"))
        context.load_cert_chain(asked.certificates / "central.pem", asked.certificates / "central.key")
    session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    session.SessionExpiryInterval = 86_400
    database = await connect(asked.database)
    central = Central(database, patience=asked.patience)
    await central.start()
    me = asyncio.current_task()
    assert me is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    try:
        while True:
            try:
                async with aiomqtt.Client(
                    host, int(port), identifier=asked.client_id, protocol=aiomqtt.ProtocolVersion.V5, clean_start=False,
                    properties=session, tls_context=context, max_queued_incoming_messages=QUEUE,
                ) as client, asyncio.TaskGroup() as tasks:  # fmt: skip
                    await client.subscribe([(f"readpoint/v1/+/+/+/{one}", 1) for one in CHANNELS])
                    tasks.create_task(follow(client, central))
                    tasks.create_task(speak(client, central, asked.every))
            except* aiomqtt.MqttError as errors:
                print(f"no broker: {errors.exceptions[0]}", file=sys.stderr, flush=True)
            central.disconnected()
            await asyncio.sleep(1)
    finally:
        report(central)
        await database.close()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--broker", default="localhost:8883", help="HOST:PORT")
    words.add_argument("--certificates", type=Path, help="folder; without one, plain TCP")
    words.add_argument("--database", default="central.sqlite3", help="an SQLite file, or postgresql://…")
    words.add_argument("--client-id", default="central", help="the broker keeps its session under this name")
    words.add_argument("--patience", type=float, default=5.0, help="seconds that a number may be late")
    words.add_argument("--every", type=float, default=60.0, help="seconds between two reports")
    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(serve(words.parse_args()))


if __name__ == "__main__":
    main()
