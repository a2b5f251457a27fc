"""Gateways in one process: real outboxes on disk and real uplinks, fed with location events at a pace.

    python -m tests.fleet FOLDER FIRST COUNT HOST PORT EVENTS PACE

The folder holds `pki/` with ca.pem and each identity's certificate; the outboxes go beside it. Events begin with
SIGUSR1, and all ends with SIGTERM.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.config.site import Gateway, Outbox, Segment, Site, Tls, Uplink
from gateway.messages import Composer
from gateway.model import Identity, ReadPoint, Transition, Work
from gateway.outbox.store import open_outbox
from gateway.uplink.link import uplink

AISLES = ("aisle-a", "aisle-b")
POINTS = {
    name: ReadPoint(name, f"urn:epc:id:sgln:9521141.12345.{name.replace('-', '')}", "zone") for name in AISLES
}  # fmt: skip


class Fleet(NamedTuple):
    folder: Path
    host: str
    port: int
    events: int
    pace: float


def name_of(number: int) -> str:
    return f"gw-{number:03}"


def site_of(fleet: Fleet, name: str) -> tuple[Site, Segment]:
    files = fleet.folder / "pki"
    tls = Tls(ca=files / "ca.pem", cert=files / f"{name}.rfid.pem", key=files / f"{name}.rfid.key")
    segment = Segment("rfid", Uplink(fleet.host, fleet.port, secure=True, tls=tls, protocol="3.1.1"))
    return Site(Gateway(name, "dc1"), {"rfid": segment}, {}, {}, digest="0" * 64), segment


def moves(name: str, composer: Composer) -> Iterator[Work]:
    """One of its ten objects comes or goes to the other aisle, whenever asked."""

    def move(step: int) -> Work:
        now, here = time.time(), step // 10 % 2
        thing = Identity(f"urn:epc:id:sgtin:9521141.{name[3:]}345.{step % 10}", "sgtin", "instance")
        kind, origin = ("moved", AISLES[1 - here]) if step >= 10 else ("arrived", None)
        said = Transition(kind, thing, AISLES[here], now, now, now, now, 1, origin=origin)  # type: ignore[arg-type]
        return Work((composer.epcis(said),))

    return map(move, itertools.count())


async def live(fleet: Fleet, number: int, go: asyncio.Event, over: asyncio.Event) -> None:
    """One gateway's life."""
    name, loop = name_of(number), asyncio.get_running_loop()
    site, segment = site_of(fleet, name)
    works = moves(name, Composer(site.gateway, "rfid", POINTS))
    async with (
        open_outbox(fleet.folder / name, "rfid", Outbox(), machine_id=name) as outbox,
        uplink(site, segment, outbox, version="fleet") as link,
    ):
        await link.until(lambda status: status.state == "online")
        await go.wait()
        due = loop.time() + fleet.pace * number / 200
        for work in itertools.islice(works, fleet.events):
            await asyncio.sleep(due - loop.time())
            outbox.put(work)
            due += fleet.pace
        await over.wait()


async def main() -> None:
    folder, first, count, host, port, events, pace = sys.argv[1:]
    fleet = Fleet(Path(folder), host, int(port), int(events), float(pace))
    go, over = asyncio.Event(), asyncio.Event()
    for number, event in ((signal.SIGUSR1, go), (signal.SIGTERM, over)):
        asyncio.get_running_loop().add_signal_handler(number, event.set)
    async with asyncio.TaskGroup() as tasks:
        for number in range(int(first), int(first) + int(count)):
            tasks.create_task(live(fleet, number, go, over))


if __name__ == "__main__":
    asyncio.run(main())
