"""A year in simulated time: `python -m tests.year FOLDER [--short]`; a line a month, the figures as JSON at the end."""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from gateway.footprint import kept_small
from tests.year.year import FULL, SHORT, Year

ROOT = Path(__file__).resolve().parents[2]
_ROUNDS, _PROBES = 9, 1000


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
    """Of day 1 and the last day: start (median), time to store an event (p99) and its CPU (median), taken by turns."""
    starts: list[list[float]] = [[], []]
    seen: list[list[dict[str, float]]] = [[], []]
    for turn in range(rounds):
        with ExitStack() as running:
            pair = [running.enter_context(_Probe(folder / name)) for name in ("day-1", "box")]
            for one, start in zip(pair, starts, strict=True):
                start.append(one.started)
            order = [*zip(pair, seen, strict=True)][:: 1 if turn % 2 else -1]
            for _ in range(probes):
                for one, events in order:
                    events.append(one.event())
    late = [sorted(one["latency"] for one in events) for events in seen]
    return {
        "start": [statistics.median(start) for start in starts],
        "p99": [times[int(0.99 * (len(times) - 1))] for times in late],
        "cpu": [statistics.median(one["cpu"] for one in events) for events in seen],
    }


class _Probe:
    """A gateway on a copy of a folder, which takes an event when it is told to."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.year.probe", str(folder)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.started = self._said()["start"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self._process.communicate()

    def _said(self) -> dict[str, float]:
        assert self._process.stdout is not None
        said: dict[str, float] = json.loads(self._process.stdout.readline())
        return said

    def event(self) -> dict[str, float]:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._said()


if __name__ == "__main__":
    main()
