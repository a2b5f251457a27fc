"""A year in simulated time: `python -m tests.year FOLDER [--short]`; a line a month, the figures as JSON at the end."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from gateway.footprint import kept_small
from tests.year.year import FULL, SHORT, Year

ROOT = Path(__file__).resolve().parents[2]
_ROUNDS, _PROBES = 31, 300
"""Of the same two folders, eight rounds put the ratio of p99 anywhere between 1.00 and 1.11, and 24 at 1.01."""


def main() -> None:
    wish = argparse.ArgumentParser()
    wish.add_argument("folder", type=Path)
    wish.add_argument("--short", action="store_true")
    asked = wish.parse_args()
    begin = time.perf_counter()
    year = Year(asked.folder, SHORT if asked.short else FULL, lambda line: print(line, flush=True))
    year.clock.install()
    asyncio.run(_live(year))
    now = asked.folder / "box" / "now"
    now.write_text(repr(year.clock()))
    figures = _figures(year)
    figures["day 1 and last"] = _compare(asked.folder, 1 if asked.short else _ROUNDS, 20 if asked.short else _PROBES)
    figures["seconds"] = round(time.perf_counter() - begin, 1)
    print(json.dumps(figures))


async def _live(year: Year) -> None:
    async with kept_small():
        await year.run()


def _figures(year: Year) -> dict[str, object]:
    books = year.books
    return {
        "days": year.length.days,
        "events": books.events,
        "tags": year.tags,
        "undeclared": books.undeclared - year.pending,
        "pending": year.pending,
        "declared": books.lost,
        "repeated": books.repeated,
        "upgrades": year.upgrades,
        "damaged": year.rotten,
        "connects": year.connects,
        "offsets": sorted(year.offsets),
        "growing": year.series.growing(),
        "resident": year.series.resident(),
    }


def _compare(folder: Path, rounds: int, probes: int) -> dict[str, list[float]]:
    """Of day 1 and the last day, medians of turns taken by both: a machine is not as fast an hour later."""
    seen: dict[str, list[dict[str, float]]] = {"day-1": [], "box": []}
    for turn in range(rounds):
        for name, measured in sorted(seen.items(), reverse=turn % 2 == 0):
            command = [sys.executable, "-m", "tests.year.probe", str(folder / name), str(probes)]
            done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
            measured.append(json.loads(done.stdout))
    return {
        what: [statistics.median(one[what] for one in measured) for measured in seen.values()]
        for what in ("start", "p99", "cpu")
    }


if __name__ == "__main__":
    main()
