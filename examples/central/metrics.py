"""The figures of the centre for Prometheus, under the names that config/monitoring/alerts.yaml asks for.

`readpoint_centre_…{gateway}`: the gateway is its identity, as `gw-07.rfid`.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from .checks import topic_of
from .silence import Gateways

if TYPE_CHECKING:
    import aiomqtt

    from .subscriber import Central

PATIENCE = 5.0
"""Seconds that a scrape waits for its turn."""

_GAUGES = {
    "accuracy_ratio": "Objects equal in the newest snapshots and the central state / all in either.",
    "convergence_seconds": "From its last return to all its zones being equal.",
    "unequal_seconds": "Since a zone of it is not equal to the central state; 0 when all are.",
    "missing_numbers": "Sequence numbers that are neither stored nor declared lost.",
}


class Figures:
    """What one centre knows of its gateways; `hear` all that comes."""

    def __init__(self, central: Central, clock: Callable[[], float] = time.time) -> None:
        self._central, self._clock = central, clock
        self._gateways = Gateways()

    def hear(self, messages: Iterable[aiomqtt.Message]) -> None:
        """These came."""
        for one in messages:
            self._gateways.hear(topic_of(one.topic.value), bytes(one.payload), self._clock(), retained=one.retain)

    def families(self) -> list[Metric]:
        """All figures. What the centre still has of a gateway that is no more is not shown."""
        known: dict[str, dict[str, float]] = {name: {} for name in _GAUGES}
        for source, share in self._central.kpis.accuracies().items():
            known["accuracy_ratio"][source.rpartition(":")[2]] = share
        now = self._central.steady()
        for home, segment in self._central.segments.items():
            gateway = _identity(home)
            known["unequal_seconds"][gateway] = segment.unequal(now)
            if segment.took is not None:
                known["convergence_seconds"][gateway] = segment.took
        known["missing_numbers"] = {_identity(home): many for home, many in self._central.streams.missing().items()}
        families = list(self._gateways.collect())
        for name, text in _GAUGES.items():
            gauge = GaugeMetricFamily(f"readpoint_centre_{name}", text, labels=["gateway"])
            for gateway, value in sorted(known[name].items()):
                if self._gateways.known(gateway):
                    gauge.add_metric([gateway], round(value, 4))
            families.append(gauge)
        counts = CounterMetricFamily(
            "readpoint_centre_messages", "What came, by what became of it, since this started.", labels=["result"]
        )
        for name, count in sorted(self._central.kpis.count.items()):
            counts.add_metric([name], count)
        return [*families, counts]


class _OnLoop:
    """A scrape comes in a thread of its own; what it is told is worked out between two steps of the centre."""

    def __init__(self, families: Callable[[], list[Metric]]) -> None:
        self._families, self._loop = families, asyncio.get_running_loop()

    def describe(self) -> list[Metric]:  # else registering would be a scrape
        return []

    def collect(self) -> Iterator[Metric]:
        async def told() -> list[Metric]:
            return self._families()

        yield from asyncio.run_coroutine_threadsafe(told(), self._loop).result(PATIENCE)


@contextmanager
def shown(address: str | None, central: Central) -> Iterator[Figures | None]:
    """Meanwhile they are at `http://HOST:PORT/metrics`; nothing is, without an address."""
    if address is None:
        yield None
        return
    host, _, port = address.rpartition(":")
    figures, registry = Figures(central), CollectorRegistry()
    registry.register(_OnLoop(figures.families))
    server, thread = start_http_server(int(port), host.strip("[]"), registry)
    print(f"metrics: http://{host}:{server.server_port}/metrics", file=sys.stderr, flush=True)
    try:
        yield figures
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _identity(home: str) -> str:
    return home.rpartition("/")[2]
