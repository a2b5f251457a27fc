"""How true portals are at doors of any geometry, and what a read there costs: `python -m tests.bench.bench_portal`."""

from __future__ import annotations

import sys
import time

from drivers.contract import Read
from gateway.identity.resolve import Resolver
from gateway.location.engine import Engine
from gateway.model import Port, ReadPoint, Rules
from tests.bench.bench_location import START, reports
from tests.doors import STORIES, Score, tell

DRAWS = 24
"""Stories of each kind; of parked pallets, an hour each, a sixth."""

TARGETS = {"right": 0.97, "once": 0.98, "complete": 0.95}


def row(story: str, draws: int, *, phases: bool) -> Score:
    """Scores of one kind of story, at doors that nothing was chosen for."""
    found = Score()
    for seed in range(draws):
        found.add(tell(story, f"bench/{seed}", phases=phases))
    return found


def table(draws: int) -> None:
    """One line a story, with levels alone and with Doppler shifts."""
    for phases in (False, True):
        total = Score()
        for story in STORIES:
            found = row(story, max(draws // 6, 1) if story == "parked" else draws, phases=phases)
            total.add(found)
            print(f"{story}, {'with Doppler' if phases else 'levels alone'}: {line(found)}", flush=True)
        wanted = ", ".join(f"{name} >= {share:.2f}" for name, share in TARGETS.items())
        print(f"all, {'with Doppler' if phases else 'levels alone'}: {line(total)} (target {wanted})")


def line(found: Score) -> str:
    """What a score says; of nothing crossed only what is false."""
    if not found.crossings:
        return f"{found.false} passages told of nothing"
    shares = f"right {found.share('right'):.3f}, once {found.share('once'):.3f}, unknown {found.share('unknown'):.3f}"
    return f"{shares}, complete {found.share('complete', 'loads'):.3f}, {found.false} false of {found.crossings}"


def cost(tags: int, rounds: int = 24) -> float:
    """Microseconds a repeated read at a door with an antenna on each side, all that it decides included."""
    ports = (Port("reader", 1, "dock", "outside"), Port("reader", 2, "dock", "inside"))
    engine = Engine(
        Rules({"dock": ReadPoint("dock", "urn:epc:id:sgln:9521141.12345.dock", "portal")}, ports), Resolver().resolve
    )
    spent, reads = 0.0, 0
    for turn in range(rounds):
        now = START + turn * 0.5
        batches: list[list[Read]] = reports(tags, now, (1, 2), turn)
        begin = time.perf_counter()
        for batch in batches:
            engine.feed("reader", batch, now + 0.4)
        if turn >= rounds // 3:
            spent, reads = spent + time.perf_counter() - begin, reads + 2 * tags
    return spent / reads * 1e6


def main() -> None:
    """Print the figures; with a number, that many draws of each story."""
    print(f"portal, repeated read, 1,000 tags, 2 antennas: {cost(1000):.2f} us (target <= 4)")
    table(int(sys.argv[1]) if len(sys.argv) > 1 else DRAWS)


if __name__ == "__main__":
    main()
