"""Past one machine: a fleet of real outboxes and uplinks, three NATS nodes, the example of the centre on PostgreSQL."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from gateway.outbox.inspect import stopped
from tests import postgres
from tests.brokers import Pki, free_tcp_port
from tests.engines import Engine, Node
from tests.fleet import name_of
from tests.ledger import Ledger
from tests.scenarios.test_central import ROOT, Centre, fetch

pytestmark = [
    pytest.mark.soak,
    pytest.mark.root,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="a name with three addresses needs root (a mount of /etc/hosts)"),
    pytest.mark.skipif(postgres.BIN is None, reason="PostgreSQL is not installed: apt-get install postgresql"),
]
NAME = "centre.example"
ADDRESSES = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
PROCESSES = 4
BOUND = 300.0


@contextmanager
def cluster(pki: Pki, users: list[str]) -> Iterator[list[Engine]]:
    """Three nodes on loopback, with one port for MQTT."""
    port, certificate = free_tcp_port(), pki.broker_for(NAME, *ADDRESSES)
    routes = {f"centre-{n}.example:6222": f"{at}:{free_tcp_port()}" for n, at in enumerate(ADDRESSES, 1)}
    nodes = []
    with ExitStack() as running:
        for number, (address, route) in enumerate(zip(ADDRESSES, routes.values(), strict=True), 1):
            words = {'"centre-1"': f'"centre-{number}"', "0.0.0.0:6222": route, **routes}
            node = Engine("nats-cluster", pki, users, Node(port, words, free_tcp_port(), address, certificate))
            running.callback(node.remove)
            nodes.append(node)
        for node in nodes:
            node.spawn()
        for node in nodes:
            node.wait()
        yield nodes


def known(folder: Path, first: int) -> list[str]:
    """What runs a command for which the cluster's name has three addresses, beginning with the one of that number."""
    hosts = folder / f"hosts-{first}"
    order = [*ADDRESSES[first:], *ADDRESSES[:first]]
    hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {NAME}\n" for address in order))
    return ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), sys.executable]


@asynccontextmanager
async def ran(*words: str, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """It ends with the test: asked to, and then made to."""
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, **options)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(BOUND):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def memory(processes: Mapping[str, list[int]]) -> str:
    """Resident megabytes of each kind: the greatest."""
    greatest = {kind: max(psutil.Process(pid).memory_info().rss for pid in pids) for kind, pids in processes.items()}
    return ", ".join(f"{kind} {size / 1e6:.0f} MB" for kind, size in greatest.items())


async def ledger_of(folder: Path, gateways: int, database: str) -> Ledger:
    """What all outboxes hold, and what the centre stored."""
    ledger = Ledger()
    for number in range(gateways):
        with stopped(folder / name_of(number)) as outbox:
            for payload in outbox.payloads():
                ledger.record(json.loads(payload))
    for (text,) in await fetch(database, "SELECT payload FROM events"):
        ledger.deliver(json.loads(text))
    return ledger


@pytest.mark.parametrize(
    ("gateways", "events", "pace", "loses"),
    [(20, 150, 0.2, True), (200, 60, 1.0, False), (200, 60, 1.0, True)],
    ids=["20, a node is lost", "200", "200, a node is lost"],
)
async def test_a_fleet_publishes_into_three_nodes(
    pki: Pki, tmp_path: Path, gateways: int, events: int, pace: float, *, loses: bool
) -> None:
    users = [f"{name_of(number)}.rfid" for number in range(gateways)]
    (tmp_path / "pki").mkdir()
    mine = Pki(tmp_path / "pki")
    for user in [*users, "central"]:
        mine.client(user)
    with cluster(mine, users) as nodes, postgres.postgres() as database:
        async with AsyncExitStack() as running:
            words = ["-m", "examples.central.subscriber", "--broker", f"{NAME}:{nodes[0].port}", "--mqtt", "3.1.1"]
            words += ["--certificates", str(tmp_path / "pki"), "--database", database, "--every", "1"]
            process = await running.enter_async_context(
                ran(*known(tmp_path, 0), *words, stdout=asyncio.subprocess.PIPE)
            )
            centre = Centre(process)
            await centre.until(lambda said: said["online"] == 0, BOUND)
            fleet = []
            for part in range(PROCESSES):
                count = gateways // PROCESSES
                size = [str(each) for each in (tmp_path, part * count, count, NAME, nodes[0].port, events, pace)]
                fleet.append(
                    await running.enter_async_context(ran(*known(tmp_path, part % 3), "-m", "tests.fleet", *size))
                )
            await centre.until(lambda said: said["online"] == gateways, BOUND)
            for each in fleet:
                each.send_signal(signal.SIGUSR1)
            begun = time.monotonic()
            await centre.until(lambda said: said["count"].get("stored", 0) >= gateways * events // 3, BOUND)
            if loses:
                await asyncio.to_thread(nodes[0].kill)
                await centre.until(lambda said: said["count"].get("stored", 0) >= gateways * events * 2 // 3, BOUND)
                await asyncio.to_thread(nodes[0].start)
            last = await centre.until(
                lambda said: said["count"].get("stored", 0) >= gateways * events and not said["missing"], BOUND
            )
            took = time.monotonic() - begun
            print(f"\n{gateways} gateways, {gateways / pace:.0f} events/s asked for, a node lost: {loses}")
            print(f"stored after {took:.1f} s: {gateways * events / took:.0f} events/s")
            for lane, latency in last["latency"].items():
                print(f"decided to stored, {lane}: {latency['decidedAt']} s of {latency['events']} events")
            print(f"at the centre: {last['count']}")
            pids = {"node": [node.pid for node in nodes], "fleet's process": [one.pid for one in fleet]}
            print(f"memory: {memory({**pids, 'centre': [process.pid]})}")
        ledger = await ledger_of(tmp_path, gateways, database)
    print(ledger)
    assert len(ledger.recorded) == gateways * events
    assert ledger.faults == []
    assert ledger.recorded <= ledger.delivered.keys()
