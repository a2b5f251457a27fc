"""The demo from beginning to end: build the site, let it run, pull its plugs, and count what arrived."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from gateway.demo import stage
from gateway.demo.acts import COUNT, play
from gateway.demo.broker import Broker, Choice, broker
from gateway.demo.cable import Cable
from gateway.demo.caption import caption
from gateway.demo.central import Central, Heard, event_id, subscribed
from gateway.demo.figures import USUAL, Figures
from gateway.demo.process import GatewayProcess
from gateway.demo.screen import Screen
from gateway.demo.tally import Tally
from gateway.outbox.inspect import stopped

DRAIN = 30.0
"""Seconds that the backlog may take to arrive after the last fault."""


MARGIN = 10.0
"""Seconds that starting and counting take, while things go on on the floor."""


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


class Account(msgspec.Struct, frozen=True):
    """What came of one segment.

    `sent`: distinct ids stored; `received`: distinct ids at the subscriber; `duplicates`: deliveries beyond the first;
    `declared`: sequence numbers that a `loss` message named; `devices`: what each of them read or measured.
    """

    sent: int
    received: int
    duplicates: int
    declared: int
    lost: int
    reads: int
    devices: dict[str, int]


class Result(msgspec.Struct, frozen=True):
    """What came of it: the sums of all segments, and each by its name. `missing`: what could not be played here."""

    sent: int
    received: int
    duplicates: int
    declared: int
    lost: int
    reads: int
    broker: str
    protocol: str
    seconds: float
    segments: dict[str, Account]
    missing: str | None = None

    @property
    def silent(self) -> list[str]:
        """Devices that neither read nor measured anything."""
        return [name for one in self.segments.values() for name, observed in one.devices.items() if not observed]

    def line(self) -> str:
        """The demo's result for a person."""
        return f"sent {self.sent} received {self.received} duplicates {self.duplicates} lost {self.lost}"


async def show(plan: Plan, screen: Screen) -> Result:
    """Run for about `plan.seconds`. RuntimeError or OSError if it cannot even begin."""
    with _folder(plan.folder) as folder:
        async with AsyncExitStack() as stack:
            seen = await stack.enter_async_context(stage.cast(plan.host))
            cable = Cable()
            where, site = await stack.enter_async_context(_built(folder, seen, cable, plan))
            central = Central(lambda name, event: screen.event(caption(name, event)))
            await stack.enter_async_context(subscribed(folder, where, central))
            gateway = GatewayProcess(folder, site, seen.segments, seen.variables)
            tally = Tally(seen.segments)
            with screen.shown(f"{seen.who} → {where.name}, MQTT {where.protocol}, {where.security}", seen.missing):
                async with gateway.running(), _counting(gateway, central, screen, tally, plan.seconds):
                    await play(gateway, cable, screen, plan.seconds, wait=plan.host is None)
                    screen.announce(COUNT)
                    await _drained(gateway)
                stored = {name: _stored(folder, name) for name in seen.segments}
                await _arrived(central, stored)
                accounts = {name: _account(name, ids, central.segments[name], tally) for name, ids in stored.items()}
                screen.count(_final(tally, accounts), left=0)
        return _result(accounts, where, plan, seen.missing)


@asynccontextmanager
async def _built(folder: Path, seen: stage.Cast, cable: Cable, plan: Plan) -> AsyncIterator[tuple[Broker, Path]]:
    """Broker, cable and devices at work."""
    stage.certify(folder, seen)
    async with AsyncExitStack() as stack:
        where = await stack.enter_async_context(broker(folder, plan.broker, plan.port))
        await stack.enter_async_context(cable.laid(where.port))
        played = stage.played(folder, seen, where, cable.port, plan.host, plan.seconds + MARGIN)
        yield where, await stack.enter_async_context(played)


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


async def _drained(gateway: GatewayProcess) -> None:
    """Until no backlog waits. Devices go on: what they say last is sent while the gateway ends."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            await gateway.until(lambda now: now.outbox.pending <= USUAL)


async def _arrived(central: Central, stored: dict[str, set[str]]) -> None:
    """Wait for what the broker has taken and the central service has not."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(5):
            for name, ids in stored.items():
                while not ids <= central.segments[name].ids.keys():  # noqa: ASYNC110 - bounded, over at the first look as a rule
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
            figures = tally.take(await gateway.overviews(), central.received())
            screen.count(figures, max(0.0, end - loop.time()))
            await asyncio.sleep(0.2)

    task = asyncio.create_task(count(), name="counting")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _stored(folder: Path, segment: str) -> set[str]:
    """The ids in an outbox file, now that nobody writes to it."""
    with stopped(folder / "state" / segment) as outbox:
        return {event_id(payload) for payload in outbox.payloads()}


def _account(segment: str, stored: set[str], heard: Heard, tally: Tally) -> Account:
    received = stored & heard.ids.keys()
    return Account(
        sent=len(stored),
        received=len(received),
        duplicates=heard.duplicates,
        declared=heard.declared,
        lost=max(0, len(stored) - len(received) - heard.declared),
        reads=tally.lane(segment).read,
        devices={gauge.device: gauge.observed for gauge in tally.gauges(segment)},
    )


def _final(tally: Tally, accounts: dict[str, Account]) -> Figures:
    return tally.final(
        {name: one.sent for name, one in accounts.items()}, {name: one.received for name, one in accounts.items()}
    )


def _result(accounts: dict[str, Account], where: Broker, plan: Plan, missing: str | None) -> Result:
    each = accounts.values()
    return Result(
        sent=sum(one.sent for one in each),
        received=sum(one.received for one in each),
        duplicates=sum(one.duplicates for one in each),
        declared=sum(one.declared for one in each),
        lost=sum(one.lost for one in each),
        reads=sum(one.reads for one in each),
        broker=where.name,
        protocol=where.protocol,
        seconds=plan.seconds,
        segments=accounts,
        missing=missing,
    )
