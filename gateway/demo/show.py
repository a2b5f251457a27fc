"""The demo from beginning to end: build the site, let it run, pull its plugs, and count what arrived."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from gateway.demo import pki, site
from gateway.demo.acts import COUNT, play
from gateway.demo.broker import Broker, Choice, broker
from gateway.demo.cable import Cable
from gateway.demo.caption import caption
from gateway.demo.central import Central, event_id, subscribed
from gateway.demo.floor import readers
from gateway.demo.process import SEGMENT, GatewayProcess
from gateway.demo.screen import Screen
from gateway.demo.tally import Tally
from gateway.outbox.inspect import stopped

DRAIN = 30.0
"""Seconds that the backlog may take to arrive after the last fault."""


class Plan(msgspec.Struct, frozen=True):
    """What to show.

    `host`: read this reader, `host` or `host:port`, instead of simulators; `folder`: where all files are made and kept;
    `port`: the broker's, 0 for a free one.
    """

    seconds: float = 45.0
    host: str | None = None
    broker: Choice = "auto"
    port: int = 0
    folder: Path | None = None


class Result(msgspec.Struct, frozen=True):
    """What came of it.

    `sent`: distinct ids stored; `received`: distinct ids at the subscriber; `duplicates`: deliveries beyond the first;
    `declared`: sequence numbers that a `loss` message named.
    """

    sent: int
    received: int
    duplicates: int
    declared: int
    lost: int
    reads: int
    broker: str
    protocol: str
    seconds: float

    def line(self) -> str:
        """The demo's result for a person."""
        return f"sent {self.sent} received {self.received} duplicates {self.duplicates} lost {self.lost}"


async def show(plan: Plan, screen: Screen) -> Result:
    """Run for about `plan.seconds`. RuntimeError or OSError if it cannot even begin."""
    with _folder(plan.folder) as folder:
        pki.make(folder)
        async with AsyncExitStack() as stack:
            where = await stack.enter_async_context(broker(folder, plan.broker, plan.port))
            central = Central(lambda name, event: screen.event(caption(name, event)))
            await stack.enter_async_context(subscribed(folder, where, central))
            cable = await stack.enter_async_context(Cable(where.port).laid())
            path = await stack.enter_async_context(_site(folder, where, cable.port, plan))
            gateway = GatewayProcess(folder, path)
            tally = Tally()
            with screen.shown(_stage(where, plan)):
                async with gateway.running(), _counting(gateway, central, screen, tally, plan.seconds):
                    await play(gateway, cable, screen, plan.seconds)
                    screen.announce(COUNT)
                    await _drained(gateway)
                stored = _stored(folder)
                await _arrived(central, stored)
                result = _result(stored, central, where, plan, tally.reads)
                screen.count(tally.final(result.sent, result.received, central.duplicates), left=0)
        return result


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """A private folder, thrown away at the end; or a new one that stays."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="readpoint-demo-") as name:
            yield Path(name)
        return
    if keep.exists() and any(keep.iterdir()):
        raise FileExistsError(f"{keep} is not empty: name a folder that is new")
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield keep.resolve()


def _stage(where: Broker, plan: Plan) -> str:
    source = f"the reader at {plan.host}" if plan.host else "2 simulated readers"
    return f"{source} → {where.name}, MQTT {where.protocol}, {where.security} on {where.port}"


@asynccontextmanager
async def _site(folder: Path, where: Broker, uplink: int, plan: Plan) -> AsyncIterator[Path]:
    if plan.host is not None:
        host, port = address(plan.host)
        yield site.write(folder, site.own(where, uplink, host, port))
        return
    async with readers(plan.seconds) as ports:
        yield site.write(folder, site.simulated(where, uplink, ports))


def address(host: str) -> tuple[str, int]:
    """`HOST`, `HOST:PORT` or `[IPV6]:PORT`; LLRP's port is 5084. ValueError for another port than a number."""
    name, colon, port = host.rpartition(":")
    if not colon or (":" in name and not name.endswith("]")):
        return host.strip("[]"), 5084
    if not port.isdecimal() or not 0 < int(port) <= 65535:
        raise ValueError(f"{port!r} is no port: write ADDRESS or ADDRESS:PORT, as in 192.0.2.21:5084")
    return name.strip("[]"), int(port)


async def _drained(gateway: GatewayProcess) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            await gateway.until(lambda now: not now.outbox.pending)


async def _arrived(central: Central, stored: set[str]) -> None:
    """Wait for what the broker has taken and the central service has not."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            while not stored <= central.ids.keys():  # noqa: ASYNC110 - bounded, and over at the first look as a rule
                await asyncio.sleep(0.05)


@asynccontextmanager
async def _counting(
    gateway: GatewayProcess, central: Central, screen: Screen, tally: Tally, seconds: float
) -> AsyncIterator[None]:
    """Counts on the screen, those of killed processes included."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds

    async def count() -> None:
        while True:
            figures = tally.take(await gateway.overview(), len(central.ids), central.duplicates)
            screen.count(figures, max(0.0, end - loop.time()))
            await asyncio.sleep(0.2)

    task = asyncio.create_task(count(), name="counting")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _stored(folder: Path) -> set[str]:
    """The ids in the outbox file, now that nobody writes to it."""
    with stopped(folder / "state" / SEGMENT) as outbox:
        return {event_id(payload) for payload in outbox.payloads()}


def _result(stored: set[str], central: Central, where: Broker, plan: Plan, reads: int) -> Result:
    received = stored & central.ids.keys()
    return Result(
        sent=len(stored),
        received=len(received),
        duplicates=central.duplicates,
        declared=central.declared,
        lost=max(0, len(stored) - len(received) - central.declared),
        reads=reads,
        broker=where.name,
        protocol=where.protocol,
        seconds=plan.seconds,
    )
