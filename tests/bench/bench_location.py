"""What a read costs, what a tag weighs, and how long the engine may stop: `python -m tests.bench.bench_location`."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

from drivers.contract import Read
from gateway.identity.resolve import Resolver
from gateway.location.engine import Engine, Outcome
from gateway.model import Kind, Port, ReadPoint, Rules

START = 1_790_000_000.0
ANTENNAS = 4


def rules(kind: Kind) -> Rules:
    """Four antennas: each a zone, or all at one checkpoint."""
    names = [f"p{port}" if kind == "zone" else "belt" for port in range(1, ANTENNAS + 1)]
    points = {name: ReadPoint(name, f"urn:epc:id:sgln:9521141.12345.{name}", kind) for name in names}
    return Rules(points, tuple(Port("reader", port, name) for port, name in enumerate(names, 1)))


def epc(tag: int) -> bytes:
    """SGTIN-96 with serial `tag` + 1."""
    return ((0x30 << 88) | (1 << 85) | (5 << 82) | (9506000 << 58) | (13435 << 38) | (tag + 1)).to_bytes(12, "big")


def reports(tags: int, now: float, antennas: tuple[int, ...], turn: int) -> list[list[Read]]:
    """One round of all tags, in reports of 50, as a decoder hands them out: fresh bytes and numbers."""
    reads = [
        Read("epc", epc(tag), now + tag * 1e-6, antenna, -55.0 - (tag + turn) % 3 - 6.0 * place, None, None, now)
        for tag in range(tags)
        for place, antenna in enumerate(antennas)
    ]
    return [reads[at : at + 50] for at in range(0, len(reads), 50)]


def cost(kind: Kind, tags: int, antennas: tuple[int, ...], rounds: int = 20) -> float:
    """Microseconds of CPU a repeated read, the best of the rounds: handed over, weighed at the step, deadlines."""
    engine = Engine(rules(kind), Resolver().resolve)
    best = float("inf")
    for turn in range(rounds):
        now = START + turn * 0.5
        batches = reports(tags, now, antennas, turn)
        begin = time.thread_time()
        for batch in batches:
            engine.feed("reader", batch, now + 0.4)
        settle(engine, now + 0.5)
        if turn > 5:
            best = min(best, (time.thread_time() - begin) / (tags * len(antennas)))
    return best * 1e6


def settle(engine: Engine, now: float) -> int:
    """Fire everything due."""
    fired = 0
    while (due := engine.deadline) is not None and due <= now:
        fired += len(engine.advance(now))
    return fired


def weight(kind: Kind, tags: int, antennas: tuple[int, ...]) -> float:
    """Bytes a tag, identity and key included, resolver's memory not."""
    gc.collect()
    tracemalloc.start()
    resolver = Resolver(capacity=2)
    engine = Engine(rules(kind), resolver.resolve)
    before = tracemalloc.get_traced_memory()[0]
    for turn in range(8):
        for batch in reports(tags, START + turn * 0.5, antennas, turn):
            engine.feed("reader", batch, START + turn * 0.5 + 0.4)
        settle(engine, START + turn * 0.5 + 0.5)
    del batch
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert sum(1 for _ in engine.sightings()) == tags
    return used / tags


def pauses(tags: int) -> dict[str, float]:
    """The longest single call in ms of CPU time, garbage collection running: while all arrive and stay, and leave."""
    engine = Engine(rules("zone"), Resolver(capacity=2).resolve)
    longest = {"feeding": 0.0, "steps": 0.0, "mass expiry": 0.0}

    def timed(name: str, call: Callable[[], list[Outcome]]) -> int:
        begin = time.thread_time()
        outcomes = call()
        longest[name] = max(longest[name], (time.thread_time() - begin) * 1e3)
        return len(outcomes)

    # As the gateway does once it has started: modules and configuration are no garbage.
    gc.collect()
    gc.freeze()
    now = START
    for turn in range(8):
        now = START + turn * 0.5
        for batch in reports(tags, now, (1, 2), turn):
            timed("feeding", partial(engine.feed, "reader", batch, now + 0.4))
        while (due := engine.deadline) is not None and due <= now + 0.5:
            timed("steps", partial(engine.advance, now + 0.5))
    now += 31.0
    left = 0
    while (due := engine.deadline) is not None and due <= now:
        left += timed("mass expiry", partial(engine.advance, now))
    assert left == tags, left
    return longest


def main() -> None:
    """Print the figures."""
    print(f"checkpoint, repeated read, 1,000 tags: {cost('checkpoint', 1000, (1,)):.2f} us (target <= 1.5)")
    print(f"zone, repeated read, 1,000 tags, 1 antenna: {cost('zone', 1000, (1,)):.2f} us (target <= 4)")
    print(f"zone, repeated read, 1,000 tags, 4 antennas: {cost('zone', 1000, (1, 2, 3, 4)):.2f} us (target <= 4)")
    print(f"zone, repeated read, 100,000 tags, 2 antennas: {cost('zone', 100_000, (1, 2), 8):.2f} us (target <= 8)")
    print(f"zone, 100,000 tags, 2 antennas: {weight('zone', 100_000, (1, 2)):.0f} bytes a tag (target <= 800)")
    print(f"checkpoint, 100,000 tags: {weight('checkpoint', 100_000, (1,)):.0f} bytes a tag (target <= 800)")
    for name, longest in pauses(100_000).items():
        print(f"longest pause, 100,000 tags, {name}: {longest:.1f} ms (target <= 20)")


if __name__ == "__main__":
    main()
