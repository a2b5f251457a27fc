"""The broker inside the demo's process: what it acknowledged, it passes on."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import aiomqtt

from gateway.demo import pki
from gateway.demo.broker import broker

CLIENTS = 16
TOPICS = 24
RETAINED = 100


async def test_clients_that_come_at_once_lose_nothing(tmp_path: Path) -> None:
    """As segments do, each subscribing to its own topic while the broker has retained messages for others."""
    pki.make(tmp_path, ())
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    async with asyncio.timeout(20), broker(tmp_path, "amqtt") as where:

        def client(name: str) -> aiomqtt.Client:
            return aiomqtt.Client(
                "127.0.0.1",
                where.port,
                identifier=name,
                protocol=aiomqtt.ProtocolVersion.V311,
                tls_context=context,
            )

        async def come(number: int) -> None:
            async with client(f"segment-{number}") as segment:
                for each in range(TOPICS):
                    await segment.subscribe(f"ack/{number}/{each}", qos=1)
                await segment.publish(f"events/{number}", b"told", qos=1)

        async with client("centre") as centre:
            await centre.subscribe("events/#", qos=1)
            for number in range(RETAINED):
                await centre.publish(f"events/{number}", b"retained", qos=1, retain=True)
            missing = {f"events/{number}" for number in range(CLIENTS)}
            async with asyncio.TaskGroup() as group:
                for number in range(CLIENTS):
                    group.create_task(come(number))
                async for message in centre.messages:
                    if message.payload == b"told":
                        missing.discard(message.topic.value)
                    if not missing:
                        break
