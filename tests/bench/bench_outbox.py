"""The outbox alone: a burst, claim and settle, bytes written, what an idle one writes."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.config.site import Gateway
from gateway.config.site import Outbox as Settings
from gateway.messages import Composer
from gateway.model import Absent, Identity, Present, ReadPoint, Source, Transition, Work
from gateway.outbox.store import Outbox, open_outbox

BURST = 20_000
PRESENT = 1000
_COMPOSER = Composer(
    Gateway("gw-07", "dc1", "Europe/Madrid"),
    "rfid",
    {
        "aisle-a": ReadPoint("aisle-a", "urn:epc:id:sgln:9521141.12345.aislea", "zone"),
        "aisle-b": ReadPoint("aisle-b", "urn:epc:id:sgln:9521141.12345.aisleb", "zone"),
    },
)


def _work(number: int) -> Work:
    """A tag moves: an event of about 1 kB, and its presence."""
    luck, serial = random.Random(number), number % PRESENT
    now = 1_795_000_000.0 + number / 20.0
    tag = Identity(
        f"urn:epc:id:sgtin:9521141.012345.{serial}",
        "sgtin",
        "instance",
        f"https://id.gs1.org/01/09521141123454/21/{serial}",
    )
    moved = Transition(
        "moved",
        tag,
        "aisle-a",
        now - luck.random(),
        now,
        now - 5 * luck.random(),
        now - luck.random() / 9,
        reads=luck.randrange(99),
        sources=(Source("aisle-reader", luck.randrange(8), luck.randrange(99), -50 - luck.randrange(400) / 16),),
        origin="aisle-b",
    )
    return Work((_COMPOSER.epcis(moved),), (Present(tag, "aisle-a", now, now), Absent(tag.uri, "aisle-b")))


def _written() -> int:
    """Bytes this process sent to the storage layer (proc(5), /proc/self/io)."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines())
    return int(fields["write_bytes"])


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-outbox-") as name:
        yield Path(name)


async def _burst(outbox: Outbox) -> None:
    works = [_work(number) for number in range(BURST)]
    written, cpu, begin = _written(), time.process_time(), time.perf_counter()
    for work in works:
        outbox.put(work)
    put = time.perf_counter() - begin
    await outbox.flush()
    wall, cpu = time.perf_counter() - begin, time.process_time() - cpu
    print(f"put: {put / BURST * 1e6:.2f} us an event in the event loop (target about 1)")
    print(f"burst of {BURST} events of 1 kB: {BURST / wall:,.0f} durable events/s (target >= 20,000)")
    print(f"cost of an event stored: {cpu / BURST * 1e6:.1f} us CPU")
    print(f"written by the burst: {(_written() - written) / BURST:,.0f} bytes an event")


async def _drain(outbox: Outbox) -> None:
    cpu, begin, done = time.process_time(), time.perf_counter(), 0
    while rows := await outbox.claim("live", 90, 90_000):
        outbox.settle([row.rowid for row in rows])
        done += len(rows)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - begin
    print(f"claim and settle: {done / wall:,.0f} events/s, {cpu / done * 1e6:.1f} us CPU an event")


async def _together(outbox: Outbox, together: int, events: int) -> None:
    """So many events a commit, all sent and settled at 20 events/s: what a connected gateway writes."""
    works = [_work(number) for number in range(events)]
    written = _written()
    for at in range(0, events, together):
        for work in works[at : at + together]:
            outbox.put(work)
        await outbox.flush()
        if at % 20 == 0:
            outbox.settle([row.rowid for row in await outbox.claim("live", 90, 90_000)])
    each = (_written() - written) / events
    print(
        f"written with {together} events a commit: {each:,.0f} bytes an event ="
        f" {each * 20 * 86400 / 1e9:.1f} GB a day at 20/s (target <= 12 at the defaults)"
    )


async def _idle(outbox: Outbox, seconds: float) -> None:
    await outbox.flush()
    written = _written()
    await asyncio.sleep(seconds)
    day = (_written() - written) / seconds * 86400 / 1e6
    print(f"written while idle: {day:.1f} MB a day (target <= 20)")


async def _measure() -> None:
    with _folder() as folder:
        async with open_outbox(folder, "bench", Settings()) as outbox:
            await _burst(outbox)
            await _drain(outbox)
        begin = time.perf_counter()
        async with open_outbox(folder, "bench", Settings()) as outbox:
            print(f"opened with {BURST} rows in {(time.perf_counter() - begin) * 1000:.0f} ms")
            for together in (1, 2, 4):
                await _together(outbox, together, 2000)
            # Past the settlements' second, so that only idleness is measured.
            await asyncio.sleep(1.5)
            await _idle(outbox, 2.0)


def main() -> None:
    asyncio.run(_measure())


if __name__ == "__main__":
    main()
