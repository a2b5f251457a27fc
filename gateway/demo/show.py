"""The demo from beginning to end: build the site, let it run, pull its plugs, and count what arrived."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from gateway.demo import pki, site
from gateway.demo.broker import Broker, broker
from gateway.demo.cable import Cable
from gateway.demo.central import Central, event_id, subscribed
from gateway.demo.floor import readers
from gateway.demo.process import SEGMENT, GatewayProcess
from gateway.demo.screen import Screen
from gateway.describe import describe
from gateway.outbox.inspect import stopped
from gateway.overview import Overview

DRAIN = 30.0
"""Seconds that the backlog may take to arrive after the last fault."""


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
    broker: str
    seconds: float

    def line(self) -> str:
        """The demo's last line for a person."""
        return f"sent {self.sent} received {self.received} duplicates {self.duplicates} lost {self.lost}"


async def show(seconds: float, screen: Screen, host: str | None = None) -> Result:
    """Run for about `seconds`, reading simulators or the reader at `host`."""
    with tempfile.TemporaryDirectory(prefix="readpoint-demo-") as name:
        folder = Path(name)
        pki.make(folder)
        async with AsyncExitStack() as stack:
            where = await stack.enter_async_context(broker(folder))
            screen.announce(f"broker: {where.name}, MQTT {where.protocol} over mutual TLS, on port {where.port}")
            central = Central(lambda event: screen.event(describe(event)))
            await stack.enter_async_context(subscribed(folder, where, central))
            cable = await stack.enter_async_context(Cable(where.port).laid())
            path = await stack.enter_async_context(_site(folder, where, cable.port, seconds, host))
            gateway = GatewayProcess(folder, path)
            with screen.shown():
                async with gateway.running(), _counting(gateway, central, screen):
                    await _acts(gateway, cable, screen, seconds)
                    await _drained(gateway, screen)
        return _result(folder, central, where, seconds)


@asynccontextmanager
async def _site(folder: Path, where: Broker, uplink: int, seconds: float, host: str | None) -> AsyncIterator[Path]:
    if host is not None:
        yield site.write(folder, site.own(where, uplink, host))
        return
    async with readers(seconds) as ports:
        yield site.write(folder, site.simulated(where, uplink, ports))


async def _acts(gateway: GatewayProcess, cable: Cable, screen: Screen, seconds: float) -> None:
    """A quarter in peace, an uplink that is cut, a gateway that is killed, and peace again."""
    screen.announce("all is well: watch reads become few events, each one stored before it is sent")
    await asyncio.sleep(seconds * 0.3)
    await cable.pull()
    screen.announce("uplink cut: `stored` goes on, `received` stands still; nothing is lost meanwhile")
    await asyncio.sleep(seconds * 0.2)
    await cable.plug()
    screen.announce("uplink back: the backlog arrives beside new events")
    await asyncio.sleep(seconds * 0.15)
    gateway.kill()
    await gateway.gone()
    screen.announce("gateway killed (SIGKILL): what was stored is on disk; it starts again and goes on where it was")
    await asyncio.sleep(seconds * 0.05)
    await gateway.start()
    screen.announce("gateway started again: no arrival is repeated, none is forgotten")
    await asyncio.sleep(seconds * 0.3)


async def _drained(gateway: GatewayProcess, screen: Screen) -> None:
    screen.announce("the floor is still: waiting for the last events")
    await asyncio.sleep(1.0)
    try:
        async with asyncio.timeout(DRAIN):
            await gateway.until(lambda now: not now.outbox.pending)
    except TimeoutError:
        screen.announce(f"some events have not arrived after {DRAIN:.0f} s")


@asynccontextmanager
async def _counting(gateway: GatewayProcess, central: Central, screen: Screen) -> AsyncIterator[None]:
    """Counts on the screen, those of killed processes included."""

    async def count() -> None:
        ended = {"read": 0, "decided": 0}
        last: Overview | None = None
        while True:
            now = await gateway.overview()
            if now is not None:
                if last is not None and now.pid != last.pid:
                    ended["read"] += last.location.reads
                    ended["decided"] += last.location.decided
                last = now
                screen.count(
                    now.uplink.state,
                    read=ended["read"] + now.location.reads,
                    decided=ended["decided"] + now.location.decided,
                    stored=now.outbox.stored,
                    received=len(central.ids),
                )
            await asyncio.sleep(0.25)

    task = asyncio.create_task(count(), name="counting")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _result(folder: Path, central: Central, where: Broker, seconds: float) -> Result:
    """Compare what stands in the outbox file, now that nobody writes to it, with what arrived."""
    with stopped(folder / "state" / SEGMENT) as outbox:
        stored = {event_id(payload) for payload in outbox.payloads()}
    received = stored & set(central.ids)
    return Result(
        sent=len(stored),
        received=len(received),
        duplicates=central.duplicates,
        declared=central.declared,
        lost=max(0, len(stored) - len(received) - central.declared),
        broker=where.name,
        seconds=seconds,
    )
