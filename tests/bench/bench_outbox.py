"""The outbox alone: a burst, claim and settle, bytes written, what an idle one writes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.config.site import Outbox as Settings
from gateway.model import Draft, Identity, Present, Work
from gateway.outbox.store import Outbox, open_outbox

BURST = 20_000
SIZE = 1000
_BODY = b'"id":"urn:uuid:0192f7c1-6b2e-7c3a-9d11-3f2a5b6c7d8e","data":"%b"' % (b"x" * (SIZE - 150))


def _work(number: int, *, presence: bool = True) -> Work:
    tag = Identity(f"urn:epc:id:sgtin:9521141.012345.{number % 25_000}", "sgtin", "instance")
    return Work(
        (Draft("epcis", "aisle-a", bytes(16), _BODY),), (Present(tag, "aisle-a", 1.5, 2.5),) if presence else ()
    )


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


async def _paced(outbox: Outbox, rate: float, together: int, events: int) -> None:
    """Events at a rate, so many at once, each claimed and settled as it comes: what a connected gateway writes."""
    written, begin = _written(), time.perf_counter()
    for number in range(0, events, together):
        for one in range(together):
            outbox.put(_work(number + one))
        rows = await outbox.claim("live", 90, 90_000)
        outbox.settle([row.rowid for row in rows])
        await asyncio.sleep(max(0.0, begin + (number + together) / rate - time.perf_counter()))
    await outbox.flush()
    each = (_written() - written) / events
    day = each * 20 * 86400 / 1e9
    print(
        f"written at {rate:.0f} events/s, {together} at once: {each:,.0f} bytes an event = {day:.1f} GB a day at 20/s"
        " (target <= 12)"
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
            # Past the settlements' second, so that only idleness is measured.
            await _paced(outbox, 40.0, 1, 120)
            await _paced(outbox, 40.0, 4, 160)
            await asyncio.sleep(1.5)
            await _idle(outbox, 2.0)


def main() -> None:
    asyncio.run(_measure())


if __name__ == "__main__":
    main()
