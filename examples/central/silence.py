"""Which gateways are silent, and how late their events are: metrics of the centre for the alerts of docs/monitoring.md.

    python -m examples.central.silence --broker broker.example:8883 --certificates pki --textfile folder

Reads `state` and `epcis` of all gateways and writes `readpoint_centre.prom` for a node-exporter every 15 s.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import aiomqtt
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from .broker import HOMES, VERSIONS, always
from .checks import WRONG, events, topic_of

SILENT = 90.0
"""Seconds: `state` comes every 30 s."""

KEPT = 1000
"""Newest live events of a gateway: what its p99 is of."""

MOST = 10_000
"""Gateways."""

_TOPIC = re.compile(r"readpoint/v1/[^/]+/[^/]+/([a-z0-9.-]{1,64})/(state|epcis/.+)")


class Gateways:
    """What was heard of each, by its identity. No I/O, no clock: times are Unix seconds."""

    def __init__(self) -> None:
        self._seen: dict[str, float] = {}
        self._late: dict[str, deque[float]] = {}

    def hear(self, topic: str, payload: bytes, now: float, *, retained: bool = False) -> None:
        """A message came. What is none of a gateway is passed over."""
        found = _TOPIC.fullmatch(topic)
        if found is None:
            return
        if found[2] == "state" and not payload:  # whoever clears it says that there is no such gateway any more
            self._seen.pop(found[1], None)
            self._late.pop(found[1], None)
            return
        for event in events(payload):
            with contextlib.suppress(*WRONG):
                self._take(found[1], event, now, retained=retained)

    def _take(self, gateway: str, event: dict[str, Any], now: float, *, retained: bool) -> None:
        if event["type"] == "readpoint.state.v1":
            # A retained one is as old as it says; and that it is offline is no sign of life, only of when it ended.
            at = min(now, _seconds(event["time"])) if retained else now
            if event["data"]["state"] == "online" or gateway not in self._seen:
                _bounded(self._seen, gateway)
                self._seen[gateway] = at if event["data"]["state"] == "online" else min(at, now - SILENT)
        elif event["type"] == "readpoint.epcis.v1" and not event.get("historical"):
            if "errorDeclaration" in event["data"]:  # its eventTime is that of the event that it takes back
                return
            late = now - _seconds(event["data"]["eventTime"])
            _bounded(self._late, gateway)
            self._late.setdefault(gateway, deque(maxlen=KEPT)).append(late)

    def silent(self, now: float) -> list[str]:
        """Those that have said nothing for too long."""
        return sorted(name for name, seen in self._seen.items() if now - seen > SILENT)

    def known(self, gateway: str) -> bool:
        """Whether there is one of that identity."""
        return gateway in self._seen

    def collect(self) -> Iterator[Metric]:
        """What Prometheus is shown."""
        heard = GaugeMetricFamily(
            "readpoint_centre_state_timestamp_seconds",
            "When the last state of a gateway came, in Unix seconds.",
            labels=["gateway"],
        )
        for name, seen in sorted(self._seen.items()):
            heard.add_metric([name], round(seen, 3))
        yield heard
        # Of the newest events, not of all: a summary without count and sum.
        latency = Metric(
            "readpoint_centre_latency_seconds", "Received minus eventTime of the newest live events.", "summary"
        )
        for name, late in sorted(self._late.items()):
            worst = sorted(late)[-(-len(late) * 99 // 100) - 1]
            latency.add_sample(latency.name, {"gateway": name, "quantile": "0.99"}, round(worst, 3))
        yield latency

    def text(self) -> str:
        """In Prometheus's text format 0.0.4."""
        registry = CollectorRegistry()
        registry.register(self)
        return generate_latest(registry).decode()


def _bounded(known: dict[str, Any], gateway: str) -> None:
    if gateway not in known and len(known) >= MOST:
        raise ValueError(f"more than {MOST} gateways")


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def serve(asked: argparse.Namespace, clock: Callable[[], float] = time.time) -> None:
    """Until cancelled."""
    gateways = Gateways()
    file: Path = asked.textfile / "readpoint_centre.prom"

    async def listen(client: aiomqtt.Client) -> None:
        await client.subscribe([(f"{home}/{channel}", 1) for home in HOMES for channel in ("state", "epcis/#")])
        async for one in client.messages:
            gateways.hear(topic_of(one.topic.value), bytes(one.payload), clock(), retained=one.retain)

    async def write() -> None:
        told: list[str] = []
        while True:
            new = file.with_suffix(".new")
            new.write_text(gateways.text())
            new.replace(file)
            before, told = told, gateways.silent(clock())
            for name in told:
                if name not in before:
                    print(f"ALARM: {name} has said nothing for {SILENT:g} s", file=sys.stderr, flush=True)
            await asyncio.sleep(asked.every)

    async with asyncio.TaskGroup() as tasks:
        writing = tasks.create_task(write())
        try:
            await always(asked, listen, lambda: None)
        finally:
            writing.cancel()


def arguments() -> argparse.Namespace:
    """What the command line says."""
    words = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    words.add_argument("--broker", default="localhost:8883", help="HOST:PORT")
    words.add_argument("--certificates", type=Path, help="folder; without one, plain TCP")
    words.add_argument("--mqtt", default="5", choices=VERSIONS, help="3.1.1 for RabbitMQ 3 and NATS")
    words.add_argument("--client-id", default="silence", help="the broker keeps its session under this name")
    words.add_argument("--textfile", type=Path, required=True, help="folder of a node-exporter's textfile collector")
    words.add_argument("--every", type=float, default=15.0, help="seconds between two files")
    return words.parse_args()


if __name__ == "__main__":
    with contextlib.suppress(asyncio.CancelledError, KeyboardInterrupt):
        asyncio.run(serve(arguments()))
